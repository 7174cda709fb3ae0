"""`readout="auto"` on small models, whose states often leave open what is read, against the truth.

The axes: kind of layer, one and two directions, one run, packed, chunks and cells in a loop; what
is read, by which head; batches, texts and states from size 1, where a last state is often the
largest, too.
"""

import random
from functools import partial

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from captum_rnn import HiddenStateDeltaAttribution
from captum_rnn.functional import StatePath, readout_delta

CELLS = {nn.RNN: nn.RNNCell, nn.LSTM: nn.LSTMCell, nn.GRU: nn.GRUCell}
READOUTS = {
    "end": "final",
    "last": -1,
    "first": 0,
    "mean": "mean",
    "amax": "max",
    "max": "max",
}


class Reading(nn.Module):
    """A head of something that is read of the states."""

    def __init__(self, draw, time, lengths):
        super().__init__()
        self.run = draw.choice(["once", "packed", "chunks", "cells"])
        self.directions = draw.randint(1, 2) if self.run in ("once", "packed") else 1
        self.reads, self.hidden = draw.choice([*READOUTS]), draw.randint(1, 3)
        self.lengths = lengths if self.run == "packed" else torch.full_like(lengths, time)
        kind = draw.choice([*CELLS])
        if self.run == "cells":
            self.layer = CELLS[kind](2, self.hidden)
        else:
            both = self.directions == 2
            self.layer = kind(2, self.hidden, batch_first=True, bidirectional=both)
        middle = nn.Linear(self.hidden * self.directions, 4)
        bent = [nn.Identity(), nn.Tanh(), nn.ReLU()]
        self.head = nn.Sequential(middle, draw.choice(bent), nn.Linear(4, 2))
        self.double().eval()

    def states(self, series):
        """The states, and the last ones of each direction."""
        if self.run == "cells":
            states = []
            for token in series.unbind(1):
                made = self.layer(token, states[-1] if states else None)
                states.append(made)
            shown = [made[0] if isinstance(made, tuple) else made for made in states]
            return torch.stack(shown, 1), shown[-1]
        if self.run == "packed":
            series = pack_padded_sequence(series, self.lengths, True, enforce_sorted=False)
        if self.run == "chunks":
            first, state = self.layer(series[:, :1])
            parts = [first]
            if series.shape[1] > 1:
                second, state = self.layer(series[:, 1:], state)
                parts.append(second)
            outputs = torch.cat(parts, 1)
        else:
            outputs, state = self.layer(series)
        if self.run == "packed":
            outputs = pad_packed_sequence(outputs, batch_first=True)[0]
        hidden = state[0] if isinstance(state, tuple) else state
        return outputs, torch.cat(list(hidden), 1)

    def forward(self, series):
        outputs, end = self.states(series)
        steps, ends = torch.arange(outputs.shape[1]), self.lengths.unsqueeze(1)
        within = (steps < ends).unsqueeze(2)
        low = partial(outputs.masked_fill, ~within, -1e30)
        return self.head(
            {
                "end": lambda: end,
                "last": lambda: outputs[torch.arange(len(outputs)), self.lengths - 1],
                "first": lambda: outputs[:, 0],
                "mean": lambda: (outputs * within).sum(1) / ends,
                "amax": lambda: low().amax(1),
                "max": lambda: low().max(1).values,
            }[self.reads]()
        )

    def expected(self, series):
        """Of one direction after the other, by the definition."""
        outputs = self.states(series)[0].detach()
        paths = [
            StatePath(torch.zeros_like(part[:, :1]), part, number == 1, self.lengths)
            for number, part in enumerate(outputs.chunk(self.directions, 2))
        ]
        return readout_delta(paths, self.lengths, readout=READOUTS[self.reads])


def test_random_readouts(fuzz_seeds):
    found = [check_a_random_readout(seed) for seed in fuzz_seeds(250)]
    assert sum(found) > 0.95 * len(found)


def check_a_random_readout(seed):
    """Whether an answer is given, which has to be right."""
    draw = random.Random(seed)
    torch.manual_seed(seed)
    rows, time = draw.randint(1, 2), draw.randint(1, 4)
    lengths = torch.tensor([time, *(draw.randint(1, time) for _ in range(rows - 1))])
    model, series = Reading(draw, time, lengths), torch.randn(rows, time, 2).double()
    method = HiddenStateDeltaAttribution(model, model.layer, readout="auto")
    try:
        scores = method.attribute(series, target=1, per_step=True)
    except ValueError as error:
        if "at rest" in str(error) or "neither the last" in str(error):  # what a ReLU hides
            return False
        raise AssertionError(f"seed {seed}") from error
    message = f"seed {seed}: {model.run}, {model.reads}"
    torch.testing.assert_close(
        scores, model.expected(series), rtol=0, atol=1e-9, msg=lambda said: f"{message}: {said}"
    )
    return True
