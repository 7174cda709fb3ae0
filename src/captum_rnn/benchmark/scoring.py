"""One run: every method scores every text, in batches that are kept as they are finished."""

import itertools
import math
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from captum_rnn.benchmark.checkpoint import Blocks, fingerprint
from captum_rnn.benchmark.cost import measure_cost
from captum_rnn.benchmark.measures import BlockFindings, measure_block
from captum_rnn.benchmark.methods import Method
from captum_rnn.benchmark.methods.method import Fits, attempt, checked_scores
from captum_rnn.benchmark.sanity import PROBES, probe, probed_rows
from captum_rnn.benchmark.subject import Subject
from captum_rnn.evaluation import mean_intervals


@dataclass(frozen=True)
class Plan:
    """What a run shall do.

    Attributes:
        subject: The classifier and the texts to explain, each with a word to read.
        methods: The methods.
        metrics: What to measure; see `captum_rnn.benchmark.measures.METRICS`.
        fits: What the methods learn from other texts about this classifier.
        seed: Seed of everything that is drawn.
    """

    subject: Subject
    methods: Sequence[Method]
    metrics: Sequence[str]
    fits: Fits
    seed: int

    @property
    def fingerprint(self) -> str:
        """Digest of all that decides what the run finds."""
        ids = [self.subject.ids, self.subject.probabilities, *self.fits.background]
        return fingerprint(self.subject.model, self.methods, self.seed, ids, self.metrics)


@dataclass
class Row:
    """What a run found of one method.

    Attributes:
        method: The method, fitted.
        error: Why there is nothing more; None if the method did its work.
        fit_seconds: What learning from other texts took.
        scores: Scores (texts, time) of the predicted classes, batch by batch.
        seconds: Time of each batch.
        forwards: The same as a multiple of one bare forward pass of the batch.
        per_text: Measure key → one number for each text, in the order of the texts.
        not_probed: Why a measure that runs the method again has no number, by its name.
        curves: "deletion" or "insertion" → mean probability after each step.
        curve_intervals: The same → `"low"` and `"high"`, the ends of the 95 % intervals.
    """

    method: Method
    error: str | None = None
    fit_seconds: float = 0.0
    scores: list[Tensor] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    forwards: list[float] = field(default_factory=list)
    per_text: dict[str, list[float]] = field(default_factory=dict)
    not_probed: dict[str, str] = field(default_factory=dict)
    curves: dict[str, list[float]] = field(default_factory=dict)
    curve_intervals: dict[str, dict[str, list[float]]] = field(default_factory=dict)

    def cost(self, texts: int) -> dict[str, float] | None:
        """Milliseconds a text, median multiple of a forward pass, and what the fit took."""
        if self.error is not None:
            return None
        return {
            "milliseconds_per_text": 1000 * sum(self.seconds) / texts,
            "forwards": statistics.median(self.forwards),
            "fit_seconds": self.fit_seconds,
        }


@dataclass(frozen=True)
class Findings:
    """What a run found.

    Attributes:
        rows: One for each method, in the order of the plan.
        scores: Method name → scores (texts, time) of the predicted classes, on the CPU, of the
            methods that did their work.
        correlations: Mean rank correlations between the methods that did their work, in their
            order, and the ends of their 95 % intervals: `"spearman"`, `"low"` and `"high"`; NaN
            where no text has one.
    """

    rows: list[Row]
    scores: dict[str, Tensor]
    correlations: dict[str, list[list[float]]]

    @property
    def done(self) -> list[Row]:
        """The methods that did their work."""
        return [row for row in self.rows if row.error is None]


def carry_out(plan: Plan, blocks: Blocks, *, progress: bool = True) -> Findings:
    """Runs every method on every text and measures the scores.

    A method that fails is a row that says why; the others go on.

    Args:
        plan: What to do.
        blocks: Where finished batches are kept, and read from after an interruption.
        progress: Show progress bars on standard error.

    Returns:
        What was found.
    """
    rows = _fit(plan, progress)
    batches = plan.subject.batches()
    findings: list[tuple[list[str], BlockFindings]] = []
    with tqdm(total=len(batches) * (len(rows) + 1), unit="batch", disable=not progress) as bar:
        for number, batch in enumerate(batches):
            part = plan.subject.block(batch)
            for row in rows:
                bar.set_description(row.method.label)
                if row.error is None:
                    _score(row, part, blocks, f"{number:04d}-{row.method.name}")
                bar.update()
            bar.set_description("measuring")
            findings.append(_measure(rows, part, plan, blocks, f"{number:04d}-measures"))
            bar.update()
    _collect(rows, plan.subject, batches, findings, plan.seed)
    scores = {
        row.method.name: plan.subject.join(batches, row.scores) for row in rows if row.error is None
    }
    _probe(rows, scores, plan, blocks, progress)
    return Findings(rows, scores, _correlations(rows, findings, plan.seed))


