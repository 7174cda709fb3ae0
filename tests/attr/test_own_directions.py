"""Layers of one's own that read in both directions: followed as the two that they are made of."""

import pytest
import torch
from torch import nn

from captum_rnn import (
    AdjointDeltaAttribution,
    HiddenStateDeltaAttribution,
    LeaveOneOutAttribution,
    LocalDeltaAttribution,
    LogitDeltaAttribution,
    RecurrentDeepLiftAttribution,
    RecurrentLRPAttribution,
    RecurrentShapleyAttribution,
)
from other_layers import OTHERS

FEATURES, HIDDEN, TIME = 3, 4, 5


class BothWays(nn.Module):
    """Two layers that read in one direction each; their outputs stand side by side."""

    def __init__(self, make):
        super().__init__()
        self.forwards, self.backwards = make(FEATURES, HIDDEN), make(FEATURES, HIDDEN)

    def forward(self, tokens):
        ahead, _ = self.forwards(tokens)
        back, _ = self.backwards(tokens.flip(1))
        return torch.cat([ahead, back.flip(1)], -1)


class LoopedCells(BothWays):
    """The same of cells of torch, which are called step by step."""

    def __init__(self, make=nn.LSTMCell):
        super().__init__(make)

    def forward(self, tokens):
        steps, outputs = list(tokens.unbind(1)), []
        for cell, read in ((self.forwards, steps), (self.backwards, steps[::-1])):
            state, states = None, []
            for token in read:
                state = cell(token, state)
                states.append(state[0])
            outputs.append(torch.stack(states, 1))
        return torch.cat([outputs[0], outputs[1].flip(1)], -1)


class Model(nn.Module):
    def __init__(self, rnn, readout="mean"):
        super().__init__()
        self.rnn, self.readout = rnn, readout
        self.head = nn.Sequential(nn.Linear(2 * HIDDEN, 4), nn.Tanh(), nn.Linear(4, 2))
        self.double().eval()

    def read(self, outputs):
        ends = torch.cat([outputs[:, -1, :HIDDEN], outputs[:, 0, HIDDEN:]], -1)
        return self.head({"mean": outputs.mean(1), "ends": ends}[self.readout])

    def forward(self, tokens):
        outputs = self.rnn(tokens)
        return self.read(outputs[0] if isinstance(outputs, tuple) else outputs)


@pytest.fixture
def tokens():
    return torch.randn(2, TIME, FEATURES, dtype=torch.float64)


def unrolled(model, widths, tokens):
    """⟨s_t − s_{t−1}, df/ds_t⟩ of both layers, s being output and state, df/ds by autograd."""
    outputs, zeros, changes = [], [], []
    for layer, reads in ((model.rnn.forwards, tokens), (model.rnn.backwards, tokens.flip(1))):
        state = tuple(tokens.new_zeros(len(tokens), width) for width in widths)
        shown, of_layer = torch.zeros_like(state[0])[:, :HIDDEN], []
        for token in reads.unbind(1):
            output, made = layer.by_hand(token, state)
            full, before = (output, *made), (shown, *state)
            zero = [torch.zeros_like(part, requires_grad=True) for part in full]
            zeros.append(zero)
            changes.append([(a - b).detach() for a, b in zip(full, before, strict=True)])
            of_layer.append(output + zero[0])
            state = tuple(part + z for part, z in zip(made, zero[1:], strict=True))
            shown = output
        outputs.append(torch.stack(of_layer, 1))
    value = model.read(torch.cat([outputs[0], outputs[1].flip(1)], -1))[:, 1].sum()
    flat = [z for zero in zeros for z in zero]
    found = iter(torch.autograd.grad(value, flat, materialize_grads=True))
    worth = [sum((change * next(found)).sum(1) for change in of_step) for of_step in changes]
    ahead, back = torch.stack(worth, 1).split(TIME, 1)
    return ahead + back.flip(1)


WIDTHS = {
    "minimal_gru": [HIDDEN],
    "normed_lstm": [HIDDEN, HIDDEN],
    "sru": [HIDDEN],
    "state_space": [2 * HIDDEN],
    "peephole": [HIDDEN, HIDDEN],
    "zoneout": [HIDDEN, HIDDEN],
}


