"""Layers drawn from a seed, with what reads them: dead units, sums of exactly 0, packing."""

import random

import torch

from readers import Reader
from reference import KINDS, make_initial_state, make_layer
from unrolled import initial_of

LINEAR = ["final", "last", "middle", "mean"]
WEIGHTS = ["drawn", "larger", "quarters", "dead"]


class RandomLayer:
    """A layer, what reads it and a batch for it."""

    def __init__(self, seed):
        draw = random.Random(seed)
        torch.manual_seed(seed)
        self.kind = draw.choice([*KINDS, "rnn_relu", "rnn_relu", "rnn_relu"])
        self.weights = draw.choice(WEIGHTS)
        self.layers, self.is_packed = draw.randint(1, 3), draw.random() < 0.5
        batch, self.time, features = draw.randint(1, 4), draw.randint(1, 6), draw.randint(1, 3)
        self.layer = make_layer(
            self.kind,
            features,
            draw.randint(5, 6) if self.kind == "lstm_projected" else draw.randint(1, 4),
            num_layers=self.layers,
            bidirectional=draw.random() < 0.5,
            batch_first=draw.random() < 0.5,
            bias=draw.random() < 0.8,
        ).double()
        self._weigh(draw)
        self.tokens = self._numbers(batch, self.time, features)
        self.baseline = self._numbers(features)
        if draw.random() < 0.3:
            self.tokens[0] = 0
        self.lengths = None
        if self.is_packed:
            self.lengths = torch.randint(1, self.time + 1, (batch,))
            self.lengths[draw.randrange(batch)] = self.time
        self.initial = None
        if draw.random() < 0.3:
            self.initial = make_initial_state(self.layer, batch)
            is_pair = isinstance(self.initial, tuple)
            self.initial = (
                tuple(state.double() for state in self.initial)
                if is_pair
                else self.initial.double()
            )
        self.epsilon = draw.choice([0.001, 0.001, 0.1, 1e-6])
        self.readout = draw.choice([*LINEAR, "max", "everything"])
        self.model = Reader(self.layer, self.readout).eval()

    def _numbers(self, *shape):
        if self.weights != "quarters":
            return torch.randn(shape).double()
        return torch.randint(-4, 5, shape).double() / 4

    @torch.no_grad()
    def _weigh(self, draw):
        dead = draw.choice([None, None, "_l0", "_l0_reverse", f"_l{self.layers - 1}"])
        for name, weight in self.layer.named_parameters():
            if self.weights == "quarters":
                weight.copy_(torch.randint(-3, 4, weight.shape) / 4)
            elif self.weights != "drawn":
                weight.mul_(2)
            if self.weights == "dead" and name.startswith("bias_ih"):
                weight.sub_(9.0 if dead is not None and name.endswith(dead) else 0.7)
            if draw.random() < 0.1:
                weight.zero_()

    @property
    def given(self):
        return {"target": 1, "additional_forward_args": (self.lengths, self.initial)}

    @property
    def in_float32(self):
        initial = self.initial
        if initial is not None:
            pair = isinstance(initial, tuple)
            initial = tuple(state.float() for state in initial) if pair else initial.float()
        return {"target": 1, "additional_forward_args": (self.lengths, initial)}

    def rows(self):
        """Number, tokens and initial state of each row."""
        ends = [self.time] * len(self.tokens) if self.lengths is None else self.lengths.tolist()
        for row, end in enumerate(ends):
            yield row, self.tokens[row, :end], initial_of(self.initial, row)

    def read(self, tokens, initial):
        """Derivatives with respect to outputs and to final states, by autograd."""
        outputs, final = self.layer(tokens, initial)
        final = final if isinstance(final, tuple) else (final,)
        leaves = [states.detach().requires_grad_() for states in (outputs, *final)]
        value = self.model.read(leaves[0], leaves[1], leaves[2] if len(leaves) > 2 else None)[1]
        if not value.requires_grad:
            return None, [None, None]
        read, *ends = torch.autograd.grad(value, leaves, allow_unused=True)
        return read, [*ends, None][:2]


def close(found, expected, rounding=1e-7):
    size = float(expected.abs().max().clamp(min=1e-3))
    torch.testing.assert_close(found, expected, rtol=0, atol=rounding * size)
