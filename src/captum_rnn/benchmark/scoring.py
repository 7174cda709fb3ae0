"""What a run found: the parts of all methods and blocks put together."""

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from captum_rnn.benchmark.checkpoint import Checkpoint
from captum_rnn.benchmark.measures import BatchMeasures
from captum_rnn.benchmark.methods import Method
from captum_rnn.benchmark.parts import Parts
from captum_rnn.benchmark.plan import Plan
from captum_rnn.benchmark.results import Correlations, Cost, Curve
from captum_rnn.benchmark.second_process import SecondProcess
from captum_rnn.benchmark.stages import FIRST_TABLE, Further, stages_of, work_off
from captum_rnn.evaluation.agreement.correlations import rank_correlation_matrices
from captum_rnn.evaluation.bootstrap import mean_intervals


@dataclass
class ScoredMethod:
    """What a run found of one method.

    Attributes:
        method: The method, as it was asked for.
        error: Why there is nothing more; None if the method did its work.
        cost: What it cost; None if it failed.
        per_text: Measure key → one number for each text, in the order of the texts.
        unchecked: Why a sanity check has no number, by its name.
        curves: "deletion" or "insertion" → curve.
    """

    method: Method
    error: str | None = None
    cost: Cost | None = None
    per_text: dict[str, list[float]] = field(default_factory=dict)
    unchecked: dict[str, str] = field(default_factory=dict)
    curves: dict[str, Curve] = field(default_factory=dict)


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
        return [scored for scored in self.methods if scored.error is None]


def carry_out(
    plan: Plan,
    checkpoint: Checkpoint,
    *,
    further: Further = lambda method: None,
    second: SecondProcess | None = None,
    on_first: Callable[[Findings], object] = lambda findings: None,
    show_progress: bool = False,
) -> Findings:
    """Runs every method on every text and measures the scores.

    A method that fails says why; the others continue.

    Args:
        plan: What to do.
        checkpoint: Where finished parts are kept, and read from after an interruption.
        further: What else there is to do with each method.
        second: A process that takes part; what is found does not depend on it.
        on_first: Told what was found of the methods that are not expensive, without sanity checks,
            before the others begin; not called if all methods are of one sort.
        show_progress: Show progress bars on standard error.

    Returns:
        What was found.
    """
    parts = Parts(plan, checkpoint)
    for number, stage in enumerate(stages_of(parts, further)):
        work_off(stage, number, second, show_progress=show_progress)
        if number == FIRST_TABLE and len(plan.groups) > 1:
            on_first(_found(parts, plan.groups[0], checked=False))
    return _found(parts, plan.methods, checked=True)


def _found(parts: Parts, methods: Sequence[Method], *, checked: bool) -> Findings:
    """What is known of methods that are scored and measured."""
    found = [ScoredMethod(method, parts.error(method)) for method in methods]
    for scored in found:
        if scored.error is None:
            _collect(scored, parts)
            if checked:
                _add_sanity(scored, parts)
    done = [scored.method for scored in found if scored.error is None]
    scores = {method.name: parts.joined(method) for method in done}
    return Findings(found, scores, _correlations(scores, parts.plan))


def _collect(scored: ScoredMethod, parts: Parts) -> None:
    """Puts the figures of all blocks into the order of the texts."""
    plan, name = parts.plan, scored.method.name
    group = next(group for group in plan.groups if scored.method in group)
    blocks = range(len(plan.blocks))
    measured: list[BatchMeasures] = [parts.measures(group, block) for block in blocks]
    answers = [parts.scores(scored.method, block) for block in blocks]
    scored.cost = Cost(
        milliseconds_per_text=1000 * sum(a["seconds"] for a in answers) / len(plan.dataset.texts),
        forwards=statistics.median(answer["forwards"] for answer in answers),
        fit_seconds=parts.fit_seconds(scored.method),
    )
    order = torch.argsort(torch.cat(plan.blocks).cpu())

    def in_order(of_blocks: Sequence[Sequence[float]]) -> list[float]:
        together = [value for of_block in of_blocks for value in of_block]
        values: list[float] = torch.tensor(together, dtype=torch.float64)[order].tolist()
        return values

    for key in measured[0].measures[name]:
        scored.per_text[key] = in_order([batch.measures[name][key] for batch in measured])
    scored.per_text["completeness_error"] = in_order([a["completeness"] for a in answers])
    for key in measured[0].curves.get(name, {}):
        curves = [row for batch in measured for row in batch.curves[name][key]]
        steps = mean_intervals(torch.tensor(curves, dtype=torch.float64), seed=plan.seed)
        scored.curves[key] = Curve(
            mean=[step.mean for step in steps],
            low=[step.low for step in steps],
            high=[step.high for step in steps],
        )


def _add_sanity(scored: ScoredMethod, parts: Parts) -> None:
    """Adds the measures that run a method again, on some of the texts."""
    found, scored.unchecked = parts.sanity(scored.method)
    for key, values in found.items():
        everywhere = [math.nan] * len(parts.plan.dataset.texts)
        for row, value in zip(parts.plan.checked, values, strict=True):
            everywhere[row] = value
        scored.per_text[key] = everywhere


def _correlations(scores: dict[str, Tensor], plan: Plan) -> Correlations:
    """The correlations of the methods that worked on all texts."""
    if not scores:
        return Correlations([], [], [], [])
    ids, pad_id = plan.dataset.ids.cpu(), plan.dataset.model.pad_id
    found = rank_correlation_matrices(ids, scores, pad_id=pad_id)
    intervals = mean_intervals(found.flatten(1), seed=plan.seed)

    def matrix(numbers: Sequence[float]) -> list[list[float]]:
        size = len(scores)
        return [list(numbers[row : row + size]) for row in range(0, len(numbers), size)]

    return Correlations(
        list(scores),
        spearman=matrix([interval.mean for interval in intervals]),
        low=matrix([interval.low for interval in intervals]),
        high=matrix([interval.high for interval in intervals]),
    )
