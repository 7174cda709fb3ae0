"""Measures that run a method again: on changed texts, and on a classifier re-initialised."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from captum_rnn.benchmark.dataset import Dataset
from captum_rnn.benchmark.methods import ExplainedModel, Method
from captum_rnn.benchmark.methods.method import attempt
from captum_rnn.evaluation import cascading_randomisation, max_sensitivity, rank_correlations

SENSITIVITY_SAMPLES = 3
SANITY_CHECKS = ("sensitivity", "randomisation")


def check_sanity(
    method: Method,
    dataset: Dataset,
    scores: Tensor,
    background: Sequence[Tensor],
    wanted: Sequence[str],
    seed: int,
) -> tuple[dict[str, list[float]], dict[str, str]]:
    """Checks one method; a check that fails leaves a reason and no figure.

    Args:
        method: The method, fitted.
        dataset: The checked texts alone.
        scores: Its scores (texts, time) of these texts.
        background: Batches of ids of background texts to fit methods on.
        wanted: Names in `SANITY_CHECKS`.
        seed: Seed of all that is drawn.

    Returns:
        One number for each text, by measure key; and why there is none, by the name of the check.
    """
    checks: dict[str, Callable[[], dict[str, Tensor]]] = {
        "sensitivity": lambda: {"sensitivity": sensitivity(method, dataset, seed)},
        "randomisation": lambda: randomisation(method, dataset, scores, background, seed),
    }
    found: dict[str, list[float]] = {}
    reasons: dict[str, str] = {}
    for name in wanted:
        values, error = attempt(checks[name])
        if error is None:
            found |= {key: numbers.tolist() for key, numbers in values.items()}
        else:
            reasons[name] = error
    return found, reasons


def sensitivity(method: Method, dataset: Dataset, seed: int) -> Tensor:
    """Captum's maximum sensitivity to one swapped word.

    Args:
        method: The method, fitted.
        dataset: The checked texts alone.
        seed: Draws the words that are swapped.

    Returns:
        One number for each text (texts,).
    """
    words = range(dataset.model.embedding.num_embeddings)
    values = torch.full((len(dataset.ids),), torch.nan, dtype=torch.float64)
    for rows in dataset.batches():
        values[rows.cpu()] = max_sensitivity(
            lambda ids, target: method(dataset.model, ids, target),
            dataset.batch_ids(rows),
            dataset.predicted[rows],
            words=[word for word in words if word != dataset.model.pad_id],
            seed=seed,
            samples=SENSITIVITY_SAMPLES,
            pad_id=dataset.model.pad_id,
        )
    return values


def randomisation(
    method: Method, dataset: Dataset, scores: Tensor, background: Sequence[Tensor], seed: int
) -> dict[str, Tensor]:
    """Rank correlation of the scores with those of the classifier re-initialised.

    What a method learns from background texts it learns again from the classifier re-initialised.
    The explained class stays that of the trained classifier.

    Args:
        method: The method, fitted.
        dataset: The checked texts alone.
        scores: Its scores (texts, time) for the classifier as it was trained.
        background: Batches of ids of background texts to fit methods on.
        seed: Draws the weights.

    Returns:
        One number for each text (texts,), by measure key.
    """
    correlations = {}
    for key, model in _randomised(dataset.model, seed):
        fitted = method.fit(model, background)
        after = replace(dataset, model=model).score(fitted)
        correlations[key] = rank_correlations(
            dataset.ids.cpu(), scores, after, pad_id=dataset.model.pad_id
        )
    return correlations


def _randomised(model: ExplainedModel, seed: int) -> Iterator[tuple[str, ExplainedModel]]:
    """The classifier with a new head, with all new down to the recurrent layer, and all new."""
    names = {part: name for name, part in model.model.named_modules()}
    steps = list(cascading_randomisation(model.model, seed=seed))
    chosen = {"randomised_head": steps[0][1]}
    of_layer = dict(steps).get("" if model.layer is None else names[model.layer])
    if of_layer is not None:
        chosen["randomised_layer"] = of_layer
    for key, changed in (chosen | {"randomised_all": steps[-1][1]}).items():
        parts = dict(changed.named_modules())
        embedding = parts[names[model.embedding]]
        assert isinstance(embedding, nn.Embedding)
        layer = None if model.layer is None else parts[names[model.layer]]
        yield key, replace(model, model=changed, embedding=embedding, layer=layer)
