import itertools

import pytest
import torch

from captum_rnn.benchmark.ground_truth.tasks.keywords import AdditiveTask, NegationTask, ResetTask
from captum_rnn.benchmark.ground_truth.tasks.task import Task


def rows(task: Task, *texts: str) -> torch.Tensor:
    return torch.tensor([[task.id_of(word) for word in text.split()] for text in texts])


@pytest.mark.parametrize(
    ("task", "text", "total", "contributions"),
    [
        (AdditiveTask(), "+3a w1 -1c +2b", 4, [3, 0, -1, 2]),
        (AdditiveTask(), "w1 w2 w40 w7", 0, [0, 0, 0, 0]),
        (ResetTask(), "+3a w1 -1c +2b", 4, [3, 0, -1, 2]),
        (ResetTask(), "+3a reset -1c +2b", 1, [0, -3, -1, 2]),
        (ResetTask(), "+3a reset -1c reset", 0, [0, 0, 0, 1]),
        (NegationTask(), "not +3a w1 -1c", -4, [-6, -3, 0, -1]),
        (NegationTask(), "not w1 w2 +3a", 3, [0, 0, 0, 3]),
        (NegationTask(), "+3a not -1c +2b", 6, [3, 2, 1, 2]),
        (NegationTask(), "+2a w1 not w2", 2, [2, 0, 0, 0]),
    ],
)
def test_by_hand(task: Task, text: str, total: float, contributions: list[float]) -> None:
    ids = rows(task, text)
    assert task.evidence(ids).tolist() == [[-total, total]]
    assert task.contributions(ids, torch.tensor([1])).tolist() == [contributions]
    negative = task.contributions(ids, torch.tensor([0]))
    assert negative.tolist() == [[-c for c in contributions]]


def test_weights_are_written_on_the_words() -> None:
    task = AdditiveTask(fillers=5)
    assert len(task.keywords) == 18
    for word in task.keywords:
        assert task.weights(rows(task, word)).item() == int(word[:-1])
    assert task.weights(torch.arange(6)).eq(0).all()


def test_additive_contributions_sum_to_the_evidence_for_the_right_class() -> None:
    task = AdditiveTask()
    known = task.sample(200, seed=2)
    assert known.contributions.sum(1).gt(0).all()
    evidence = task.evidence(known.ids).amax(dim=1)
    assert torch.equal(known.contributions.sum(1), evidence)
    assert torch.equal(known.targets, known.labels)
    assert not known.operators.any()


@pytest.mark.parametrize("task", [ResetTask(), NegationTask()])
def test_operators_are_marked_and_frequent_enough_to_matter(task: Task) -> None:
    known = task.sample(200, seed=2)
    assert torch.equal(known.operators, known.ids == len(task.words))
    assert known.operators.any(dim=1).float().mean() > 0.4


def test_a_weighted_word_stands_behind_every_negator() -> None:
    task = NegationTask()
    negator = task.id_of("not")
    for ids in task.sample(200, seed=2).ids.tolist():
        for number, behind in itertools.pairwise(ids):
            assert number != negator or behind == 0 or task.fillers < behind < negator


def test_before_the_last_reset_no_keyword_contributes() -> None:
    task = ResetTask()
    known = task.sample(200, seed=2)
    for ids, contributions in zip(known.ids.tolist(), known.contributions.tolist(), strict=True):
        resets = [place for place, number in enumerate(ids) if number == task.id_of("reset")]
        last = resets[-1] if resets else 0
        assert not any(contributions[:last])
