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

from captum_rnn.files import open_regular, write_bytes

_FORMAT = "captum-rnn calibration 2"


@dataclass(frozen=True)
class Calibration:
    """One vector for each class and direction, and the model that they were learnt for.

    Attributes:
        vectors: (class, bin · direction, state) in float64; of one bin, unless they go by distance.
        classes: The class of each vector.
        digest: `weights_digest` of the model.
        against_baselines: Whether they were regressed on steps against baselines, or on steps of
            the state (False); None: on no steps, so that they serve both.
        bins: Number of bins by distance from the end.
        with_cells: Whether the vectors go on over the cell state.
    """

    vectors: Tensor
    classes: tuple[int, ...]
    digest: str
    against_baselines: bool | None = None
    bins: int = 1
    with_cells: bool = False

    def vectors_for(self, target: Any, batch: int) -> Tensor:
        """The vectors of each row's class (batch, bin · direction, state).

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
        described = {
            "format": _FORMAT,
            "classes": json.dumps(self.classes),
            "digest": self.digest,
            "against_baselines": json.dumps(self.against_baselines),
            "bins": str(self.bins),
            "with_cells": json.dumps(self.with_cells),
        }
        write_bytes(save(tensors, described), Path(path))

    @classmethod
    def load(cls, path: str | Path) -> "Calibration":
        """Reads what `save` wrote.

        Raises:
            OSError: The file is missing or cannot be read.
            ValueError: It is damaged, or no calibration.
        """
        open_regular(path).close()
        try:
            with safe_open(path, framework="pt") as file:
                described = file.metadata() or {}
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            classes = _classes(described.get("classes", ""))
            vectors = tensors["vectors"]
            bins = int(described.get("bins", "1"))
            with_cells = described.get("with_cells") == "true"
            against_baselines = _yes_no_or_null(described["against_baselines"])
        except (SafetensorError, KeyError, ValueError) as error:
            raise _no_calibration(path, f"{type(error).__name__}: {error}") from error
        if described.get("format") != _FORMAT or "digest" not in described:
            raise _no_calibration(path, f"its format is {described.get('format')!r}")
        fits = vectors.dim() == 3 and len(vectors) == len(classes)
        if not fits or not vectors.is_floating_point() or bins < 1 or vectors.shape[1] % bins:
            shape = tuple(vectors.shape)
            raise _no_calibration(
                path, f"{len(classes)} classes with vectors of shape {shape} in {bins} bin(s)"
            )
        if not vectors.isfinite().all():
            raise _no_calibration(path, "vectors holds NaN or infinity")
        digest = described["digest"]
        return cls(vectors, classes, digest, against_baselines, bins, with_cells)

    def check_weights(self, name: str | Path, digest: str) -> None:
        """Raises ValueError if the model has other weights, or a layer of another kind.

        Args:
            name: What to call this calibration in the error.
            digest: `weights_digest` of the model.
        """
        if self.digest != digest:
            raise ValueError(
                f"{name} was fitted on the model with the digest {self.digest[:12]}…, but "
                f"this model's weights have {digest[:12]}…; fit again"
            )

    def check_steps(self, *, against_baselines: bool) -> None:
        """Raises ValueError if it was regressed on the other kind of steps."""
        if self.against_baselines is None or self.against_baselines == against_baselines:
            return
        fitted, asked = ("with", "without") if self.against_baselines else ("without", "with")
        raise ValueError(
            f"the vectors were fitted on a teacher's scores {fitted} baselines, but are asked for "
            f"scores {asked} baselines; pass the same to fit and attribute"
        )

    def check_fits(self, path: str | Path, digest: str, bins: int, with_cells: bool) -> None:
        """Raises ValueError if it was learnt for another model, or another kind of score.

        Args:
            path: Where it was read from, for the error.
            digest: `weights_digest` of the model.
            bins: Number of bins by distance from the end.
            with_cells: Whether the cell state is read too.
        """
        self.check_weights(path, digest)
        if (self.bins, self.with_cells) != (bins, with_cells):
            raise ValueError(
                f"{path} was fitted with by_distance={self.bins > 1} and "
                f"with_cells={self.with_cells}, but this object has by_distance={bins > 1} and "
                f"with_cells={with_cells}; pass the same, or fit again"
            )


def weights_digest(forward_func: object, layer: nn.Module) -> str:
    """SHA-256 of the layer's kind and of name, type, shape and bytes of each weight, hexadecimal.

    The kind is the recurrence with its nonlinearity: weights alone do not tell tanh from ReLU.

    Args:
        forward_func: The model; its weights count if it is a module, compiled or not.
        layer: Its recurrent layer, whose weights count if `forward_func` is any other function.
    """
    weights = _weights(forward_func, layer)
    kind = getattr(layer, "mode", type(layer).__name__)
    digest = hashlib.sha256(f"{kind}\n".encode())
    for name in sorted(weights):
        tensor = weights[name]
        if isinstance(tensor, Tensor):
            digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
            data = tensor.detach().cpu().contiguous().reshape(-1)
            digest.update(data.view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def weights_stamp(forward_func: object, layer: nn.Module) -> tuple[tuple[int, int], ...]:
    """Place and version of each weight: while it stays, so does `weights_digest`.

    It costs no look at the weights themselves. What writes to a weight behind torch's back, through
    `weight.data`, leaves it as it is.
    """
    return tuple(
        (tensor.data_ptr(), 0 if tensor.is_inference() else tensor._version)
        for tensor in _weights(forward_func, layer).values()
        if isinstance(tensor, Tensor)
    )


def _weights(forward_func: object, layer: nn.Module) -> dict[str, Any]:
    module = forward_func if isinstance(forward_func, nn.Module) else layer
    return getattr(module, "_orig_mod", module).state_dict()


def _classes(described: str) -> tuple[int, ...]:
    classes = json.loads(described)
    if not isinstance(classes, list) or not all(type(number) is int for number in classes):
        raise ValueError(f"classes is {described}")
    return tuple(classes)


def _yes_no_or_null(described: str) -> bool | None:
    found = json.loads(described)
    if found is not None and not isinstance(found, bool):
        raise ValueError(f"against_baselines is {described}")
    return found


def _no_calibration(path: str | Path, reason: str) -> ValueError:
    return ValueError(
        f"{path} holds no calibration ({reason}); give a file that CalibratedDeltaAttribution.save "
        "has written"
    )
