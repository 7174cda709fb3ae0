"""One run: every method scores every text, in batches that are kept as they are finished."""

import itertools
import math
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from captum_rnn.benchmark.checkpoint import Checkpoint, fingerprint
from captum_rnn.benchmark.cost import measure_cost
from captum_rnn.benchmark.dataset import Dataset
from captum_rnn.benchmark.measures import BatchMeasures, measure_batch
from captum_rnn.benchmark.methods import Method
from captum_rnn.benchmark.methods.method import Fits, attempt, checked_scores
from captum_rnn.benchmark.results import Correlations, Cost, Curve
from captum_rnn.benchmark.sanity import SANITY_CHECKS, check_sanity, checked_rows
from captum_rnn.evaluation.bootstrap import mean_intervals


@dataclass(frozen=True)
class Plan:
    """What a run shall do.

    Attributes:
        dataset: The model and the texts to explain, each with a word to read.
        methods: The methods.
        metrics: What to measure; see `captum_rnn.benchmark.measures.METRICS`.
        fits: What the methods learn from background texts about this model.
        seed: Seed of everything that is drawn.
    """

    dataset: Dataset
    methods: Sequence[Method]
    metrics: Sequence[str]
    fits: Fits
    seed: int

    @property
    def fingerprint(self) -> str:
        """Digest of all that decides what the run finds."""
        ids = [self.dataset.ids, self.dataset.probabilities, *self.fits.background]
        return fingerprint(self.dataset.model, self.methods, self.seed, ids, self.metrics)


@dataclass
class ScoredMethod:
    """What a run found of one method.

    Attributes:
        method: The method, fitted.
        error: Why there is nothing more; None if the method did its work.
        fit_seconds: What learning from background texts took.
        scores: Scores (texts, time) of the predicted classes, batch by batch.
        seconds: Time of each batch.
        forwards: The same as a multiple of one bare forward pass of the batch.
        per_text: Measure key → one number for each text, in the order of the texts.
        unchecked: Why a sanity check has no number, by its name.
        curves: "deletion" or "insertion" → curve.
    """

    method: Method
    error: str | None = None
    fit_seconds: float = 0.0
    scores: list[Tensor] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    forwards: list[float] = field(default_factory=list)
    per_text: dict[str, list[float]] = field(default_factory=dict)
    unchecked: dict[str, str] = field(default_factory=dict)
    curves: dict[str, Curve] = field(default_factory=dict)

    def cost(self, texts: int) -> Cost | None:
        """What the method cost for a number of texts; None if it failed."""
        if self.error is not None:
            return None
        return Cost(
            milliseconds_per_text=1000 * sum(self.seconds) / texts,
            forwards=statistics.median(self.forwards),
            fit_seconds=self.fit_seconds,
        )


@dataclass(frozen=True)
class Findings:
    """What a run found.

    Attributes:
        methods: What was found of each, in the order of the plan.
        scores: Method name → scores (texts, time) of the predicted classes, on the CPU, of the
            methods that did their work.
        correlations: How far the methods that did their work agree.
    """

    methods: list[ScoredMethod]
    scores: dict[str, Tensor]
    correlations: Correlations

    @property
    def done(self) -> list[ScoredMethod]:
        """The methods that did their work."""
        return _working(self.methods)


def carry_out(plan: Plan, checkpoint: Checkpoint, *, show_progress: bool = False) -> Findings:
    """Runs every method on every text and measures the scores.

    A method that fails says why; the others continue.

    Args:
        plan: What to do.
        checkpoint: Where finished batches are kept, and read from after an interruption.
        show_progress: Show progress bars on standard error.

    Returns:
        What was found.
    """
    methods = _fitted(plan, show_progress)
    batches = plan.dataset.batches()
    measured = _score_and_measure(methods, batches, plan, checkpoint, show_progress)
    for scored in _working(methods):
        _collect(scored, batches, measured, plan.seed)
    scores = {
        scored.method.name: plan.dataset.join(batches, scored.scores)
        for scored in _working(methods)
    }
    _check_sanity(methods, scores, plan, checkpoint, show_progress)
    return Findings(methods, scores, _correlations(list(scores), measured, plan.seed))


def _fitted(plan: Plan, show_progress: bool) -> list[ScoredMethod]:
    """The methods after they have learnt from background texts, or why they could not."""
    methods = []
    for method in tqdm(plan.methods, desc="fitting", unit="method", disable=not show_progress):
        start = time.perf_counter()
        fitted, error = attempt(partial(plan.fits.of, method))
        methods.append(ScoredMethod(fitted or method, error, time.perf_counter() - start))
    return methods


