"""What a calibration learnt, and the file that keeps it beside the model it belongs to."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

_FORMAT = "captum-rnn calibration 1"


@dataclass(frozen=True)
class Calibration:
    """One vector for each class and direction, and the model that they were learnt for.

    Attributes:
        vectors: (class, direction, state) in float64.
        classes: The class of each vector.
        digest: `weights_digest` of the model.
        reference: The reference token of the steps (features,); None: steps of the state.
    """

    vectors: Tensor
    classes: tuple[int, ...]
    digest: str
    reference: Tensor | None = None

    def vectors_for(self, target: Any, batch: int) -> Tensor:
        """The vector of each row's class (batch, direction, state).

        Args:
            target: A class, or one for each row as a list or tensor (batch,); None: the only one.
            batch: Number of rows.

        Raises:
            ValueError: A class without a vector, or None where there are several.
        """
        if target is None:
            if len(self.classes) > 1:
                raise ValueError(
                    f"target is None, but the classes {list(self.classes)} were fitted; pass one "
                    "of them as target"
                )
            wanted = list(self.classes)
        elif isinstance(target, (Tensor, list)):
            wanted = torch.as_tensor(target).flatten().tolist()
        else:
            wanted = [target]
        unknown = [number for number in wanted if number not in self.classes]
        if unknown:
            raise ValueError(
                f"target holds {unknown[0]!r}, but the classes {list(self.classes)} were fitted; "
                "pass one of them, or fit with it among the classes"
            )
        places = [self.classes.index(number) for number in wanted]
        return self.vectors[places].expand(batch, -1, -1)

    def save(self, path: str | Path) -> None:
        """Writes a safetensors file.

        Raises:
            OSError: It cannot be written.
        """
        tensors = {"vectors": self.vectors.cpu().contiguous()}
        if self.reference is not None:
            tensors["reference"] = self.reference.cpu().contiguous()
        described = {
            "format": _FORMAT,
            "classes": json.dumps(self.classes),
            "digest": self.digest,
        }
        Path(path).write_bytes(save(tensors, described))

    @classmethod
    def load(cls, path: str | Path) -> "Calibration":
        """Reads what `save` wrote.

        Raises:
            OSError: The file is missing or cannot be read.
            ValueError: It is damaged, or no calibration.
        """
        try:
            with safe_open(path, framework="pt") as file:
                described = file.metadata() or {}
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            classes = _classes(described.get("classes", ""))
            vectors = tensors["vectors"]
        except (SafetensorError, KeyError, ValueError) as error:
            raise _no_calibration(path, f"{type(error).__name__}: {error}") from error
        if described.get("format") != _FORMAT or "digest" not in described:
            raise _no_calibration(path, f"its format is {described.get('format')!r}")
        if vectors.dim() != 3 or len(vectors) != len(classes) or not vectors.is_floating_point():
            raise _no_calibration(
                path, f"{len(classes)} classes with vectors of shape {tuple(vectors.shape)}"
            )
        return cls(vectors, classes, described["digest"], tensors.get("reference"))


def weights_digest(forward_func: object, layer: nn.RNNBase) -> str:
    """SHA-256 of names, types, shapes and bytes of all weights, hexadecimal.

    Args:
        forward_func: The model; its weights count if it is a module, compiled or not.
        layer: Its recurrent layer, whose weights count if `forward_func` is any other function.
    """
    module = forward_func if isinstance(forward_func, nn.Module) else layer
    weights = getattr(module, "_orig_mod", module).state_dict()
    digest = hashlib.sha256()
    for name in sorted(weights):
        tensor = weights[name]
        if isinstance(tensor, Tensor):
            digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
            data = tensor.detach().cpu().contiguous().reshape(-1)
            digest.update(data.view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _classes(described: str) -> tuple[int, ...]:
    classes = json.loads(described)
    if not isinstance(classes, list) or not all(type(number) is int for number in classes):
        raise ValueError(f"classes is {described}")
    return tuple(classes)


def _no_calibration(path: str | Path, reason: str) -> ValueError:
    return ValueError(
        f"{path} holds no calibration ({reason}); give a file that CalibratedDeltaAttribution.save "
        "has written"
    )
