import pytest
import torch

from captum_rnn.benchmark.ground_truth.tasks import RULES
from captum_rnn.benchmark.ground_truth.tasks.task import Task

every_task = pytest.mark.parametrize("task", RULES.values(), ids=RULES.keys())


@every_task
def test_sequences_are_as_long_as_promised_and_padded_behind(task: Task) -> None:
    ids = task.sample(300, seed=1).ids
    lengths = (ids != 0).sum(dim=1)
    assert ids.shape == (300, task.longest)
    assert (lengths.min(), lengths.max()) == (task.shortest, task.longest)
    assert ids.max() <= len(task.words)
    for row, length in zip(ids, lengths.tolist(), strict=True):
        assert row[:length].min() > 0
        assert row[length:].eq(0).all()


@every_task
def test_the_label_is_the_class_with_the_most_evidence_and_clearly_so(task: Task) -> None:
    known = task.sample(300, seed=1)
    evidence = task.evidence(known.ids)
    for row, label in enumerate(known.labels.tolist()):
        others = [value for c, value in enumerate(evidence[row].tolist()) if c != label]
        assert evidence[row, label] - max(others) >= task.clearance
    assert set(known.labels.tolist()) == set(range(len(task.classes)))


@every_task
def test_fillers_and_padding_contribute_nothing(task: Task) -> None:
    known = task.sample(300, seed=1)
    assert known.contributions[known.ids <= task.fillers].eq(0).all()
    assert known.contributions.ne(0).any(dim=1).all()


@every_task
def test_fillers_mean_nothing_to_the_rule(task: Task) -> None:
    """Other fillers in their place, the evidence is the same."""
    ids = task.sample(100, seed=1).ids
    is_filler = (ids > 0) & (ids <= task.fillers)
    others = torch.randint(1, task.fillers + 1, ids.shape)
    changed = torch.where(is_filler, others, ids)
    assert not torch.equal(changed, ids)
    assert torch.equal(task.evidence(changed), task.evidence(ids))


@every_task
def test_padding_means_nothing_to_the_rule(task: Task) -> None:
    ids = task.sample(100, seed=1).ids
    longer = torch.cat([ids, torch.zeros(100, 3, dtype=torch.long)], dim=1)
    assert torch.equal(task.evidence(longer), task.evidence(ids))


@every_task
def test_the_seed_decides(task: Task) -> None:
    first, again, other = (task.sample(50, seed=seed) for seed in (3, 3, 4))
    assert torch.equal(first.ids, again.ids)
    assert torch.equal(first.contributions, again.contributions)
    assert not torch.equal(first.ids, other.ids)


@every_task
def test_words_are_distinct_and_found_by_name(task: Task) -> None:
    assert len(set(task.words)) == len(task.words)
    assert [task.id_of(word) for word in task.words] == list(range(1, len(task.words) + 1))
    with pytest.raises(ValueError, match="not in tuple"):
        task.id_of("no such word")
