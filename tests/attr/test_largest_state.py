"""Models that read a state, and others that read the maximum, on texts where both are the same."""

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from captum_rnn import HiddenStateDeltaAttribution
from captum_rnn.functional import StatePath, readout_delta

TIME, HIDDEN = 4, 2
READS = {
    "last": lambda outputs: outputs[:, -1],
    "at the end": lambda outputs: outputs[torch.arange(len(outputs)), -1],
    "amax": lambda outputs: outputs.amax(1),
    "max": lambda outputs: outputs.max(1).values,
    "pool": lambda outputs: functional.adaptive_max_pool1d(outputs.mT, 1).squeeze(2),
    "picked": lambda outputs: outputs.gather(1, outputs.argmax(1, keepdim=True)).squeeze(1),
}


class Reading(nn.Module):
    """A head of what is read of the outputs, in some way of running the layer."""

    def __init__(self, reads, way="once", hidden=HIDDEN, bidirectional=False):
        super().__init__()
        self.reads, self.way = reads, way
        self.layer = nn.GRU(3, hidden, batch_first=way != "time first", bidirectional=bidirectional)
        if way == "cells":
            self.layer = nn.GRUCell(3, hidden)
        width = hidden * (2 if bidirectional else 1)
        self.head = nn.Sequential(nn.Linear(width, 5), nn.Tanh(), nn.Dropout(), nn.Linear(5, 2))
        self.double()

    def states(self, series):
        if self.way == "cells":
            states = []
            for token in series.unbind(1):
                states.append(self.layer(token, states[-1] if states else None))
            return torch.stack(states, 1)
        if self.way == "packed":
            lengths = torch.full((len(series),), TIME)
            packed = pack_padded_sequence(series, lengths, batch_first=True)
            return pad_packed_sequence(self.layer(packed)[0], batch_first=True)[0]
        if self.way == "chunks":
            first, state = self.layer(series[:, :2])
            return torch.cat([first, self.layer(series[:, 2:], state)[0]], 1)
        if self.way == "time first":
            return self.layer(series.transpose(0, 1))[0].transpose(0, 1)
        return self.layer(series)[0]

    def forward(self, series):
        return self.head(self.reads(self.states(series)))


def texts(model, number):
    """Series whose last state is the largest in each unit, but not by ever larger ones."""
    torch.manual_seed(0)
    found = []
    while len(found) < number:
        series = torch.randn(1, TIME, 3, dtype=torch.float64)
        with torch.no_grad():
            states = model.states(series)
        grows = states.diff(dim=1).gt(0).all()
        if (states[:, -1:] >= states).all() and not grows:
            found.append(series)
    return found


def by_definition(model, series, readout):
    with torch.no_grad():
        states = functional.pad(model.states(series), (0, 0, 1, 0))
    return readout_delta([StatePath.of_states(states)], readout=readout)


@pytest.mark.parametrize("reads", READS)
@pytest.mark.parametrize("way", ["once", "packed", "chunks", "time first", "cells"])
def test_what_is_read_is_found_by_higher_states(reads, way):
    model = Reading(READS[reads], way)
    right, wrong = ("final", "max") if reads in ("last", "at the end") else ("max", "final")
    weights = {name: weight.clone() for name, weight in model.state_dict().items()}
    for training, series in zip((False, True), texts(model, 2), strict=True):
        model.train(training)
        expected = by_definition(model, series, right)
        assert not torch.equal(expected, by_definition(model, series, wrong))
        for readout in ("auto", right):
            method = HiddenStateDeltaAttribution(model, model.layer, readout=readout)
            torch.manual_seed(1)
            scores = method.attribute(series, target=1, per_step=True)
            torch.testing.assert_close(scores, expected, rtol=0, atol=1e-12)
        method = HiddenStateDeltaAttribution(model, model.layer, readout=wrong)
        with pytest.raises(ValueError, match=f"readout is '{wrong}', but the model reads {right}"):
            method.attribute(series, target=1)
    assert all(torch.equal(weights[name], now) for name, now in model.state_dict().items())


