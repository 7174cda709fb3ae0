"""What methods are judged by beside the comparison: by other texts, or by what else is known."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from captum_rnn.benchmark.checkpoint import Blocks, fingerprint
from captum_rnn.benchmark.methods import Method
from captum_rnn.benchmark.methods.method import Fits, attempt
from captum_rnn.benchmark.scoring import Findings
from captum_rnn.benchmark.subject import Subject
from captum_rnn.benchmark.summary import defined
from captum_rnn.evaluation import mean_interval, tied_with_best
from captum_rnn.states.modes import evaluation_mode

Judge = Callable[[Tensor], Mapping[str, Tensor]]
Measuring = Callable[[Method], Mapping[str, Tensor]]


@dataclass(frozen=True, eq=False)
class OtherTexts:
    """Texts that scores can be right or wrong about.

    Attributes:
        name: Of this set of texts.
        subject: The classifier and the texts.
        truth: What is known of the tokens (texts, time), such as their marks; what was found for
            another truth is not read from disk.
        judge: From scores (texts, time) to one number for each text (texts,), by measure, higher
            being better.
    """

    name: str
    subject: Subject
    truth: Tensor
    judge: Judge


def judge_methods(
    methods: Sequence[Method],
    others: OtherTexts,
    fits: Fits,
    *,
    seed: int,
    folder: str | Path | None = None,
    progress: bool = True,
) -> dict[str, dict[str, Any]]:
    """Scores texts with every method and judges the scores.

    Args:
        methods: The methods.
        others: The texts.
        fits: What the methods learn from further texts about the same classifier.
        seed: Seed of the bootstrap.
        folder: Where what is finished is kept, so that an interrupted run goes on; None: nowhere.
        progress: Show a progress bar on standard error.

    Returns:
        By method: `error`, `measures` (`mean`, `low`, `high`, `texts`, `left_out`,
        `ties_with_best` by measure; see `summarise`) and `per_text`.
    """
    subject, name = others.subject, others.name
    ids = [subject.ids, subject.probabilities, others.truth, *fits.background]
    blocks = Blocks(folder, fingerprint(subject.model, methods, seed, ids, name))

    def measure(method: Method) -> Mapping[str, Tensor]:
        return others.judge(subject.score(fits.of(method)))

    with evaluation_mode(subject.model.model):
        return measure_methods(methods, measure, blocks, seed=seed, name=name, progress=progress)


def measure_methods(
    methods: Sequence[Method],
    measure: Measuring,
    blocks: Blocks,
    *,
    seed: int,
    name: str,
    higher_is_better: bool | None = True,
    progress: bool = True,
) -> dict[str, dict[str, Any]]:
    """Measures every method on the same texts; one that fails is an entry that says why.

    Args:
        methods: The methods.
        measure: From a method to one number for each text (texts,), by measure.
        blocks: Where what is finished is kept.
        seed: Seed of the bootstrap.
        name: Of what is measured.
        higher_is_better: Which direction is better; None where nobody competes, and
            `ties_with_best` is None.
        progress: Show a progress bar on standard error.

    Returns:
        See `judge_methods`.
    """
    found: dict[str, dict[str, list[float]]] = {}
    errors: dict[str, str | None] = {}
    for method in tqdm(methods, desc=name, unit="method", disable=not progress):
        kept = blocks.get(method.name)
        if kept is None:
            values, error = attempt(partial(_lists, measure, method))
            kept = blocks.put(method.name, {"values": values, "error": error})
        errors[method.name] = kept["error"]
        if kept["error"] is None:
            found[method.name] = kept["values"]
    summaries = _summaries(found, seed, higher_is_better)
    return {
        method.name: {
            "error": errors[method.name],
            "measures": summaries.get(method.name, {}),
            "per_text": {
                key: [defined(value) for value in values]
                for key, values in found.get(method.name, {}).items()
            },
        }
        for method in methods
    }


def measure_done(
    findings: Findings,
    measure: Measuring,
    blocks: Blocks,
    *,
    seed: int,
    name: str,
    higher_is_better: bool | None = True,
    progress: bool = True,
) -> dict[str, dict[str, Any]]:
    """Measures the methods that did their work in a comparison, on the texts of that comparison.

    Args:
        findings: What the comparison found; its scores are not computed anew.
        measure: See `measure_methods`.
        blocks: See `measure_methods`.
        seed: See `measure_methods`.
        name: See `measure_methods`.
        higher_is_better: See `measure_methods`.
        progress: See `measure_methods`.

    Returns:
        See `judge_methods`; a method that failed in the comparison is an entry with its reason.
    """
    measured = measure_methods(
        [row.method for row in findings.done],
        measure,
        blocks,
        seed=seed,
        name=name,
        higher_is_better=higher_is_better,
        progress=progress,
    )
    failed = {
        row.method.name: {"error": row.error, "measures": {}, "per_text": {}}
        for row in findings.rows
        if row.error is not None
    }
    return {row.method.name: (measured | failed)[row.method.name] for row in findings.rows}


def _lists(measure: Measuring, method: Method) -> dict[str, list[float]]:
    return {key: values.tolist() for key, values in measure(method).items()}


def _summaries(
    found: Mapping[str, Mapping[str, Sequence[float]]], seed: int, higher_is_better: bool | None
) -> dict[str, dict[str, Any]]:
    summaries: dict[str, dict[str, Any]] = {name: {} for name in found}
    for key in dict.fromkeys(key for measures in found.values() for key in measures):
        values = {
            name: torch.tensor(measures[key], dtype=torch.float64)
            for name, measures in found.items()
        }
        tied = None
        if higher_is_better is not None:
            tied = tied_with_best(values, seed=seed, higher_is_better=higher_is_better)
        for name, numbers in values.items():
            interval = asdict(mean_interval(numbers, seed=seed))
            summaries[name][key] = {
                **{part: defined(number) for part, number in interval.items()},
                "ties_with_best": None if tied is None else name in tied,
            }
    return summaries
