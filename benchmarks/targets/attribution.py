r"""Which characters gave a target its polarity.

A method that looks at the output needs one number a target. It is the margin of the target's
polarity, mean over the characters i of the target:

.. math:: f = \frac{1}{|T|} \sum_{i \in T} \Big( z_{i,c} - \frac{1}{3} \sum_{k \ne c} z_{i,k} \Big)

with the logits z of the tagger. The other tags include "no target", so f also holds that the
characters are a name at all; that share of the scores falls mostly on the name itself.

The hidden-state delta never looks at the output. It is asked about the states that the tagger reads
at the target, `readout=` the position of each of its characters, and the scores are averaged. The
forward direction credits the characters up to that position, the backward direction those from it.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

import torch
from captum.attr import IntegratedGradients
from torch import Tensor

from benchmarks.targets.tagger import TargetTagger
from captum_rnn.attr import (
    AdjointDeltaAttribution,
    HiddenStateDeltaAttribution,
    LocalDeltaAttribution,
    LogitDeltaAttribution,
    RecurrentLRPAttribution,
)
from captum_rnn.functional import Distance

TargetMethod: TypeAlias = Callable[[TargetTagger, Tensor, Tensor, Tensor], Tensor]
"""From the tagger, ids (batch, time), a mask of one target's characters in each row (batch, time)
and its tag (batch,) to scores (batch, time), 0 on padding."""

_INTEGRATION_POINTS = 20


def target_margin(logits: Tensor, characters: Tensor, tag: Tensor) -> Tensor:
    """The number that is explained: mean margin of a tag over a target's characters.

    Args:
        logits: Logits (batch, time, tags).
        characters: Boolean mask (batch, time) of the target, at least one character a row.
        tag: The tag of each row (batch,).

    Returns:
        Margins (batch,).

    Example:
        >>> logits = torch.tensor([[[0.0, 4.0, 2.0, 1.0], [0.0, 2.0, 0.0, 1.0], [9.0, 0, 0, 0]]])
        >>> target_margin(logits, torch.tensor([[True, True, False]]), torch.tensor([1]))
        tensor([2.3333])
    """
    chosen = logits.gather(2, tag.reshape(-1, 1, 1).expand(-1, logits.shape[1], 1)).squeeze(2)
    others = (logits.sum(dim=2) - chosen) / (logits.shape[2] - 1)
    weights = characters / characters.sum(dim=1, keepdim=True)
    return ((chosen - others) * weights).sum(dim=1)


def hidden_state_delta(distance: Distance) -> TargetMethod:
    """`HiddenStateDeltaAttribution` with the target's characters as readout, averaged over them.

    Args:
        distance: See `HiddenStateDeltaAttribution`.
    """

    def score(tagger: TargetTagger, ids: Tensor, characters: Tensor, tag: Tensor) -> Tensor:
        rows, positions = characters.nonzero(as_tuple=True)
        attribution = HiddenStateDeltaAttribution(
            tagger, tagger.rnn, distance=distance, readout=positions
        )
        of_characters = attribution.attribute(ids[rows])
        sums = torch.zeros(ids.shape, dtype=of_characters.dtype, device=ids.device)
        sums.index_add_(0, rows, of_characters)
        return sums / characters.sum(dim=1, keepdim=True)

    return score


def of_margin(
    build: Callable[[Callable[..., Tensor], TargetTagger], Callable[..., Tensor]],
) -> TargetMethod:
    """A class-aware method of this package on the target's margin.

    Args:
        build: Makes its `attribute` from the margin, a function of ids, characters and tag, and
            the tagger.
    """

    def score(tagger: TargetTagger, ids: Tensor, characters: Tensor, tag: Tensor) -> Tensor:
        def forward(ids: Tensor, characters: Tensor, tag: Tensor) -> Tensor:
            return target_margin(tagger(ids), characters, tag)

        return build(forward, tagger)(ids, additional_forward_args=(characters, tag))

    return score


def integrated_gradients(
    tagger: TargetTagger, ids: Tensor, characters: Tensor, tag: Tensor
) -> Tensor:
    """Captum's `IntegratedGradients` of the margin, from zero character vectors, over 20 points."""

    def forward(embedded: Tensor, ids: Tensor, characters: Tensor, tag: Tensor) -> Tensor:
        return target_margin(tagger.forward_embedded(embedded, ids), characters, tag)

    embedded = tagger.embedding(ids).detach()
    arguments: tuple[Any, ...] = (ids, characters, tag)
    # cuDNN refuses the backward pass of a recurrent layer in evaluation mode.
    with torch.backends.cudnn.flags(enabled=False):
        products: Tensor = IntegratedGradients(forward).attribute(
            embedded,
            additional_forward_args=arguments,
            n_steps=_INTEGRATION_POINTS,
            internal_batch_size=max(64, len(ids)),
        )
    return products.sum(dim=2).detach()


def _local_delta(forward: Callable[..., Tensor], tagger: TargetTagger) -> Callable[..., Tensor]:
    mean_character = tagger.embedding.weight[1:].mean(dim=0)
    return partial(LocalDeltaAttribution(forward, tagger.rnn).attribute, baselines=mean_character)


METHODS: dict[str, TargetMethod] = {
    "Integrated Gradients": integrated_gradients,
    "hidden-state delta, L2": hidden_state_delta("l2"),
    "hidden-state delta, projection": hidden_state_delta("projection"),
    "logit delta": of_margin(
        lambda forward, tagger: LogitDeltaAttribution(forward, tagger.rnn).attribute
    ),
    "local delta": of_margin(_local_delta),
    "adjoint delta": of_margin(
        lambda forward, tagger: AdjointDeltaAttribution(forward, tagger.rnn).attribute
    ),
    "relevance propagation": of_margin(
        lambda forward, tagger: RecurrentLRPAttribution(forward, tagger.rnn).attribute
    ),
}
"""Every method by name; Integrated Gradients, which the others are held against, comes first."""