@pytest.mark.parametrize("readout", ["mean", "ends"])
@pytest.mark.parametrize("name", WIDTHS)
def test_the_adjoint_goes_through_both(tokens, name, readout):
    model = Model(BothWays(OTHERS[name]), readout)
    method = AdjointDeltaAttribution(model, [model.rnn.forwards, model.rnn.backwards])
    found = method.attribute(tokens, target=1, per_step=True)
    expected = unrolled(model, WIDTHS[name], tokens)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-11)


class Twin(nn.Module):
    """Torch's bidirectional layer with the weights of two."""

    def __init__(self, rnn):
        super().__init__()
        self.layer = nn.LSTM(FEATURES, HIDDEN, batch_first=True, bidirectional=True)
        of_both = ((rnn.forwards, "_l0"), (rnn.backwards, "_l0_reverse"))
        self.layer.load_state_dict(
            {
                name.removesuffix("_l0") + ending: weight
                for part, ending in of_both
                for name, weight in part.state_dict().items()
            }
        )

    def forward(self, tokens):
        return self.layer(tokens)[0]


@pytest.mark.parametrize("readout", ["mean", "ends"])
@pytest.mark.parametrize("kind", ["layers", "cells"])
@pytest.mark.parametrize(
    "method",
    [
        AdjointDeltaAttribution,
        LogitDeltaAttribution,
        LocalDeltaAttribution,
        RecurrentLRPAttribution,
        RecurrentDeepLiftAttribution,
        LeaveOneOutAttribution,
        RecurrentShapleyAttribution,
    ],
)
@pytest.mark.filterwarnings("ignore:relevance sums")
def test_two_layers_of_torch_are_its_bidirectional_one(tokens, kind, readout, method):
    rnn = LoopedCells() if kind == "cells" else BothWays(lambda *n: nn.LSTM(*n, batch_first=True))
    model = Model(rnn, readout)
    twin = Model(Twin(rnn), readout)
    twin.head = model.head
    torch.testing.assert_close(model(tokens), twin(tokens))
    method_of_both = method(model, [rnn.forwards, rnn.backwards])
    expected = method(twin, twin.rnn.layer).attribute(tokens, target=1)
    found = method_of_both.attribute(tokens, target=1)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-10)


class AtOnce(nn.Module):
    """Both directions in one module that holds no other."""

    def __init__(self):
        super().__init__()
        self.read = nn.Parameter(torch.randn(2, FEATURES, HIDDEN))
        self.keep = nn.Parameter(torch.randn(2, HIDDEN, HIDDEN))

    def forward(self, tokens, states=None):
        states = tokens.new_zeros(2, len(tokens), HIDDEN) if states is None else states
        found, ends = [], []
        for way, state in enumerate(states):
            outputs = []
            for token in (tokens if way == 0 else tokens.flip(1)).unbind(1):
                state = (token @ self.read[way] + state @ self.keep[way]).tanh()
                outputs.append(state)
            found.append(torch.stack(outputs if way == 0 else outputs[::-1], 1))
            ends.append(state)
        return torch.cat(found, -1), torch.stack(ends)


def test_the_whole_is_refused_with_the_line_to_write(tokens):
    of_torch = Model(BothWays(lambda *n: nn.GRU(*n, batch_first=True)))
    line = r"layer=\[rnn\.forwards, rnn\.backwards\]"
    for method in (AdjointDeltaAttribution, HiddenStateDeltaAttribution):
        with pytest.raises(TypeError, match=rf"holds 2 recurrent layers.*{line}"):
            method(of_torch, of_torch.rnn).attribute(tokens, target=1)
    for rnn in (BothWays(OTHERS["minimal_gru"]), LoopedCells(), AtOnce()):
        model = Model(rnn)
        warned = "depends on what it reads later" + ("" if type(rnn) is AtOnce else f".*{line}")
        with (
            pytest.warns(UserWarning, match=warned),
            pytest.raises(ValueError, match=f"both directions.*{line}"),
        ):
            AdjointDeltaAttribution(model, rnn).attribute(tokens, target=1)
    both = [of_torch.rnn.forwards, of_torch.rnn.backwards]
    with pytest.raises(ValueError, match="one layer alone"):
        HiddenStateDeltaAttribution(of_torch, both).attribute(tokens)
    alone = HiddenStateDeltaAttribution(of_torch, both[1], readout="mean").attribute(tokens)
    turned = HiddenStateDeltaAttribution(both[1], readout="mean").attribute(tokens.flip(1))
    torch.testing.assert_close(alone, turned.flip(1))