def _score_and_measure(
    methods: Sequence[ScoredMethod],
    batches: Sequence[Tensor],
    plan: Plan,
    checkpoint: Checkpoint,
    show_progress: bool,
) -> list[BatchMeasures]:
    """Scores each batch by all methods, then measures all of them on it."""
    measured = []
    steps = len(batches) * (len(methods) + 1)
    with tqdm(total=steps, unit="batch", disable=not show_progress) as bar:
        for number, rows in enumerate(batches):
            texts = plan.dataset.batch(rows)
            for scored in methods:
                bar.set_description(scored.method.label)
                if scored.error is None:
                    _score(scored, texts, checkpoint, f"{number:04d}-{scored.method.name}")
                bar.update()
            bar.set_description("measuring")
            name = f"{number:04d}-measures"
            measured.append(_measured(_working(methods), texts, plan, checkpoint, name))
            bar.update()
    return measured


def _score(scored: ScoredMethod, texts: Dataset, checkpoint: Checkpoint, name: str) -> None:
    """Adds the scores of one batch, or the reason why there are none."""
    found = checkpoint.part(name, lambda: _scores_with_cost(scored.method, texts))
    scored.error = found["error"]
    if scored.error is None:
        scored.scores.append(torch.tensor(found["scores"], dtype=torch.float32))
        scored.seconds.append(found["seconds"])
        scored.forwards.append(found["forwards"])


def _scores_with_cost(method: Method, texts: Dataset) -> dict[str, Any]:
    model, ids, predicted = texts.model, texts.ids, texts.predicted

    def forward() -> Tensor:
        with torch.no_grad():
            return model.logits(ids)

    def scores_with_cost() -> dict[str, Any]:
        scores, cost = measure_cost(lambda: method(model, ids, predicted), forward)
        return {"scores": checked_scores(scores, ids).float().tolist(), **asdict(cost)}

    found, error = attempt(scores_with_cost)
    return {"error": error, **(found or {})}


def _measured(
    working: Sequence[ScoredMethod], texts: Dataset, plan: Plan, checkpoint: Checkpoint, name: str
) -> BatchMeasures:
    def measures() -> dict[str, Any]:
        scores = {scored.method.name: scored.scores[-1] for scored in working}
        methods = [scored.method for scored in working]
        return asdict(measure_batch(texts, scores, methods, plan.metrics, plan.seed))

    return BatchMeasures(**checkpoint.part(name, measures))


def _collect(
    scored: ScoredMethod, batches: Sequence[Tensor], measured: Sequence[BatchMeasures], seed: int
) -> None:
    """Puts the figures of all batches into the order of the texts."""
    name = scored.method.name
    order = torch.argsort(torch.cat(list(batches)).cpu())
    for key in measured[0].measures[name]:
        together = itertools.chain(*(batch.measures[name][key] for batch in measured))
        values = torch.tensor(list(together), dtype=torch.float64)
        scored.per_text[key] = values[order].tolist()
    for key in measured[0].curves.get(name, {}):
        curves = itertools.chain(*(batch.curves[name][key] for batch in measured))
        steps = mean_intervals(torch.tensor(list(curves), dtype=torch.float64), seed=seed)
        scored.curves[key] = Curve(
            mean=[step.mean for step in steps],
            low=[step.low for step in steps],
            high=[step.high for step in steps],
        )


def _check_sanity(
    methods: Sequence[ScoredMethod],
    scores: dict[str, Tensor],
    plan: Plan,
    checkpoint: Checkpoint,
    show_progress: bool,
) -> None:
    """Adds the measures that run a method again, on some of the texts."""
    wanted = [check for check in SANITY_CHECKS if check in plan.metrics]
    if not wanted:
        return
    rows = checked_rows(len(plan.dataset.texts), plan.seed)
    texts, background = plan.dataset.select(rows), plan.fits.background
    working = _working(methods)
    for scored in tqdm(working, desc="sanity", unit="method", disable=not show_progress):
        method = scored.method
        check = partial(
            check_sanity, method, texts, scores[method.name][rows], background, wanted, plan.seed
        )
        values_of, scored.unchecked = checkpoint.part(f"sanity-{method.name}", check)
        for key, values in values_of.items():
            everywhere = [math.nan] * len(plan.dataset.texts)
            for row, value in zip(rows, values, strict=True):
                everywhere[row] = value
            scored.per_text[key] = everywhere


def _correlations(names: list[str], measured: Sequence[BatchMeasures], seed: int) -> Correlations:
    """The correlations of the methods that worked on all batches."""
    if not names:
        return Correlations([], [], [], [])
    parts = []
    for batch in measured:
        places = [batch.methods.index(name) for name in names]
        of_batch = torch.tensor(batch.correlations, dtype=torch.float64)
        parts.append(of_batch[:, places][:, :, places])
    intervals = mean_intervals(torch.cat(parts).flatten(1), seed=seed)

    def matrix(numbers: Sequence[float]) -> list[list[float]]:
        return [list(numbers[row : row + len(names)]) for row in range(0, len(numbers), len(names))]

    return Correlations(
        names,
        spearman=matrix([interval.mean for interval in intervals]),
        low=matrix([interval.low for interval in intervals]),
        high=matrix([interval.high for interval in intervals]),
    )


def _working(methods: Sequence[ScoredMethod]) -> list[ScoredMethod]:
    return [scored for scored in methods if scored.error is None]
