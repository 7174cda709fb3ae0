import torch

from captum_rnn.benchmark.ground_truth.tasks.second_class import SecondClassTask


def test_the_keywords_of_the_second_class_are_the_answer() -> None:
    task = SecondClassTask()
    known = task.sample(200, seed=5)
    first = task.fillers + 1
    for row in range(200):
        ids = known.ids[row]
        classes = torch.where(ids >= first, (ids - first) // 4, -1)
        counts = [(int((classes == c).sum()), c) for c in range(5)]
        (most, right), (second, explained), (third, _), *_ = sorted(counts, reverse=True)
        assert most > second > third
        assert (right, explained) == (known.labels[row], known.targets[row])
        assert torch.equal(known.contributions[row], (classes == explained).float())


def test_every_class_is_explained() -> None:
    known = SecondClassTask().sample(300, seed=5)
    assert set(known.targets.tolist()) == set(range(5))
    assert known.targets.ne(known.labels).all()


def test_a_draw_for_the_second_place_is_not_clear() -> None:
    task = SecondClassTask()
    evidence = torch.tensor([[4.0, 2, 1, 0, 0], [4, 2, 2, 0, 0], [3, 3, 1, 0, 0]])
    assert task.is_clear(evidence).tolist() == [True, False, False]
