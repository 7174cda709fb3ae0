"""How long a run will take, from a few texts of middle length."""

import sys
import time
from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor
from tqdm import tqdm

from captum_rnn.benchmark.methods.method import attempt
from captum_rnn.benchmark.measures import measure_block
from captum_rnn.benchmark.methods import Method
from captum_rnn.benchmark.methods.method import checked_scores
from captum_rnn.benchmark.subject import Subject

_TRIED_TEXTS = 4


def seconds_to_score(methods: Sequence[Method], subject: Subject) -> float:
    """Time that the methods take to score all texts, in seconds.

    Few texts share a forward pass in the trial, so that it is rather too long.

    Args:
        methods: The methods, fitted.
        subject: The classifier and the texts, at least one with a word to read.
    """
    part = _tried(subject)
    _, seconds = _trial(methods, part)
    return seconds * len(subject.readable) / len(part.ids)


def seconds_to_compare(
    methods: Sequence[Method],
    subject: Subject,
    metrics: Sequence[str],
    seed: int,
    scored_again: int,
) -> float:
    """Time that the methods take to score all texts, and the measures to measure them, in seconds.

    Args:
        methods: The methods, fitted.
        subject: The classifier and the texts, at least one with a word to read.
        metrics: What is measured; see `captum_rnn.benchmark.measures.METRICS`.
        seed: Seed of the measures.
        scored_again: How many texts each method scores besides, for measures that run it again.
    """
    part = _tried(subject)
    scores, scoring = _trial(methods, part)
    working = [method for method in methods if method.name in scores]
    start = time.perf_counter()
    measure_block(part, scores, working, metrics, seed)
    measuring = time.perf_counter() - start
    texts = len(subject.readable)
    return (scoring * (texts + scored_again) + measuring * texts) / len(part.ids)


def announce(what: str, seconds: float) -> None:
    """Says on standard error how long something takes at most, in minutes."""
    tqdm.write(f"{what} takes at most about {max(1, round(seconds / 60))} min", file=sys.stderr)


def _tried(subject: Subject) -> Subject:
    """A few texts of middle length; one where texts of unequal length cannot stand together."""
    texts = torch.cat(subject.batches())
    middle = len(texts) // 2
    tried = texts[middle : middle + 1] if subject.model.reads_padding else texts[middle:]
    return subject.block(tried[:_TRIED_TEXTS])


def _trial(methods: Sequence[Method], part: Subject) -> tuple[dict[str, Tensor], float]:
    """Scores of the methods that work, and the seconds that all of them took."""
    found: dict[str, Tensor] = {}
    start = time.perf_counter()
    for method in methods:
        scores, _ = attempt(partial(_checked, method, part))
        if scores is not None:
            found[method.name] = scores
    return found, time.perf_counter() - start


def _checked(method: Method, part: Subject) -> Tensor:
    return checked_scores(method(part.model, part.ids, part.predicted), part.ids).float().cpu()
