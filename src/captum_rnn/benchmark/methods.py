"""The attribution methods that are compared, by name.

To add a method, write a subclass of `Method`, `StateMethod` or `GradientMethod` and add a line to
`METHODS`.
"""

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from captum_rnn.benchmark.gradient_methods import (
    GradientTimesInput,
    IntegratedGradientsFromZero,
    SaliencyNorm,
)
from captum_rnn.benchmark.method import Method
from captum_rnn.benchmark.state_methods import (
    AdjointDelta,
    HiddenStateDelta,
    LocalDelta,
    LogitDelta,
    RelevancePropagation,
)
from captum_rnn.evaluation.draws import text_draws
from captum_rnn.text.classifier import RecurrentClassifier

_RANDOM_STREAM = 0


@dataclass(frozen=True, kw_only=True)
class RandomScores(Method):
    """Uniform scores in [-1, 1), the floor for every method.

    The draws of a text depend on the seed and on the text, not on its batch.
    """

    seed: int = 0

    def __call__(self, model: RecurrentClassifier, ids: Tensor, target: Tensor) -> Tensor:
        """Scores every token of a batch; see `Method`."""
        draws = text_draws(ids, seed=self.seed, stream=_RANDOM_STREAM).to(ids.device, torch.float32)
        return (2 * draws - 1).masked_fill(ids == 0, 0.0)

    def seeded(self, seed: int) -> "RandomScores":
        """The same method with other draws."""
        return dataclasses.replace(self, seed=seed)


METHODS: dict[str, Method] = {
    method.name: method
    for method in (
        HiddenStateDelta(
            name="hidden-state-delta-l2", label="hidden-state delta, L2", distance="l2"
        ),
        HiddenStateDelta(
            name="hidden-state-delta-projection",
            label="hidden-state delta, projection",
            distance="projection",
        ),
        HiddenStateDelta(
            name="hidden-state-delta-l1", label="hidden-state delta, L1", distance="l1"
        ),
        HiddenStateDelta(
            name="hidden-state-delta-linf", label="hidden-state delta, L∞", distance="linf"
        ),
        HiddenStateDelta(
            name="hidden-state-delta-cosine", label="hidden-state delta, cosine", distance="cosine"
        ),
        LogitDelta(name="logit-delta", label="logit delta"),
        LocalDelta(name="local-delta", label="local delta"),
        AdjointDelta(name="adjoint-delta", label="adjoint delta"),
        RelevancePropagation(name="relevance-propagation", label="relevance propagation"),
        SaliencyNorm(name="saliency", label="Saliency", signed=False),
        GradientTimesInput(name="input-x-gradient", label="Input × Gradient"),
        IntegratedGradientsFromZero(name="integrated-gradients", label="Integrated Gradients"),
        RandomScores(name="random", label="random"),
    )
}
"""Every method that can be asked for, by name."""

DEFAULT_METHODS = (
    "hidden-state-delta-l2",
    "hidden-state-delta-projection",
    "logit-delta",
    "local-delta",
    "adjoint-delta",
    "relevance-propagation",
    "saliency",
    "input-x-gradient",
    "integrated-gradients",
    "random",
)
"""The methods that `captum-rnn compare` compares."""


def find_methods(names: Iterable[str] = DEFAULT_METHODS, *, seed: int = 0) -> list[Method]:
    """Looks methods up by name.

    Args:
        names: Keys of `METHODS`.
        seed: Seed of the methods that draw at random.

    Returns:
        The methods in the order of the names, each once.

    Raises:
        ValueError: There is no method of that name, or no name at all.

    Example:
        >>> [method.label for method in find_methods(["saliency", "random"])]
        ['Saliency', 'random']
    """
    wanted = list(dict.fromkeys(names))
    unknown = [name for name in wanted if name not in METHODS]
    if unknown or not wanted:
        raise ValueError(
            f"{', '.join(map(repr, unknown)) or 'an empty list'} names no method; choose from "
            f"{', '.join(METHODS)}"
        )
    return [METHODS[name].seeded(seed) for name in wanted]
