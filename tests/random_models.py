"""Models drawn from a seed: a layer, how it is run, what stands before it and what reads it."""

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

KINDS = {"tanh": nn.RNN, "relu": nn.RNN, "lstm": nn.LSTM, "projected": nn.LSTM, "gru": nn.GRU}
CELLS = {"tanh": nn.RNNCell, "relu": nn.RNNCell, "lstm": nn.LSTMCell, "gru": nn.GRUCell}
FRONTS = ["plain", "reversed", "shifted", "first dropped", "scaled", "normalised", "sorted"]
FRONTS += ["there and back"]
RUNS = ["one", "one", "packed", "packing subclass", "hooked", "chunks", "steps", "cells", "decayed"]
HEADS = ["final", "last", "mean", "attention", "first and last", "everything", "beside", "softmax"]


class Packing(nn.LSTM):
    """Packs inside, as if all rows were full."""

    def forward(self, tokens, hx=None):
        axis = 1 if self.batch_first else 0
        lengths = torch.full((tokens.shape[1 - axis],), tokens.shape[axis])
        packed = pack_padded_sequence(tokens, lengths, self.batch_first, enforce_sorted=False)
        outputs, final = super().forward(packed, hx)
        return pad_packed_sequence(outputs, self.batch_first)[0], final


def decayed(state):
    """The state of every second row, as after a gap in time."""
    if isinstance(state, tuple):
        return tuple(map(decayed, state))
    is_kept = torch.arange(state.shape[1]) % 2 == 1
    return torch.where(is_kept.view(1, -1, 1), state, 0.7 * state)


class Random(nn.Module):
    """A model drawn from a seed; its layer is `layer`, what is explained the class 1."""

    def __init__(self, draw):
        super().__init__()
        self.kind, self.run = draw.choice(list(KINDS)), draw.choice(RUNS)
        self.front, self.readout = draw.choice(FRONTS), draw.choice(HEADS)
        self.features, hidden = draw.randint(1, 4), draw.randint(2, 4)
        in_parts = self.in_parts
        options = {"nonlinearity": self.kind} if KINDS[self.kind] is nn.RNN else {}
        if self.run == "cells":
            self.kind = "lstm" if self.kind == "projected" else self.kind
            bias = draw.random() < 0.8
            self.layer = CELLS[self.kind](self.features, hidden, bias=bias, **options)
            self.layers = self.directions = 1
        else:
            if self.kind == "projected":
                options = {"proj_size": hidden - 1}
            self.layers = draw.randint(1, 3)
            bidirectional = not in_parts and draw.random() < 0.4
            self.directions = 1 + bidirectional
            made = Packing if self.run == "packing subclass" else KINDS[self.kind]
            if made is Packing:
                self.kind, options = "lstm", {}
            self.layer = made(
                self.features,
                hidden,
                self.layers,
                bias=draw.random() < 0.8,
                batch_first=draw.random() < 0.5,
                dropout=draw.choice([0.0, 0.5]) if self.layers > 1 else 0.0,
                bidirectional=bidirectional,
                **options,
            )
        if self.run == "hooked":
            self.layer.register_forward_hook(
                lambda module, args, answer: (2 * answer[0], answer[1])
            )
        state = hidden - 1 if self.kind == "projected" else hidden
        self.width, self.norm = state * self.directions, nn.LayerNorm(self.features)
        self.top, self.of_hidden = nn.Linear(self.width, 2), nn.Linear(state, 2)
        self.of_cells, self.of_inputs = nn.Linear(hidden, 2), nn.Linear(self.features, 2)
        number = self.layers * self.directions
        self.first = [torch.randn(number, 1, state), torch.randn(number, 1, hidden)]
        self.begins = draw.random() < 0.4
        self.double().eval()

    @property
    def in_parts(self):
        return self.run in ("chunks", "steps", "cells", "decayed")

    def moved(self, vectors):
        if self.front == "reversed":
            return vectors.flip(1)
        if self.front == "there and back":
            return torch.einsum("sbtf->bstf", torch.stack([vectors, vectors.flip(1)])).flatten(1, 2)
        if self.front == "shifted":
            return torch.cat([torch.ones_like(vectors[:, :1]), vectors[:, :-1]], 1)
        if self.front == "first dropped" and vectors.shape[1] > 1:
            return vectors[:, 1:]
        if self.front == "scaled":
            return 2 * vectors + 0.5
        if self.front == "normalised" and self.features > 1:
            return self.norm(vectors)
        return vectors

    def started(self, batch, dtype):
        if not self.begins:
            return None
        states = [part.to(dtype).expand(-1, batch, -1).contiguous() for part in self.first]
        if self.run == "cells":
            states = [part[0] for part in states]
        return tuple(states) if self.kind in ("lstm", "projected") else states[0]

    def read(self, vectors):
        """Outputs (batch, time, width) and final states of a model in one run or several."""
        state = self.started(len(vectors), vectors.dtype)
        if self.run == "cells":
            outputs = []
            for token in vectors.unbind(1):
                state = self.layer(token, state)
                outputs.append(state[0] if isinstance(state, tuple) else state)
            states = state if isinstance(state, tuple) else (state,)
            return torch.stack(outputs, 1), [part.unsqueeze(0) for part in states]
        if self.run == "packed":
            lengths = torch.full((len(vectors),), vectors.shape[1])
            fed = pack_padded_sequence(vectors, lengths, batch_first=True, enforce_sorted=False)
            outputs, final = self.layer(fed, state)
            outputs = pad_packed_sequence(outputs, batch_first=True)[0]
        else:
            size = {"chunks": 2, "steps": 1, "decayed": 2}.get(self.run, vectors.shape[1])
            parts = []
            for number, part in enumerate(vectors.split(size, 1)):
                state = decayed(state) if self.run == "decayed" and number else state
                fed = part if self.layer.batch_first else part.transpose(0, 1)
                answer, state = self.layer(fed, state)
                parts.append(answer if self.layer.batch_first else answer.transpose(0, 1))
            outputs, final = torch.cat(parts, 1), state
        return outputs, list(final) if isinstance(final, tuple) else [final]

    def forward(self, vectors):
        order = torch.arange(len(vectors)).flip(0)
        moved = self.moved(vectors)
        if self.front == "sorted":
            moved = moved[order]
        outputs, final = self.read(moved)
        logits = self.answer(outputs, final, moved)
        return logits[order] if self.front == "sorted" else logits

    def answer(self, outputs, final, vectors):
        last = final[0][-self.directions :].transpose(0, 1).flatten(1)
        if self.readout == "final":
            return self.top(last)
        if self.readout == "last":
            return self.top(outputs[:, -1])
        if self.readout == "mean":
            return self.top(outputs.mean(1))
        if self.readout == "attention":
            shares = (outputs @ self.top.weight[0]).softmax(1)
            return self.top((shares.unsqueeze(2) * outputs).sum(1).tanh())
        if self.readout == "first and last":
            return self.top(outputs[:, 0] + outputs[:, -1])
        if self.readout == "softmax":
            return self.top(outputs.tanh().mean(1)).softmax(1)
        if self.readout == "beside":
            return self.top(outputs.mean(1)) + self.of_inputs(vectors.tanh().mean(1))
        logits = self.top(outputs.sin().mean(1)) + self.of_hidden(final[0].sin().sum(0))
        return logits + self.of_cells(final[1].sin().sum(0)) if len(final) > 1 else logits
