"""Attribution methods against the true contributions in a sum of word vectors."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any, TypeAlias

import torch
from captum.attr import GradientAttribution, InputXGradient, IntegratedGradients, Saliency
from torch import Tensor

from benchmarks.word_vectors import WordPoolingDeltaAttribution, WordVectorClassifier
from benchmarks.word_vectors.truth import error_at_best_scale
from captum_rnn.evaluation import (
    PerturbedPredictions,
    leave_one_out,
    mean_interval,
    rank_correlations,
)
from captum_rnn.evaluation.draws import text_draws
from captum_rnn.functional import Distance, StatePath, readout_delta, running_pool

Score: TypeAlias = Callable[[Tensor, Tensor], Tensor]

_DISTANCES: dict[str, Distance] = {"L2": "l2", "projection": "projection", "cosine": "cosine"}
_RANDOM_STREAM = 0


def margin_of(logits: Tensor, target: Tensor) -> Tensor:
    """How far the logit of one of two classes is ahead of the other's (batch,)."""
    sign = torch.tensor([-1.0, 1.0], dtype=logits.dtype)[target]
    return sign * (logits[:, 1] - logits[:, 0])


def errors_against_truth(model: WordVectorClassifier, ids: Tensor, seed: int) -> dict[str, Any]:
    """Error and rank correlation of every method, for the margin of the predicted class.

    Args:
        model: The classifier.
        ids: Word ids (texts, time), padded behind the end of each text only.
        seed: Seed of random scores and of the intervals.
    """
    with torch.no_grad():
        target = model(ids).argmax(1)
        # Contributions of a word to the margin of the class, not to one logit.
        truth = margin_of(
            model.contributions(ids).flatten(0, 1), target.repeat_interleave(ids.shape[1])
        )
        truth = truth.reshape(ids.shape)
        state = model.pool(model.embedding(ids), ids != 0)
        direction = class_direction(model, target)
        alignment = torch.cosine_similarity(state, direction)
    entries = []
    for name, score in methods(model, seed).items():
        scores = score(ids, target).detach()
        entries.append(
            {
                "name": name,
                "error": asdict(mean_interval(error_at_best_scale(ids, scores, truth), seed=seed)),
                "spearman": asdict(mean_interval(rank_correlations(ids, scores, truth), seed=seed)),
            }
        )
    return {
        "cosine_of_state_and_class": asdict(mean_interval(alignment, seed=seed)),
        "methods": entries,
    }


def class_direction(model: WordVectorClassifier, target: Tensor) -> Tensor:
    """The gradient of the margin with respect to the pooled vectors (batch, features)."""
    ahead = (model.head.weight[1] - model.head.weight[0]).detach()
    return torch.stack([-ahead, ahead])[target]


def methods(model: WordVectorClassifier, seed: int) -> dict[str, Score]:
    """Every method by name, from ids and classes to scores (batch, time)."""

    def margin(embedded: Tensor, ids: Tensor, target: Tensor) -> Tensor:
        return margin_of(model.forward_embedded(embedded, ids), target)

    def gradients(attribution: GradientAttribution, **options: Any) -> Score:
        def score(ids: Tensor, target: Tensor) -> Tensor:
            embedded = model.embedding(ids).detach().requires_grad_()
            arguments = (ids, target)
            scores: Tensor = attribution.attribute(
                embedded, additional_forward_args=arguments, **options
            )
            return scores.masked_fill((ids == 0).unsqueeze(2), 0.0)

        return score

    def predict(ids: Tensor) -> Tensor:
        with torch.no_grad():
            probabilities: Tensor = model(ids).softmax(1)
        return probabilities

    def running_logit_delta(states: Tensor, target: Tensor) -> Tensor:
        return (states.diff(dim=1) * class_direction(model, target).unsqueeze(1)).sum(2)

    def running_means(ids: Tensor) -> Tensor:
        means = running_pool(model.embedding(ids).detach(), "mean")
        return torch.cat([torch.zeros_like(means[:, :1]), means], 1)

    integrated = gradients(IntegratedGradients(margin), internal_batch_size=2_000)
    product, saliency = gradients(InputXGradient(margin)), gradients(Saliency(margin), abs=False)
    known = {
        f"hidden-state delta, {name}": delta_of(model, distance)
        for name, distance in _DISTANCES.items()
    }
    known["logit delta"] = lambda ids, target: running_logit_delta(
        model.pool.states(model.embedding(ids), ids != 0).detach(), target
    )
    if model.pool.pooling == "mean":
        known["hidden-state delta, L2, of running means"] = lambda ids, _: readout_delta(
            [StatePath(None, model.embedding(ids).detach())], (ids != 0).sum(1), readout="mean"
        )
        known["logit delta of running means"] = lambda ids, target: running_logit_delta(
            running_means(ids), target
        ).masked_fill(ids == 0, 0.0)
    return known | {
        "Integrated Gradients": lambda ids, target: integrated(ids, target).sum(2),
        "Input × Gradient": lambda ids, target: product(ids, target).sum(2),
        "Saliency": lambda ids, target: saliency(ids, target).norm(dim=2),
        "leave-one-out": lambda ids, _: leave_one_out(PerturbedPredictions(predict, ids)),
        "random": lambda ids, _: 2 * text_draws(ids, seed=seed, stream=_RANDOM_STREAM) - 1,
    }


def delta_of(model: WordVectorClassifier, distance: Distance) -> Score:
    """Hidden-state delta on the running sums."""
    attribution = WordPoolingDeltaAttribution(model, model.pool, distance=distance)
    return lambda ids, target: attribution.attribute(ids, target=target)
