"""The methods that `run_study.py` compares on pairs of sentences."""

from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from captum.attr import InputXGradient, IntegratedGradients, Saliency
from torch import Tensor

from benchmarks.similarity import (
    SentenceSimilarity,
    SimilarityDeltaAttribution,
    join_pairs,
)
from captum_rnn import (
    AdjointDeltaAttribution,
    HiddenStateDeltaAttribution,
    LocalDeltaAttribution,
    LogitDeltaAttribution,
)
from captum_rnn.evaluation.draws import text_draws
from captum_rnn.functional import Distance

INTEGRAL_POINTS, ROWS_AT_ONCE = 50, 500
DISTANCES: dict[str, Distance] = {
    "L2": "l2",
    "L1": "l1",
    "cosine": "cosine",
    "projection": "projection",
}
_RANDOM_STREAM = 0

Pair = tuple[Tensor, Tensor]
Score = Callable[[Tensor, Tensor], Pair]


def methods(model: SentenceSimilarity, seed: int) -> dict[str, Score]:
    """Every method by name, as a function from a batch of pairs to the scores of both sentences."""
    return state_methods(model) | gradient_methods(model) | {"random": partial(drawn, model, seed)}


def state_methods(model: SentenceSimilarity) -> dict[str, Score]:
    """What reads the states of the encoder."""
    rnn, mean_word = model.rnn, model.embedding.weight[1:].detach().mean(0)
    attributions = {
        f"hidden-state delta, {name}": HiddenStateDeltaAttribution(model, rnn, distance=distance)
        for name, distance in DISTANCES.items()
    } | {
        "to the other end, L2": SimilarityDeltaAttribution(model, rnn, closeness),
        "to the other end, cosine": SimilarityDeltaAttribution(model, rnn, cosine),
    }
    if model.form is not None:
        head = SimilarityDeltaAttribution(model, rnn, model.similarity)
        attributions["to the other end, bilinear"] = head
    attributions |= {
        "logit delta": LogitDeltaAttribution(model, rnn),
        "adjoint delta": AdjointDeltaAttribution(model, rnn),
    }
    scores: dict[str, Score] = {
        name: partial(both, found.attribute) for name, found in attributions.items()
    }
    local = LocalDeltaAttribution(model, rnn).attribute
    compared = partial(local, baselines=(mean_word, mean_word))
    return scores | {"local delta": partial(both, compared)}


def both(attribute: Callable[..., Pair], first: Tensor, second: Tensor) -> Pair:
    """Scores both sentences in one call."""
    of_first, of_second = attribute((first, second))
    return of_first, of_second


def closeness(states: Tensor, end: Tensor) -> Tensor:
    """Minus the L2 distance."""
    apart: Tensor = torch.linalg.vector_norm(states - end, dim=-1)
    return -apart


def cosine(states: Tensor, end: Tensor) -> Tensor:
    """Cosine similarity, 0 with a state of zeros."""
    return (F.normalize(states, dim=-1) * F.normalize(end, dim=-1)).sum(-1)


def gradient_methods(model: SentenceSimilarity) -> dict[str, Score]:
    """Captum's, on the embedded words: products summed over the features, gradients as lengths."""
    forward = model.forward_embedded
    integrated = partial(
        IntegratedGradients(forward).attribute,
        n_steps=INTEGRAL_POINTS,
        internal_batch_size=ROWS_AT_ONCE,
    )
    return {
        "Integrated Gradients": partial(of_embedded, model, integrated, total),
        "Input × Gradient": partial(of_embedded, model, InputXGradient(forward).attribute, total),
        "Saliency": partial(
            of_embedded, model, partial(Saliency(forward).attribute, abs=False), length
        ),
    }


def of_embedded(
    model: SentenceSimilarity,
    attribute: Callable[..., Pair],
    reduce: Callable[[Tensor], Tensor],
    first: Tensor,
    second: Tensor,
) -> Pair:
    """Scores both sentences by what a method says of their word vectors."""
    embedded = [model.embedding(ids).detach().requires_grad_() for ids in (first, second)]
    of_first, of_second = attribute(tuple(embedded), additional_forward_args=(first, second))
    return reduce(of_first.detach()), reduce(of_second.detach())


def total(of_features: Tensor) -> Tensor:
    """The sum over the features."""
    return of_features.sum(2)


def length(of_features: Tensor) -> Tensor:
    """The L2 norm over the features."""
    lengths: Tensor = torch.linalg.vector_norm(of_features, dim=2)
    return lengths


def drawn(model: SentenceSimilarity, seed: int, first: Tensor, second: Tensor) -> Pair:
    """Uniform scores, the floor for every method."""
    joined = join_pairs(first, second, model.embedding.num_embeddings - 1)
    draws = text_draws(joined, seed=seed, stream=_RANDOM_STREAM)
    return draws[:, : first.shape[1]], draws[:, first.shape[1] :]
