"""A trained finder as a folder of three files, none of which can run code."""

import json
import os
import tempfile
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from benchmarks.targets.finder import TargetFinder
from benchmarks.targets.tagger import TargetTagger
from captum_rnn.text.vocabulary import Vocabulary

_WEIGHTS, _CONFIG, _VOCABULARY = "model.safetensors", "config.json", "vocabulary.txt"


def save_finder(finder: TargetFinder, folder: str | Path) -> None:
    """Writes model.safetensors, config.json and vocabulary.txt, all of them or nothing.

    Args:
        finder: The finder.
        folder: A new or empty folder; folders above it are made where missing.

    Raises:
        FileExistsError: The folder holds files already, or is itself a file.
        OSError: It cannot be written.
    """
    folder = Path(folder).absolute()
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise FileExistsError(f"{folder} is a file or not empty; name a new or empty folder")
    folder.parent.mkdir(parents=True, exist_ok=True)
    content = {
        "model": finder.tagger.architecture,
        "transitions": finder.transitions.tolist(),
        "trained_on": dict(finder.trained_on),
    }
    weights = {name: weight.cpu() for name, weight in finder.tagger.state_dict().items()}
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as beside:
        new = Path(beside, "new")
        new.mkdir()
        finder.vocabulary.save(new / _VOCABULARY)
        text = json.dumps(content, ensure_ascii=False, indent=1, allow_nan=False)
        (new / _CONFIG).write_text(text + "\n", encoding="utf-8")
        save_file(weights, new / _WEIGHTS)
        if folder.exists():
            folder.rmdir()
        os.replace(new, folder)


def load_finder(folder: str | Path) -> TargetFinder:
    """Reads what `save_finder` wrote, without running anything that it holds.

    Args:
        folder: The folder.

    Returns:
        The finder, its tagger in evaluation mode.

    Raises:
        FileNotFoundError: One of the three files is missing.
        ValueError: A file is damaged, or they do not fit each other.
    """
    folder = Path(folder)
    missing = [name for name in (_WEIGHTS, _CONFIG, _VOCABULARY) if not (folder / name).is_file()]
    if missing:
        raise FileNotFoundError(
            f"{folder} lacks {' and '.join(missing)}; give a folder that save_finder has written"
        )
    vocabulary = Vocabulary.load(folder / _VOCABULARY)
    try:
        content = json.loads((folder / _CONFIG).read_bytes())
        architecture, trained_on = content["model"], content["trained_on"]
        transitions = np.array(content["transitions"], dtype=np.float64)
        with torch.device("meta"):
            tagger = TargetTagger(**architecture)
        tagger.load_state_dict(load_file(folder / _WEIGHTS), assign=True)
    except (SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ValueError(
            f"{folder} holds no sound finder ({error}); copy the whole folder again"
        ) from error
    if len(vocabulary) != architecture["vocabulary_size"] or transitions.shape != (4, 4):
        raise ValueError(
            f"{folder} has {len(vocabulary)} characters and transitions {transitions.shape}; "
            f"{_CONFIG} says {architecture['vocabulary_size']} and (4, 4): copy the whole folder "
            "again"
        )
    return TargetFinder(tagger.eval(), vocabulary, transitions, trained_on)
