"""The convergence delta, and options that cannot be."""

from typing import ClassVar

import pytest
import torch
from torch import nn

from captum_rnn import AdjointDeltaAttribution, HiddenStateDeltaAttribution, pack_tokens
from captum_rnn.attr.recurrent import RecurrentAttribution
from models import Classifier

VOCABULARY = 50


@pytest.fixture
def model():
    return Classifier(nn.LSTM(5, 6, batch_first=True), VOCABULARY)


@pytest.fixture
def hsd(model):
    return HiddenStateDeltaAttribution(model, model.layer)


@pytest.fixture
def ids():
    return torch.randint(1, VOCABULARY, (3, 7))


def hooks(model):
    return sum(len(module._forward_hooks) for module in model.modules())


def test_an_initial_state_changes_what_the_scores_sum_to():
    layer = nn.GRU(5, 6, batch_first=True)
    inputs, initial = torch.randn(2, 4, 5), torch.randn(1, 2, 6)
    final = layer(inputs, initial)[1][0]
    scores, delta = HiddenStateDeltaAttribution(layer).attribute(
        inputs, additional_forward_args=(initial,), return_convergence_delta=True
    )
    expected = (final - initial[0]).norm(dim=1) / final.norm(dim=1)
    torch.testing.assert_close(scores.sum((1, 2)), expected)
    assert delta.abs().max() < 1e-5


def test_one_forward_pass(model, hsd, ids):
    runs = []
    handle = model.register_forward_hook(lambda *_: runs.append(1))
    hsd.attribute(ids, target=0, return_convergence_delta=True)
    handle.remove()
    assert len(runs) == 1


def test_positions_of_a_row_without_tokens(model):
    def skipping(ids):
        return model.layer(pack_tokens(model.embedding(ids), ids != 0))[1][0][-1]

    hsd = HiddenStateDeltaAttribution(skipping, model.layer, readout=-1)
    scores = hsd.attribute(torch.tensor([[0, 0, 0], [0, 4, 9]]))
    assert scores[0].tolist() == [0.0, 0.0, 0.0]
    final = HiddenStateDeltaAttribution(model, model.layer).attribute(torch.tensor([[4, 9]]))
    torch.testing.assert_close(scores[1, 1:], final[0])


def test_unknown_options(model):
    with pytest.raises(ValueError, match="distance is 'euclid'"):
        HiddenStateDeltaAttribution(model, model.layer, distance="euclid")
    with pytest.raises(ValueError, match="readout is 'last'"):
        HiddenStateDeltaAttribution(model, model.layer, readout="last")
    beyond = HiddenStateDeltaAttribution(model.layer, readout=7)
    with pytest.raises(ValueError, match="readout position 7 of row 0 is out of range"):
        beyond.attribute(torch.ones(1, 7, 5))


class CountingAttribution(RecurrentAttribution):
    """Every step scores 1; a row of `time` tokens is said to sum to `total`."""

    total: ClassVar[float] = 3.0

    def _score(self, gru, record):
        return record.path.without_padding(torch.ones(len(record.rows), record.path.time))

    def _totals(self, run):
        return torch.full((run.layouts[0].batch,), self.total)


@pytest.fixture
def gru():
    return nn.GRU(5, 4, batch_first=True)


@pytest.fixture
def counting(gru):
    return CountingAttribution(gru)


TOKENS = torch.randn(2, 4, 5, generator=torch.Generator().manual_seed(0))


def test_padding_counts_for_nothing(counting):
    _, delta = counting.attribute(
        TOKENS, lengths=torch.tensor([1, 4]), return_convergence_delta=True
    )
    assert delta.tolist() == [-2.0, 1.0]


def test_tuples_add_up_over_their_inputs(gru):
    counting = CountingAttribution(lambda first, second: (gru(first), gru(second)), gru)
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


def test_the_difference_of_time_first_attributions(gru):
    counting = CountingAttribution(
        lambda tokens: gru(tokens.transpose(0, 1)), gru, batch_first=False
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


def test_a_sum_that_is_not_known(model, ids):
    adjoint = AdjointDeltaAttribution(model, model.layer)
    assert adjoint.has_convergence_delta() is False
    runs = []
    handle = model.register_forward_hook(lambda *_: runs.append(1))
    match = "AdjointDeltaAttribution does not know what its scores sum to"
    with pytest.raises(ValueError, match=match):
        adjoint.attribute(ids, target=1, return_convergence_delta=True)
    with pytest.raises(ValueError, match=match):
        adjoint.compute_convergence_delta(torch.zeros(3, 7), ids, target=1)
    handle.remove()
    assert runs == []