def _fit(plan: Plan, progress: bool) -> list[Row]:
    rows = []
    for method in tqdm(plan.methods, desc="fitting", unit="method", disable=not progress):
        start = time.perf_counter()
        fitted, error = attempt(partial(plan.fits.of, method))
        rows.append(Row(fitted or method, error, time.perf_counter() - start))
    return rows


def _score(row: Row, part: Subject, blocks: Blocks, name: str) -> None:
    """Adds the scores of one batch to a row, or the reason why there are none."""
    found = blocks.get(name) or blocks.put(name, _run(row.method, part))
    row.error = found["error"]
    if row.error is None:
        row.scores.append(torch.tensor(found["scores"], dtype=torch.float32))
        row.seconds.append(found["seconds"])
        row.forwards.append(found["forwards"])


def _run(method: Method, part: Subject) -> dict[str, Any]:
    model, ids, predicted = part.model, part.ids, part.predicted

    def forward() -> Tensor:
        with torch.no_grad():
            return model.logits(ids)

    def cost() -> dict[str, Any]:
        scores, spent = measure_cost(lambda: method(model, ids, predicted), forward)
        return {"scores": checked_scores(scores, ids).float().tolist(), **asdict(spent)}

    found, error = attempt(cost)
    return {"error": error, **(found or {})}


def _measure(
    rows: Sequence[Row], part: Subject, plan: Plan, blocks: Blocks, name: str
) -> tuple[list[str], BlockFindings]:
    working = [row for row in rows if row.error is None]
    names = [row.method.name for row in working]
    found = blocks.get(name)
    if found is None:
        measured = measure_block(
            part,
            {row.method.name: row.scores[-1] for row in working},
            [row.method for row in working],
            plan.metrics,
            plan.seed,
        )
        found = blocks.put(name, {"methods": names, "found": asdict(measured)})
    return found["methods"], BlockFindings(**found["found"])


def _collect(
    rows: Sequence[Row],
    subject: Subject,
    batches: Sequence[Tensor],
    findings: Sequence[tuple[list[str], BlockFindings]],
    seed: int,
) -> None:
    """Puts the figures of all batches into the order of the texts."""
    order = torch.argsort(torch.cat(list(batches)).cpu())
    for row in rows:
        if row.error is not None:
            continue
        name = row.method.name
        of_method = [block.measures[name] for _, block in findings]
        for key in of_method[0]:
            together = itertools.chain(*(part[key] for part in of_method))
            values = torch.tensor(list(together), dtype=torch.float64)
            row.per_text[key] = values[order].tolist()
        for curve in findings[0][1].curves.get(name, {}):
            texts = torch.tensor(
                list(itertools.chain(*(block.curves[name][curve] for _, block in findings))),
                dtype=torch.float64,
            )
            steps = mean_intervals(texts, seed=seed)
            row.curves[curve] = [step.mean for step in steps]
            row.curve_intervals[curve] = {
                "low": [step.low for step in steps],
                "high": [step.high for step in steps],
            }


def _probe(
    rows: Sequence[Row],
    scores: Mapping[str, Tensor],
    plan: Plan,
    blocks: Blocks,
    progress: bool,
) -> None:
    """Adds the measures that run a method again, on some of the texts."""
    wanted = [metric for metric in PROBES if metric in plan.metrics]
    working = [row for row in rows if row.error is None]
    if not wanted:
        return
    chosen = probed_rows(len(plan.subject.texts), plan.seed)
    part = plan.subject.select(chosen)
    for row in tqdm(working, desc="probing", unit="method", disable=not progress):
        name, known = f"probes-{row.method.name}", scores[row.method.name][chosen]
        found = blocks.get(name) or blocks.put(
            name, probe(row.method, part, known, plan.fits.background, wanted, plan.seed)
        )
        values_of, row.not_probed = found
        for key, values in values_of.items():
            everywhere = [math.nan] * len(plan.subject.texts)
            for place, value in zip(chosen, values, strict=True):
                everywhere[place] = value
            row.per_text[key] = everywhere


def _correlations(
    rows: Sequence[Row], findings: Sequence[tuple[list[str], BlockFindings]], seed: int
) -> dict[str, list[list[float]]]:
    names = [row.method.name for row in rows if row.error is None]
    if not names:
        return {"spearman": [], "low": [], "high": []}
    parts = []
    for measured, block in findings:
        places = [measured.index(name) for name in names]
        of_block = torch.tensor(block.correlations, dtype=torch.float64)
        parts.append(of_block[:, places][:, :, places])
    texts = torch.cat(parts)
    intervals = mean_intervals(texts.flatten(1), seed=seed)

    def matrix(part: str) -> list[list[float]]:
        numbers = iter(getattr(interval, part) for interval in intervals)
        return [list(itertools.islice(numbers, len(names))) for _ in names]

    return {"spearman": matrix("mean"), "low": matrix("low"), "high": matrix("high")}
