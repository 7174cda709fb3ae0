"""What methods find on texts where the right answer is known, beside those of the comparison."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from captum_rnn.benchmark.blocks import Blocks, fingerprint
from captum_rnn.benchmark.methods import Method
from captum_rnn.benchmark.run import attempt
from captum_rnn.benchmark.subject import Subject
from captum_rnn.benchmark.summary import defined
from captum_rnn.evaluation import compare_methods, mean_interval

Judge = Callable[[Tensor], Mapping[str, Tensor]]


def judge_methods(
    methods: Sequence[Method],
    subject: Subject,
    background: Sequence[Tensor],
    judge: Judge,
    *,
    seed: int,
    name: str,
    folder: str | Path | None = None,
    progress: bool = True,
) -> dict[str, dict[str, Any]]:
    """Scores texts with every method and judges the scores.

    Args:
        methods: The methods, not fitted.
        subject: The classifier and the texts.
        background: Batches of ids of other texts, to fit methods on.
        judge: From scores (texts, time) to one number for each text (texts,), by measure, higher
            being better.
        seed: Seed of the bootstrap.
        name: Of this set of texts.
        folder: Where what is finished is kept, so that an interrupted run goes on; None: nowhere.
        progress: Show a progress bar on standard error.

    Returns:
        By method: `error`, `measures` (`mean`, `low`, `high`, `texts`, `left_out`,
        `ties_with_best` by measure; see `summarise`) and `per_text`.
    """
    ids = [subject.ids, subject.predicted, *background]
    blocks = Blocks(folder, fingerprint(subject.model, methods, seed, ids, name))
    found: dict[str, dict[str, list[float]]] = {}
    errors: dict[str, str | None] = {}
    for method in tqdm(methods, desc=name, unit="method", disable=not progress):
        kept = blocks.get(method.name)
        if kept is None:
            values, error = attempt(partial(_judged, method, subject, background, judge))
            kept = blocks.put(method.name, {"values": values, "error": error})
        errors[method.name] = kept["error"]
        if kept["error"] is None:
            found[method.name] = kept["values"]
    summaries = _summaries(found, seed)
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


def _judged(
    method: Method, subject: Subject, background: Sequence[Tensor], judge: Judge
) -> dict[str, list[float]]:
    scores = subject.score(method.fit(subject.model, background))
    return {key: values.tolist() for key, values in judge(scores).items()}


def _summaries(
    found: Mapping[str, Mapping[str, Sequence[float]]], seed: int
) -> dict[str, dict[str, Any]]:
    summaries: dict[str, dict[str, Any]] = {name: {} for name in found}
    for key in dict.fromkeys(key for measures in found.values() for key in measures):
        values = {
            name: torch.tensor(measures[key], dtype=torch.float64)
            for name, measures in found.items()
        }
        tied = compare_methods(values, seed=seed, higher_is_better=True).tied_with_best
        for name, numbers in values.items():
            interval = asdict(mean_interval(numbers, seed=seed))
            summaries[name][key] = {
                **{part: defined(number) for part, number in interval.items()},
                "ties_with_best": name in tied,
            }
    return summaries
