"""DeepLIFT of a layer that runs in parts, and of cells in a loop: the same as of one run.

Heads that are not linear are asked on the way from the baseline's states, part by part.
"""

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from captum_rnn import RecurrentDeepLiftAttribution

WIDTH, HIDDEN, TIME = 3, 4, 6
LENGTHS = torch.tensor([6, 2, 5])
READS = {
    "last": lambda outputs: outputs[:, -1],
    "mean": lambda outputs: outputs.mean(1),
    "maximum": lambda outputs: outputs.amax(1),
    "products": lambda outputs: outputs[:, 1] * outputs[:, -1],
    "attention": lambda outputs: (outputs.sum(2, keepdim=True).softmax(1) * outputs).sum(1),
}


class Whole(nn.Module):
    """Runs a layer once; `parts` says how it is run else."""

    def __init__(self, layer, reads, parts=None, cells=()):
        super().__init__()
        self.layer, self.reads, self.parts = layer, reads, parts
        self.cells = nn.ModuleList(cells)
        self.head = nn.Sequential(nn.Linear(HIDDEN, 5), nn.Tanh(), nn.Linear(5, 2))
        self.double().eval()

    def states(self, series):
        if self.parts is None:
            return self.layer(series)[0]
        if self.parts == "cells":
            return self.looped(series)
        state, outputs = None, []
        for part in series.split({"chunks": [2, 3, 1], "steps": 1}[self.parts], 1):
            output, state = self.layer(part, state)
            outputs.append(output)
        return torch.cat(outputs, 1)

    def looped(self, series):
        states, outputs = [None] * len(self.cells), []
        for token in series.unbind(1):
            for level, cell in enumerate(self.cells):
                states[level] = cell(token, states[level])
                token = states[level][0] if isinstance(states[level], tuple) else states[level]
            outputs.append(token)
        return torch.stack(outputs, 1)

    def forward(self, series):
        return self.head(self.reads(self.states(series)))


def as_cells(layer):
    """The stacked layers of a layer, each as a cell."""
    kinds = {"LSTM": nn.LSTMCell, "GRU": nn.GRUCell, "RNN_TANH": nn.RNNCell}
    cells = []
    for level in range(layer.num_layers):
        cell = kinds[layer.mode](HIDDEN if level else WIDTH, HIDDEN)
        for name, weight in cell.named_parameters():
            weight.data = getattr(layer, f"{name}_l{level}").data.clone()
        cells.append(cell)
    return cells


@pytest.mark.parametrize("against", [None, "others"])
@pytest.mark.parametrize("reads", READS)
@pytest.mark.parametrize("parts", ["chunks", "steps", "cells"])
@pytest.mark.parametrize(("kind", "levels"), [(nn.LSTM, 2), (nn.GRU, 2), (nn.RNN, 1), (nn.LSTM, 1)])
def test_parts_are_one_run(kind, levels, parts, reads, against):
    layer = kind(WIDTH, HIDDEN, levels, batch_first=True)
    once = Whole(layer, READS[reads])
    model = Whole(layer, READS[reads], parts, as_cells(layer) if parts == "cells" else ())
    model.head = once.head
    series = torch.randn(3, TIME, WIDTH, dtype=torch.float64)
    baselines = None if against is None else torch.randn_like(series)
    followed = list(model.cells) if levels > 1 else [*model.cells][:1]
    followed = layer if parts != "cells" else followed if levels > 1 else followed[0]
    found, delta = RecurrentDeepLiftAttribution(model, followed).attribute(
        series, baselines, target=1, return_convergence_delta=True
    )
    expected = RecurrentDeepLiftAttribution(once, layer).attribute(series, baselines, target=1)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-11)
    torch.testing.assert_close(delta, torch.zeros_like(delta), rtol=0, atol=1e-12)


@pytest.mark.parametrize("reads", ["mean", "last states"])
@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU])
def test_packed_parts_of_rows_that_end_early(kind, reads):
    """The second part goes on with the rows that have tokens left."""
    layer, head = kind(WIDTH, HIDDEN, 2, batch_first=True), nn.Linear(HIDDEN, 2)
    layer.double(), head.double()
    lengths = torch.tensor([6, 5, 4])

    def run(series, ends, state=None):
        packed = pack_padded_sequence(series, ends, batch_first=True)
        outputs, state = layer(packed, state)
        return pad_packed_sequence(outputs, batch_first=True)[0], state

    def answer(outputs, state):
        hidden = state[0] if kind is nn.LSTM else state
        read = outputs.sum(1) if reads == "mean" else hidden[-1]
        return head(read.tanh())

    def once(series):
        return answer(*run(series, lengths))

    def in_parts(series):
        first, state = run(series[:, :3], torch.tensor([3, 3, 3]))
        second, state = run(series[:, 3:], lengths - 3, state)
        return answer(torch.cat([first, second], 1), state)

    series, baselines = torch.randn(2, 3, TIME, WIDTH, dtype=torch.float64)
    found, expected = (
        RecurrentDeepLiftAttribution(model, layer).attribute(series, baselines, target=1)
        for model in (in_parts, once)
    )
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-11)


def test_states_that_tell_how_often_the_layer_runs():
    cell, head = nn.GRUCell(WIDTH, HIDDEN).double(), nn.Linear(HIDDEN, 2).double()

    def until(series):
        state = None
        for token in series.unbind(1):
            state = cell(token, state)
            if float(state.detach().abs().sum()) > 0.8:
                break
        return head(state.tanh())

    series = torch.randn(1, TIME, WIDTH, dtype=torch.float64)
    with pytest.raises(ValueError, match="another number of times"):
        RecurrentDeepLiftAttribution(until, cell).attribute(series, target=1)
