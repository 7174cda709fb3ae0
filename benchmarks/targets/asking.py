"""Asks the attribution methods which word gave a target its polarity; see `run_study.py`."""

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from benchmarks.targets import (
    SentenceSplit,
    TargetCorpus,
    TargetFinder,
    encode_characters,
)
from benchmarks.targets.attribution import METHODS
from benchmarks.targets.questions import (
    Question,
    distance_scores,
    even_scores,
    prefers_answer,
    questions_of,
    share_on_answer,
    share_on_target,
)
from captum_rnn.benchmark.ground_truth.lexicon import opinion_lexicon
from captum_rnn.evaluation import mean_interval

MEASURES = {
    "share_on_answer": "share on the opinion word",
    "prefers_answer": "prefers it to the opposite one",
    "share_on_target": "share on the target itself",
}
BASELINES = {"even (chance)": even_scores, "distance alone": distance_scores}
GROUPS = ("all mixed sentences", "held-out mixed sentences")
_FUNCTIONS = {
    "share_on_answer": share_on_answer,
    "prefers_answer": prefers_answer,
    "share_on_target": share_on_target,
}
_TARGETS_AT_ONCE = 16


@dataclass(frozen=True)
class Asked:
    """A question, the number of its sentence, and whether the tagger has never seen its labels."""

    question: Question
    sentence: int
    is_held_out: bool


def ask(corpus: TargetCorpus, split: SentenceSplit) -> list[Asked]:
    """The questions of all mixed sentences, the shortest first, so that batches fit together."""
    lexicon = opinion_lexicon()
    held_out = set(split.held_out)
    mixed = [
        sentence
        for sentence in (*split.train, *split.validation, *split.held_out)
        if sentence.is_mixed
    ]
    asked = [
        Asked(question, number, sentence in held_out)
        for number, sentence in enumerate(mixed)
        for question in questions_of(sentence, corpus.names, lexicon)
    ]
    return sorted(asked, key=lambda each: len(each.question.text))


def answer_questions(finder: TargetFinder, asked: list[Asked]) -> dict[str, list[Tensor]]:
    """The scores (characters,) of each method for each question, the baselines last."""
    scores: dict[str, list[Tensor]] = {name: [] for name in METHODS}
    parts = range(0, len(asked), _TARGETS_AT_ONCE)
    for start in tqdm(parts, desc="asking", unit="batch"):
        questions = [each.question for each in asked[start : start + _TARGETS_AT_ONCE]]
        ids = encode_characters(finder.vocabulary, [question.text for question in questions])
        characters = torch.zeros_like(ids, dtype=torch.bool)
        for row, question in enumerate(questions):
            characters[row, : len(question.text)] = question.characters
        tags = torch.tensor([int(question.target.polarity) for question in questions])
        for name, method in METHODS.items():
            of_batch = method(finder.tagger, ids, characters, tags)
            scores[name] += [
                row[: len(question.text)] for row, question in zip(of_batch, questions, strict=True)
            ]
    for name, baseline in BASELINES.items():
        scores[name] = [baseline(each.question) for each in asked]
    return scores


def tagged_right(finder: TargetFinder, asked: list[Asked]) -> Tensor:
    """Whether the label has the highest mean score over each target's characters (questions,)."""
    emissions = finder.emissions([each.question.text for each in asked])
    return torch.tensor(
        [
            scores[each.question.characters.numpy()].mean(axis=0).argmax()
            == each.question.target.polarity
            for each, scores in zip(asked, emissions, strict=True)
        ]
    )


def summarise(
    asked: list[Asked], scores: dict[str, list[Tensor]], seed: int
) -> list[dict[str, Any]]:
    """Each measure of each method, alone and minus the first method's.

    The unit is the sentence: the mean over its targets, then the mean over the sentences with its
    interval, since the targets of one sentence are no independent draws.
    """
    entries: list[dict[str, Any]] = [{"name": name} for name in scores]
    for group in GROUPS:
        rows = [row for row, each in enumerate(asked) if group == GROUPS[0] or each.is_held_out]
        members = [asked[row] for row in rows]
        first: dict[str, Tensor] = {}
        for entry, of_method in zip(entries, scores.values(), strict=True):
            entry[group] = {"questions": len(rows)}
            for measure in MEASURES:
                values = _by_sentence(members, [of_method[row] for row in rows], measure)
                less = values - first.setdefault(measure, values)
                entry[group][measure] = asdict(mean_interval(values, seed=seed))
                entry[group][f"{measure}_minus_first"] = asdict(mean_interval(less, seed=seed))
    return entries


def _by_sentence(asked: list[Asked], scores: list[Tensor], measure: str) -> Tensor:
    values: dict[int, list[float]] = {}
    for each, of_question in zip(asked, scores, strict=True):
        value = _FUNCTIONS[measure](each.question, of_question)
        values.setdefault(each.sentence, []).append(value)
    return torch.stack([torch.tensor(v).nanmean() for _, v in sorted(values.items())])
