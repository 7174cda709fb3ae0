"""Random layers, runs, fronts and heads together, held against `tests/oracle.py` and plain twins.

The axes: kind of layer, depth, directions, projection, bias, layout; one run, chunks, single steps,
cells in a loop, subclasses that pack inside or hooks that scale; what moves tokens before the
layer; initial states; heads that read outputs, h_n and c_n of every layer, and what passes them by;
precision; batches, texts and states from size 1.
"""

import random

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from captum_rnn import (
    AdjointDeltaAttribution,
    LogitDeltaAttribution,
    RecurrentDeepLiftAttribution,
    RecurrentLRPAttribution,
)
from models import hooks
from oracle import scores_of

KINDS = {"tanh": nn.RNN, "relu": nn.RNN, "lstm": nn.LSTM, "projected": nn.LSTM, "gru": nn.GRU}
CELLS = {"tanh": nn.RNNCell, "relu": nn.RNNCell, "lstm": nn.LSTMCell, "gru": nn.GRUCell}
FRONTS = ["plain", "reversed", "shifted", "first dropped", "scaled", "normalised", "sorted"]
RUNS = ["one", "one", "packed", "packing subclass", "hooked", "chunks", "steps", "cells"]
HEADS = ["final", "last", "mean", "attention", "first and last", "everything", "beside", "softmax"]
SMOOTH = ["final", "last", "mean", "first and last"]


class Packing(nn.LSTM):
    """Packs inside, as if all rows were full."""

    def forward(self, tokens, hx=None):
        axis = 1 if self.batch_first else 0
        lengths = torch.full((tokens.shape[1 - axis],), tokens.shape[axis])
        packed = pack_padded_sequence(tokens, lengths, self.batch_first, enforce_sorted=False)
        outputs, final = super().forward(packed, hx)
        return pad_packed_sequence(outputs, self.batch_first)[0], final


class Random(nn.Module):
    """A model drawn from a seed; its layer is `layer`, what is explained the class 1."""

    def __init__(self, draw):
        super().__init__()
        self.kind, self.run = draw.choice(list(KINDS)), draw.choice(RUNS)
        self.front, self.readout = draw.choice(FRONTS), draw.choice(HEADS)
        self.features, hidden = draw.randint(1, 4), draw.randint(2, 4)
        in_parts = self.run in ("chunks", "steps", "cells")
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

    def moved(self, vectors):
        if self.front == "reversed":
            return vectors.flip(1)
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
            size = {"chunks": 2, "steps": 1}.get(self.run, vectors.shape[1])
            parts = []
            for part in vectors.split(size, 1):
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


def test_random_kinds(fuzz_seeds):
    for seed in fuzz_seeds(120):
        try:
            check_a_random_kind(seed)
        except (AssertionError, ValueError, RuntimeError) as error:
            raise AssertionError(f"seed {seed}") from error


def check_a_random_kind(seed):
    draw = random.Random(seed)
    torch.manual_seed(seed)
    model = Random(draw)
    in_parts = model.run in ("chunks", "steps", "cells")
    vectors = torch.randn(draw.randint(1, 4), draw.randint(1, 6), model.features).double()
    if model.front == "shifted" and vectors.shape[1] == 1:  # no token is left to read
        model.front = "plain"
    if in_parts and model.readout == "everything":  # lower layers in the midst are refused
        model.readout = "mean"
    leaf, before = vectors.clone().requires_grad_(), hooks(model)
    expected = scores_of(lambda: model(leaf)[:, 1], [model.layer], leaf)
    compare(AdjointDeltaAttribution, model, vectors, expected["adjoint"])
    if not in_parts:
        compare(LogitDeltaAttribution, model, vectors, expected["logit"])
    check_change(model, vectors, in_parts)
    check_moves(model, vectors, in_parts)
    check_precision(model, vectors, expected["adjoint"])
    assert hooks(model) == before
    assert all(weight.grad is None for weight in model.parameters())


def compare(made, model, vectors, expected):
    scores = made(model, model.layer).attribute(vectors, target=1, per_step=True)
    size = float(expected.abs().max().clamp(min=1e-3))
    torch.testing.assert_close(scores, expected, rtol=0, atol=1e-7 * size)


def check_change(model, vectors, in_parts):
    """DeepLIFT sums to the change from zeros that the layer reads, exactly."""
    if model.readout not in SMOOTH or (in_parts and model.readout != "last"):
        return
    if model.front == "shifted":  # whose first step reads no token
        return
    method = RecurrentDeepLiftAttribution(model, model.layer)
    scores, delta = method.attribute(vectors, target=1, return_convergence_delta=True)
    assert delta.abs().max() <= 1e-9
    with torch.no_grad():
        moved = torch.zeros_like(model.moved(vectors))
        nothing = model.answer(*model.read(moved), moved)[:, 1]
        change = model(vectors)[:, 1] - nothing
    if model.front in ("plain", "reversed", "sorted"):  # else steps read what is no token
        torch.testing.assert_close(scores.sum((1, 2)), change, rtol=0, atol=1e-9)


def check_moves(model, vectors, in_parts):
    """Relevance stands at the tokens that were read, and is that of one run over them."""
    numbers = torch.arange(vectors[..., 0].numel()).view(vectors.shape[:2])
    if model.front not in ("plain", "reversed", "first dropped"):
        return
    order = model.moved(numbers.unsqueeze(2)).squeeze(2)
    plain = lambda moved: model.answer(*model.read(moved), moved)[:, :]  # noqa: E731
    method = RecurrentLRPAttribution(plain, model.layer)
    of_moved = method.attribute(model.moved(vectors), target=1, per_step=True)
    expected = torch.zeros(numbers.numel()).double()
    expected[order.flatten()] = of_moved.flatten()
    if in_parts and model.run == "chunks":
        model.run = "one"
        once = method.attribute(model.moved(vectors), target=1, per_step=True)
        model.run = "chunks"
        torch.testing.assert_close(of_moved, once, rtol=1e-7, atol=1e-9)
    scores = RecurrentLRPAttribution(model, model.layer).attribute(vectors, target=1, per_step=True)
    torch.testing.assert_close(scores.flatten(), expected, rtol=1e-7, atol=1e-9)


def check_precision(model, vectors, expected):
    """float32 to 2e-3 of the largest score; bfloat16 roughly."""
    size = float(expected.abs().max())
    for dtype, tolerance in ((torch.float32, 2e-3), (torch.bfloat16, 0.5)):
        model.to(dtype)
        scores = AdjointDeltaAttribution(model, model.layer).attribute(
            vectors.to(dtype), target=1, per_step=True
        )
        assert scores.dtype == torch.float32
        assert (scores - expected).abs().max() <= tolerance * size + tolerance / 10
    model.double()


def test_the_draws_cover_all_axes():
    """Every value of every axis is drawn, and most pairs of run and head."""
    drawn = [Random(random.Random(seed)) for seed in range(120)]
    assert {model.front for model in drawn} == set(FRONTS)
    assert {model.kind for model in drawn} == set(KINDS)
    pairs = {(model.run, model.readout) for model in drawn}
    assert len(pairs) >= 40
    assert {model.directions for model in drawn} == {1, 2}
