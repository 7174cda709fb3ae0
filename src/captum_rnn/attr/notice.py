"""Warnings that point at the line of the user's own code."""

import math
import sys
import warnings
from collections.abc import Sequence

from torch import Tensor

from captum_rnn.attr.inputs import InputLayout

_OURS = ("captum_rnn.", "captum.", "torch.", "contextlib")


def warn(message: str) -> None:
    """Warns of what the caller of the package should know, once for each line and message."""
    depth, frame = 3, sys._getframe(1)
    while frame.f_back is not None and _is_ours(frame.f_back.f_globals.get("__name__", "")):
        frame, depth = frame.f_back, depth + 1
    warnings.warn(message, UserWarning, stacklevel=depth)


def _is_ours(module: str) -> bool:
    return module.startswith(_OURS)


def warn_of_shares(
    method: str, knows_features: bool, layouts: Sequence[InputLayout], scores: Sequence[Tensor]
) -> None:
    """Warns where a step's score is shared equally by the features of a float input.

    Args:
        method: The name of the method.
        knows_features: Whether it tells features apart where a layer reads the inputs' own.
        layouts: The layout of each input.
        scores: Scores of each input, over the axes of its tokens or in its shape.
    """
    for number, (layout, of_input) in enumerate(zip(layouts, scores, strict=True)):
        features = math.prod(layout.shape) // of_input.numel()
        if features == 1:
            continue
        name = "inputs" if len(scores) == 1 else f"inputs[{number}]"
        why = "scores whole steps"
        if knows_features:
            why = (
                f"tells features apart where the layer reads each feature of {name} by itself, or "
                "what is linear in them between the inputs and the baselines"
            )
        warn(
            f"{method} {why}; the score of a step of {name} is shared equally by its {features} "
            "features. With per_step=True there is one for each step"
        )