def test_the_last_state_that_the_layer_hands_on_is_no_maximum():
    model = Reading(READS["last"]).eval()
    (series,) = texts(model, 1)
    forward = lambda series: model.head(model.layer(series)[1][-1])  # noqa: E731
    found = HiddenStateDeltaAttribution(forward, model.layer, readout="auto")
    scores = found.attribute(series, target=1, per_step=True)
    torch.testing.assert_close(scores, by_definition(model, series, "final"))
    found.readout = "max"
    with pytest.raises(ValueError, match="readout is 'max', but the model reads final"):
        found.attribute(series, target=1)


@pytest.mark.parametrize("inferring", [False, True])
def test_both_directions_and_inference_mode(inferring):
    model = Reading(READS["amax"], hidden=1, bidirectional=True).eval()
    seen = 0
    method = HiddenStateDeltaAttribution(model, model.layer, readout="auto")
    pooled = HiddenStateDeltaAttribution(model.layer, readout="max")
    for series in torch.randn(300, 1, 3, 3, dtype=torch.float64).unbind(0):
        states = model.states(series).detach()
        last = torch.cat([states[:, -1, :1], states[:, 0, 1:]], 1)
        seen += int((states.amax(1) == last).all())
        with torch.inference_mode(inferring):
            scores = method.attribute(series, target=1)
            expected = pooled.attribute(series)
        torch.testing.assert_close(scores, expected, rtol=0, atol=1e-12)
    assert seen > 5


def test_horizons_ask_for_the_readout():
    model = Reading(READS["amax"]).eval()
    (series,) = texts(model, 1)
    method = HiddenStateDeltaAttribution(model, model.layer, readout="auto")
    with pytest.raises(ValueError, match='pass readout="max"'):
        method.attribute_predictions(series)
    method.readout = "max"
    scores = method.attribute_predictions(series, per_step=True)
    expected = by_definition(model, series, "max").unsqueeze(1).expand(-1, 2, -1)
    torch.testing.assert_close(scores, expected, rtol=0, atol=1e-12)


def at_rest(reads):
    """A state h = tanh(x), and a head that is at rest where what it reads is negative."""
    layer = nn.RNN(1, 1, batch_first=True).double()
    with torch.no_grad():
        for weight in layer.parameters():
            weight.zero_()
        layer.weight_ih_l0.fill_(1.0)
    return layer, lambda series: 2 * reads(layer(series)[0]).relu()


@pytest.mark.parametrize("reads", ["last", "amax"])
def test_a_row_of_which_nothing_is_read_is_left_as_it_is(reads):
    layer, model = at_rest(READS[reads])
    series = torch.tensor([[0.5, 0.1, 0.9], [-0.1, -0.5, -0.3]]).double().unsqueeze(2)
    right = {"last": "final", "amax": "max"}[reads]
    scores = HiddenStateDeltaAttribution(model, layer, readout="auto").attribute(series, target=0)
    alone = HiddenStateDeltaAttribution(layer, readout=right).attribute(series)
    torch.testing.assert_close(scores, alone, rtol=0, atol=1e-12)


def test_a_position_that_some_rows_do_not_show():
    layer, model = at_rest(lambda outputs: outputs[:, 0])
    series = torch.tensor([[0.9, 0.1, 0.5], [-0.1, -0.5, -0.3]]).double().unsqueeze(2)
    for readout in ("auto", "max"):
        method = HiddenStateDeltaAttribution(model, layer, readout=readout)
        with pytest.raises(ValueError, match="explain the rows one by one"):
            method.attribute(series, target=0)
    with pytest.raises(ValueError, match="reads nothing of its layer"):
        HiddenStateDeltaAttribution(model, layer, readout="auto").attribute(series[1:], target=0)
    scores = HiddenStateDeltaAttribution(model, layer, readout="auto").attribute(series[:1])
    expected = torch.tensor([1.0, 0.0, 0.0]).double().reshape(1, 3, 1)
    torch.testing.assert_close(scores, expected)
