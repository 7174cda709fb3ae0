"""A trained classifier as a folder of three files, none of which can run code."""

import os
import tempfile
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from captum_rnn.text.classifier import RecurrentClassifier
from captum_rnn.text.config import ModelConfig
from captum_rnn.text.vocabulary import Vocabulary

WEIGHTS_FILE = "model.safetensors"
CONFIG_FILE = "config.json"
VOCABULARY_FILE = "vocabulary.txt"
MODEL_FILES = (WEIGHTS_FILE, CONFIG_FILE, VOCABULARY_FILE)


def save_folder(
    folder: Path,
    model: RecurrentClassifier,
    vocabulary: Vocabulary,
    config: ModelConfig,
    *,
    half_precision: bool = False,
) -> None:
    """Writes model.safetensors, config.json and vocabulary.txt, all of them or nothing.

    The files are written beside `folder` and moved there in the end. A model folder that is there
    already is replaced.

    Args:
        folder: Where to; folders above it are made where missing.
        model: The classifier.
        vocabulary: Its words.
        config: The rest.
        half_precision: Store the weights as float16: half the size, rounded to three digits.

    Raises:
        FileExistsError: `folder` is a file or holds other files than a model's.
        OSError: It cannot be written.
        ValueError: A weight is NaN or infinite, also as it is too large for half precision.
    """
    folder = folder.absolute()
    refuse_other_files(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as beside:
            new = Path(beside, "new")
            new.mkdir()
            vocabulary.save(new / VOCABULARY_FILE)
            config.save(new / CONFIG_FILE)
            weights = _finite(folder, _weights(model, half_precision))
            save_file(weights, new / WEIGHTS_FILE)
            _put_in_place(new, folder, Path(beside, "old"))
    except (OSError, SafetensorError) as error:
        raise OSError(
            f"the model cannot be written to {folder} ({error}); name a folder that you may write "
            "to, on a disk with room"
        ) from error


def load_folder(folder: Path) -> tuple[RecurrentClassifier, Vocabulary, ModelConfig]:
    """Reads what `save_folder` wrote, without running anything that it holds.

    Args:
        folder: A model folder.

    Returns:
        The classifier in float32 and in evaluation mode, its words, and the rest.

    Raises:
        FileNotFoundError: One of the three files is missing.
        OSError: A file cannot be read.
        ValueError: A file is damaged or of another format, or the three do not fit each other.
    """
    missing = [name for name in MODEL_FILES if not (folder / name).is_file()]
    if missing:
        raise FileNotFoundError(
            f"{folder} is no model folder: {' and '.join(missing)} missing; give a folder that "
            "TextClassifier.save or `captum-rnn train` has written"
        )
    config = ModelConfig.load(folder / CONFIG_FILE)
    vocabulary = Vocabulary.load(folder / VOCABULARY_FILE)
    if len(vocabulary) != config.architecture["vocabulary_size"]:
        raise ValueError(
            f"{folder / VOCABULARY_FILE} has {len(vocabulary)} words where {CONFIG_FILE} says "
            f"{config.architecture['vocabulary_size']}; the files are not of one model, copy the "
            "whole folder again"
        )
    weights = _read_weights(folder / WEIGHTS_FILE)
    _check_layers(folder, config.architecture["layers"], weights)
    model = _empty_model(folder / CONFIG_FILE, config)
    _check_fit(folder, model, weights)
    model.load_state_dict(weights, assign=True)
    return model.eval(), vocabulary, config


def refuse_other_files(folder: Path) -> None:
    """Makes sure that a model may be written to a folder, before minutes of training depend on it.

    Args:
        folder: The folder; it need not exist.

    Raises:
        FileExistsError: It holds other files than a model's, or is itself a file.
    """
    if folder.is_dir():
        others = sorted({entry.name for entry in folder.iterdir()} - set(MODEL_FILES))
        if others:
            raise FileExistsError(
                f"{folder} holds other files than a model's ({', '.join(others[:3])}); name a new "
                "or empty folder, so that nothing of yours is replaced"
            )
    elif folder.exists():
        raise FileExistsError(f"{folder} is a file; name a new folder for the model")


def _put_in_place(new: Path, folder: Path, old: Path) -> None:
    if folder.exists():
        os.replace(folder, old)
    try:
        os.replace(new, folder)
    except OSError:
        if old.exists():
            os.replace(old, folder)
        raise


def _weights(model: RecurrentClassifier, half_precision: bool) -> dict[str, Tensor]:
    dtype = torch.float16 if half_precision else torch.float32
    return {
        name: tensor.detach().cpu().to(dtype).contiguous()
        for name, tensor in model.state_dict().items()
    }


def _empty_model(path: Path, config: ModelConfig) -> RecurrentClassifier:
    """A classifier without memory for its weights, however large the sizes that a file claims."""
    try:
        with torch.device("meta"), _NothingDrawn():
            return RecurrentClassifier(**config.architecture)
    except (RuntimeError, ValueError) as error:
        raise ValueError(
            f"{path} describes no classifier ({error}); copy the model folder again"
        ) from error


class _NothingDrawn(TorchFunctionMode):
    """Leaves weights that are about to be replaced undrawn: torch takes a second to learn how."""

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        named = kwargs or {}
        if func in (Tensor.normal_, Tensor.uniform_, nn.init.normal_, nn.init.uniform_):
            return args[0] if args else named["tensor"]
        return func(*args, **named)


def _read_weights(path: Path) -> dict[str, Tensor]:
    try:
        weights = {name: tensor.float() for name, tensor in load_file(path).items()}
    except SafetensorError as error:
        raise ValueError(
            f"{path} is no safetensors file or is cut off ({error}); pickled weights are not read: "
            "copy the model folder again, or save the model again with TextClassifier.save"
        ) from error
    return _finite(path, weights)


def _finite(path: Path, weights: dict[str, Tensor]) -> dict[str, Tensor]:
    damaged = [name for name, tensor in weights.items() if not tensor.isfinite().all()]
    if damaged:
        raise ValueError(
            f"{', '.join(damaged[:3])} of {path} hold NaN or infinity, with which nothing has a "
            "score; train the model again, or take an earlier one"
        )
    return weights


def _check_layers(folder: Path, layers: int, weights: dict[str, Tensor]) -> None:
    """Refuses a number of layers that the weights do not have, before as many are built."""
    if layers > 1 and f"rnn.weight_ih_l{layers - 1}" not in weights:
        raise ValueError(
            f"{folder / CONFIG_FILE} says {layers} layers, which {WEIGHTS_FILE} has not; the files "
            "are not of one model, copy the whole folder again"
        )


def _check_fit(folder: Path, model: RecurrentClassifier, weights: dict[str, Tensor]) -> None:
    expected = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    found = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    differing = [name for name in expected | found if expected.get(name) != found.get(name)]
    if differing:
        name = differing[0]
        raise ValueError(
            f"{folder / WEIGHTS_FILE} has {found.get(name, 'no weights')} as {name} where "
            f"{CONFIG_FILE} says {expected.get(name, 'none')}; the files are not of one model, "
            "copy the whole folder again"
        )
