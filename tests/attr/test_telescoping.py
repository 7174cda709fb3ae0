"""The convergence delta, on a method whose sums are known by heart."""

from typing import ClassVar

import pytest
import torch
from torch import nn

from captum_rnn.attr.telescoping import TelescopingAttribution


class CountingAttribution(TelescopingAttribution):
    """Every step scores 1; a row of `time` tokens is said to sum to `total`."""

    total: ClassVar[float] = 3.0

    def _score(self, layer, record):
        return record.path.without_padding(torch.ones(record.layout.batch, record.path.time))

    def _totals(self, run):
        return torch.full((run.records[0].layout.batch,), self.total)


@pytest.fixture
def layer():
    return nn.GRU(5, 4, batch_first=True)


@pytest.fixture
def counting(layer):
    return CountingAttribution(layer)


TOKENS = torch.randn(2, 4, 5, generator=torch.Generator().manual_seed(0))


def test_scores_come_alone_unless_asked_for_the_difference(counting):
    scores = counting.attribute(TOKENS)
    torch.testing.assert_close(scores.sum(-1), torch.ones(2, 4))
    pair = counting.attribute(TOKENS, return_convergence_delta=True)
    assert isinstance(pair, tuple)
    assert torch.equal(pair[0], scores)
    assert pair[1].tolist() == [1.0, 1.0]


def test_padding_counts_for_nothing(counting):
    _, delta = counting.attribute(
        TOKENS, lengths=torch.tensor([1, 4]), return_convergence_delta=True
    )
    assert delta.tolist() == [-2.0, 1.0]


def test_tuples_add_up_over_their_inputs(layer):
    counting = CountingAttribution(lambda first, second: (layer(first), layer(second)), layer)
    pair, delta = counting.attribute((TOKENS, TOKENS[:, :2]), return_convergence_delta=True)
    assert [tuple(scores.shape) for scores in pair] == [(2, 4, 5), (2, 2, 5)]
    assert delta.tolist() == pytest.approx([3.0, 3.0])  # 4 + 2 tokens
    again = counting.compute_convergence_delta(pair, (TOKENS, TOKENS[:, :2]))
    torch.testing.assert_close(again, delta)


@pytest.mark.parametrize("given", ["tensor", "tuple"])
def test_the_difference_of_given_attributions(counting, given):
    scores = torch.zeros(2, 4, 5)
    scores[0, 1, 2], scores[1, 3] = 5.0, 0.5
    wrapped = (scores,) if given == "tuple" else scores
    delta = counting.compute_convergence_delta(wrapped, TOKENS)
    torch.testing.assert_close(delta, torch.tensor([2.0, -0.5]))


def test_the_difference_of_time_first_attributions(layer):
    counting = CountingAttribution(
        lambda tokens: layer(tokens.transpose(0, 1)), layer, batch_first=False
    )
    tokens = TOKENS.transpose(0, 1)
    scores, delta = counting.attribute(tokens, return_convergence_delta=True)
    assert scores.shape == (4, 2, 5)
    assert delta.tolist() == pytest.approx([1.0, 1.0])
    scores[0, 1] += 1.0
    again = counting.compute_convergence_delta(scores, tokens)
    torch.testing.assert_close(again, torch.tensor([1.0, 6.0]))


@pytest.mark.parametrize("attributions", [torch.zeros(2, 4), torch.zeros(2, 3, 5)])
def test_attributions_of_another_shape(counting, attributions):
    with pytest.raises(ValueError, match=r"shapes \[\(2, .*\]; expected those of the inputs, \[\("):
        counting.compute_convergence_delta(attributions, TOKENS)


def test_attributions_for_another_number_of_inputs(counting):
    with pytest.raises(
        ValueError, match=r"attributions have the shapes \[\(2, 4, 5\), \(2, 4, 5\)"
    ):
        counting.compute_convergence_delta((torch.zeros(2, 4, 5),) * 2, TOKENS)
    with pytest.raises(TypeError, match="inputs is a list"):
        counting.compute_convergence_delta([[0.0]], TOKENS)


def test_captum_is_told_of_the_convergence_delta(counting):
    assert counting.has_convergence_delta() is True
    assert counting.get_name() == "Counting Attribution"
    assert callable(CountingAttribution.attribute.__wrapped__)
