from dataclasses import dataclass, replace

import torch

from captum_rnn.benchmark.methods import Method
from captum_rnn.benchmark.methods.mixture import MeanOfMethods


@dataclass(frozen=True, kw_only=True)
class Constant(Method):
    """The same number for every token."""

    passes: str = "0"
    number: float = 0.0

    def __call__(self, model, ids, target):
        return torch.full(ids.shape, self.number)

    def fit(self, model, texts):
        return replace(self, number=self.number + len(texts))

    def seeded(self, seed):
        return replace(self, number=self.number * seed)


def mean_of(first, second):
    parts = (
        Constant(name="a", label="a", number=first),
        Constant(name="b", label="b", number=second),
    )
    return MeanOfMethods(name="mean", label="mean", passes="0", parts=parts)


def test_the_mean_of_its_parts():
    scores = mean_of(1.0, 4.0)(None, torch.ones(2, 3), None)
    assert torch.equal(scores, torch.full((2, 3), 2.5))


def test_its_parts_learn_and_are_seeded():
    ids = torch.ones(1, 2)
    assert mean_of(1.0, 4.0).fit(None, [ids, ids])(None, ids, None)[0, 0] == 4.5
    assert mean_of(1.0, 4.0).seeded(3)(None, ids, None)[0, 0] == 7.5
