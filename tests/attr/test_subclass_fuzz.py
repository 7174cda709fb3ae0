"""Random subclasses: the adjoint against a token a little smaller is the derivative by the input.

⟨s_t − cell(s_{t−1}, (1 − ε) x_t), λ_t⟩ / ε goes to ⟨x_t, df/dx_t⟩, which autograd knows of the
whole model.
"""

import random

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from captum_rnn.attr import AdjointDeltaAttribution

EPSILON = 1e-6


def around_the_kernel(kind, kernel, tokens, hx, axis):
    """What a subclass may add to one call of torch's forward."""
    if kind == "scaled":
        return kernel(2 * tokens, hx)
    if kind == "reversed":
        return kernel(tokens.flip(axis), hx)
    if kind == "packed":
        batch, time = tokens.shape[1 - axis], tokens.shape[axis]
        lengths = torch.tensor([max(1, time - row) for row in range(batch)])
        packed = pack_padded_sequence(tokens, lengths, axis == 1, enforce_sorted=False)
        outputs, final = kernel(packed, hx)
        return pad_packed_sequence(outputs, axis == 1, total_length=time)[0], final
    outputs, final = kernel(tokens, hx)
    return (2 * outputs.tanh() if kind == "squashed" else outputs), final


def in_a_loop(kind, kernel, tokens, hx, axis):
    """What a subclass may do between calls of torch's forward for single steps."""
    outputs = []
    for token in tokens.split(1, axis):
        if kind == "faded" and hx is not None:
            hx = tuple(0.9 * s for s in hx) if isinstance(hx, tuple) else 0.9 * hx
        output, hx = kernel(3 * token if kind == "looped" else token, hx)
        outputs.append(output)
    return torch.cat(outputs, axis), hx


@pytest.mark.parametrize("seed", range(40))
def test_the_adjoint_is_the_derivative(seed):
    draw = random.Random(seed)
    base, axis = draw.choice([nn.RNN, nn.LSTM, nn.GRU]), draw.randint(0, 1)
    features, hidden, layers = (draw.randint(1, 4) for _ in range(3))
    kind = draw.choice(["scaled", "reversed", "packed", "squashed", "plain", "faded", "looped"])
    loops = kind in ("faded", "looped")
    bidirectional = not loops and draw.random() < 0.4
    add = in_a_loop if loops else around_the_kernel

    class Own(base):
        def forward(self, tokens, hx=None):
            return add(kind, super().forward, tokens, hx, axis)

    layer = Own(features, hidden, layers, batch_first=axis == 1, bidirectional=bidirectional)
    layer.double()
    head = nn.Linear(hidden * (2 if bidirectional else 1), 2).double()
    final_head = nn.Linear(hidden, 2).double()

    def model(tokens):
        outputs, final = layer(tokens if axis == 1 else tokens.transpose(0, 1))
        states = final[0] if isinstance(final, tuple) else final
        return head(outputs.sin().mean(axis)) + final_head(states.sin().sum(0))

    tokens = torch.randn(draw.randint(1, 4), draw.randint(1, 6), features).double()
    leaf = tokens.clone().requires_grad_()
    (derivative,) = torch.autograd.grad(model(leaf)[:, 1].sum(), leaf)
    adjoint = AdjointDeltaAttribution(model, layer)
    found = adjoint.attribute(tokens, (1 - EPSILON) * tokens, target=1).sum(-1) / EPSILON
    torch.testing.assert_close(found, (derivative * tokens).sum(-1), rtol=1e-4, atol=1e-5)
