"""Study 1: layer by layer, where each word is forgotten; study 3: how smoothly that goes."""

import itertools
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from benchmarks.word_information.measures import Measured, measure
from benchmarks.word_information.subjects import Subject
from benchmarks.word_information.summaries import over_texts, text_correlations
from captum_rnn.attr.noise_search import NoiseSearch

FUNCTION_WORDS = frozenset("的了是在也就和有我都很一，。！、：；,.!()“”")
"""The commonest particles, pronouns and signs of the corpus, which say little of its classes."""


def ask_layers(subjects: list[Subject], search: NoiseSearch) -> dict[str, dict[str, Measured]]:
    """All three measures of every stage of every classifier."""
    pairs = [(subject, stage) for subject in subjects for stage in subject.stages]
    found: dict[str, dict[str, Measured]] = {subject.name: {} for subject in subjects}
    for subject, stage in tqdm(pairs, desc="layers"):
        found[subject.name][stage] = measure(
            subject.model,
            subject.stages[stage],
            subject.embedding,
            subject.fit,
            subject.ids,
            search=search,
        )
    return found


def forgetting(subject: Subject, stages: dict[str, Measured]) -> dict[str, Any]:
    """What is kept at each stage: of all words, of function words, of neighbours."""
    rows = {}
    for name, measured in stages.items():
        information = measured.information
        rows[name] = {
            "information": over_texts(information.nanmean(1)),
            "share_of_first": over_texts(
                information.nansum(1) / next(iter(stages.values())).information.nansum(1)
            ),
            "function_words_minus_others": over_texts(function_word_gap(subject, information)),
            "neighbours": over_texts(neighbour_correlation(information)),
            "later_minus_earlier_half": over_texts(late_gap(information)),
            "with_replacement": over_texts(text_correlations(information, measured.perturbation)),
            "settled": measured.settled,
        }
    return rows


def function_word_gap(subject: Subject, information: Tensor) -> Tensor:
    """Mean information of function words minus that of the others, in standard deviations."""
    gaps = []
    for words, row in zip(subject.words, information, strict=True):
        kept = row[: len(words)]
        is_function = torch.tensor([word in FUNCTION_WORDS for word in words])
        gap = kept[is_function].mean() - kept[~is_function].mean()
        gaps.append(gap / kept.std())
    return torch.stack(gaps)


def neighbour_correlation(information: Tensor) -> Tensor:
    """Correlation of each word's information with that of the next word, within a text (texts,)."""
    found = []
    for row in information:
        kept = row[row.isfinite()]
        found.append(torch.corrcoef(torch.stack([kept[:-1], kept[1:]]))[0, 1])
    return torch.stack(found)


def late_gap(information: Tensor) -> Tensor:
    """Mean information of the later half of a text minus the earlier, in standard deviations."""
    found = []
    for row in information:
        kept = row[row.isfinite()]
        half = len(kept) // 2
        found.append((kept[half:].mean() - kept[:half].mean()) / kept.std())
    return torch.stack(found)


def coherence(stages: dict[str, Measured]) -> dict[str, Any]:
    """How smoothly each measure goes from layer to layer, on a logarithmic scale.

    The jump is the root mean square change of a word's value from one stage to the next, in units
    of the spread of the words within a text; the agreement is the rank correlation of neighbouring
    stages. The gradient also divided by σ_S, which is what the measure is to first order.
    """
    values = {
        "word information": {n: m.information / 128 for n, m in stages.items()},
        "gradient": {n: m.gradient.clamp(min=1e-12).log() for n, m in stages.items()},
        "gradient / σ_S": {
            n: (m.gradient / m.variance**0.5).clamp(min=1e-12).log() for n, m in stages.items()
        },
        "perturbation": {n: m.perturbation.clamp(min=1e-12).log() for n, m in stages.items()},
        "perturbation / σ_S": {
            n: (m.perturbation / m.variance**0.5).clamp(min=1e-12).log() for n, m in stages.items()
        },
    }
    return {name: smoothness(list(of_stage.values())) for name, of_stage in values.items()}


def smoothness(stages: list[Tensor]) -> dict[str, Any]:
    """Jump and agreement of one measure over stages of (texts, time), NaN for padding."""
    jumps, agreements = [], []
    spread = torch.stack([nan_std(stage) for stage in stages]).mean(0)
    for first, second in itertools.pairwise(stages):
        jumps.append((second - first).square().nanmean(1).sqrt() / spread)
        agreements.append(text_correlations(first, second))
    return {
        "jump": over_texts(torch.stack(jumps).mean(0)),
        "agreement": over_texts(torch.stack(agreements).nanmean(0)),
    }


def nan_std(values: Tensor) -> Tensor:
    """Standard deviation over the words of each text (texts,)."""
    return (values - values.nanmean(1, keepdim=True)).square().nanmean(1).sqrt()
