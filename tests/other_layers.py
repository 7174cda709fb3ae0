"""Recurrent layers that compute something else than torch's, and their steps by hand.

Each class runs its steps in a loop of its own; `by_hand` is one step as a function, from (token,
state) to (output, state), the state being a tuple of (batch, width).
"""

import torch
from torch import Tensor, nn


def looped(layer, tokens, state, *others):
    """Runs the layer's `by_hand` over batch-first tokens."""
    outputs = []
    for number in range(tokens.shape[1]):
        beside = [other[:, number] for other in others]
        output, state = layer.by_hand(tokens[:, number], state, *beside)
        outputs.append(output)
    return torch.stack(outputs, 1), state


def lstm_gates(layer, token, hidden):
    sums = token @ layer.weight_ih_l0.T + hidden @ layer.weight_hh_l0.T
    return (sums + layer.bias_ih_l0 + layer.bias_hh_l0).chunk(4, -1)


def gru_step(layer, token, hidden):
    of_input = (token @ layer.weight_ih_l0.T + layer.bias_ih_l0).chunk(3, -1)
    of_hidden = (hidden @ layer.weight_hh_l0.T + layer.bias_hh_l0).chunk(3, -1)
    reset, update = (
        (one + other).sigmoid() for one, other in zip(of_input[:2], of_hidden[:2], strict=True)
    )
    candidate = (of_input[2] + reset * of_hidden[2]).tanh()
    return (1 - update) * candidate + update * hidden


class PeepholeLSTM(nn.LSTM):
    """Gates that look at the cell state: at the first step, where that is zero, nothing shows."""

    def __init__(self, features, hidden):
        super().__init__(features, hidden, batch_first=True)
        self.peepholes = nn.Parameter(torch.randn(3, hidden))

    def by_hand(self, token, state):
        hidden, cell = state
        in_gate, forget, candidate, out = lstm_gates(self, token, hidden)
        in_gate = (in_gate + self.peepholes[0] * cell).sigmoid()
        forget = (forget + self.peepholes[1] * cell).sigmoid()
        cell = forget * cell + in_gate * candidate.tanh()
        hidden = (out + self.peepholes[2] * cell).sigmoid() * cell.tanh()
        return hidden, (hidden, cell)

    def forward(self, input, hx=None):
        if hx is None:
            hx = (input.new_zeros(1, len(input), self.hidden_size),) * 2
        outputs, state = looped(self, input, (hx[0][0], hx[1][0]))
        return outputs, (state[0][None], state[1][None])


class MaskedGRU(nn.GRU):
    """Carries its state over steps whose mask is 0, as Keras does."""

    def __init__(self, features, hidden):
        super().__init__(features, hidden, batch_first=True)

    def by_hand(self, token, state, mask):
        (hidden,) = state
        mask = mask.unsqueeze(-1)
        hidden = mask * gru_step(self, token, hidden) + (1 - mask) * hidden
        return hidden, (hidden,)

    def forward(self, input, hx=None, mask=None):
        hx = input.new_zeros(1, len(input), self.hidden_size) if hx is None else hx
        outputs, (hidden,) = looped(self, input, (hx[0],), mask)
        return outputs, hidden[None]


class ResettingGRU(MaskedGRU):
    """Starts anew where its mask is 0, as policies do at the end of an episode."""

    def by_hand(self, token, state, mask):
        hidden = gru_step(self, token, state[0] * mask.unsqueeze(-1))
        return hidden, (hidden,)


class ZoneoutLSTM(nn.LSTM):
    """Keeps a part of its old state, in eval mode as in expectation."""

    def __init__(self, features, hidden):
        super().__init__(features, hidden, batch_first=True)

    def by_hand(self, token, state):
        gates = lstm_gates(self, token, state[0])
        in_gate, forget, out = (gates[n].sigmoid() for n in (0, 1, 3))
        cell = 0.9 * (forget * state[1] + in_gate * gates[2].tanh()) + 0.1 * state[1]
        hidden = 0.8 * out * cell.tanh() + 0.2 * state[0]
        return hidden, (hidden, cell)

    forward = PeepholeLSTM.forward


class MinimalGRU(nn.Module):
    """One gate (Zhou et al. 2016); a state without an axis of layers."""

    def __init__(self, features, hidden):
        super().__init__()
        self.of_input, self.of_hidden = (
            nn.Linear(features, 2 * hidden),
            nn.Linear(hidden, 2 * hidden),
        )

    def by_hand(self, token, state):
        (hidden,) = state
        gate, candidate = self.of_input(token).chunk(2, -1)
        of_hidden = self.of_hidden.weight.chunk(2)
        gate = (gate + hidden @ of_hidden[0].T).sigmoid()
        candidate = (candidate + (gate * hidden) @ of_hidden[1].T).tanh()
        hidden = (1 - gate) * hidden + gate * candidate
        return hidden, (hidden,)

    def forward(self, tokens, state=None):
        width = self.of_hidden.in_features
        state = tokens.new_zeros(len(tokens), width) if state is None else state
        outputs, (hidden,) = looped(self, tokens, (state,))
        return outputs, hidden


class NormedLSTM(nn.Module):
    """Layer normalisation inside the step (Ba et al. 2016); the state is a dict."""

    def __init__(self, features, hidden):
        super().__init__()
        self.gates, self.norm = nn.Linear(features + hidden, 4 * hidden), nn.LayerNorm(4 * hidden)
        self.norm_of_cell = nn.LayerNorm(hidden)

    def by_hand(self, token, state):
        hidden, cell = state
        gates = self.norm(self.gates(torch.cat([token, hidden], -1))).chunk(4, -1)
        cell = gates[1].sigmoid() * cell + gates[0].sigmoid() * gates[2].tanh()
        hidden = gates[3].sigmoid() * self.norm_of_cell(cell).tanh()
        return hidden, (hidden, cell)

    def forward(self, tokens, memory=None):
        width = self.norm_of_cell.normalized_shape[0]
        if memory is None:
            memory = {name: tokens.new_zeros(len(tokens), width) for name in ("h", "c")}
        outputs, (hidden, cell) = looped(self, tokens, (memory["h"], memory["c"]))
        return outputs, {"h": hidden, "c": cell}


class SimpleRecurrentUnit(nn.Module):
    """In the style of SRU: gates of the input alone, a highway to it; outputs are no state."""

    def __init__(self, features, hidden):
        super().__init__()
        self.transform, self.skip = nn.Linear(features, 3 * hidden), nn.Linear(features, hidden)

    def by_hand(self, token, state):
        (cell,) = state
        candidate, forget, highway = self.transform(token).chunk(3, -1)
        forget, highway = forget.sigmoid(), highway.sigmoid()
        cell = forget * cell + (1 - forget) * candidate
        return highway * cell.tanh() + (1 - highway) * self.skip(token), (cell,)

    def forward(self, tokens, c0=None):
        width = self.skip.out_features
        c0 = tokens.new_zeros(len(tokens), width) if c0 is None else c0
        outputs, (cell,) = looped(self, tokens, (c0,))
        return outputs, cell


class SelectiveStateSpace(nn.Module):
    """In the style of Mamba: a diagonal state (batch, hidden, size) whose decay the token sets."""

    def __init__(self, features, hidden, size=2):
        super().__init__()
        self.size = size
        self.lift, self.delta = nn.Linear(features, hidden), nn.Linear(features, hidden)
        self.read, self.write = nn.Linear(features, size), nn.Linear(features, size)
        self.decay = nn.Parameter(torch.rand(hidden, size))

    def by_hand(self, token, state):
        values = state[0].unflatten(-1, (-1, self.size))
        lifted, delta = self.lift(token), nn.functional.softplus(self.delta(token)).unsqueeze(-1)
        entering = (delta * lifted.unsqueeze(-1)) * self.write(token).unsqueeze(-2)
        values = (-delta * self.decay).exp() * values + entering
        output = (values * self.read(token).unsqueeze(-2)).sum(-1) + lifted
        return output, (values.flatten(-2),)

    def forward(self, tokens, state=None):
        shape = len(tokens), *self.decay.shape
        state = tokens.new_zeros(shape) if state is None else state
        outputs, (values,) = looped(self, tokens, (state.flatten(-2),))
        return outputs, values.view(shape)


class DilatedGRU(nn.Module):
    """Goes on from the state before the last one; the last two are its state (2, batch, hidden)."""

    def __init__(self, features, hidden):
        super().__init__()
        self.hidden = hidden
        for name, weight in nn.GRU(features, hidden).named_parameters():
            setattr(self, name, nn.Parameter(weight.detach().clone()))

    def by_hand(self, token, state):
        hidden = gru_step(self, token, state[0])
        return hidden, (state[1], hidden)

    def forward(self, tokens, state=None):
        state = tokens.new_zeros(2, len(tokens), self.hidden) if state is None else state
        outputs, state = looped(self, tokens, tuple(state))
        return outputs, torch.stack(state)


OTHERS = {
    "peephole": PeepholeLSTM,
    "masked": MaskedGRU,
    "resetting": ResettingGRU,
    "zoneout": ZoneoutLSTM,
    "minimal_gru": MinimalGRU,
    "normed_lstm": NormedLSTM,
    "sru": SimpleRecurrentUnit,
    "state_space": SelectiveStateSpace,
    "dilated": DilatedGRU,
}


class ReadingOthers(nn.Module):
    """A classifier over one of the layers: reads the last output, or the mean of all."""

    def __init__(self, layer: nn.Module, hidden: int, readout: str = "mean"):
        super().__init__()
        self.layer, self.readout = layer, readout
        self.head = nn.Sequential(nn.Linear(hidden, 4), nn.Tanh(), nn.Linear(4, 2))

    def read(self, outputs: Tensor) -> Tensor:
        return self.head(outputs.mean(1) if self.readout == "mean" else outputs[:, -1])

    def forward(self, tokens: Tensor, *others: Tensor) -> Tensor:
        named = {"mask": others[0]} if others else {}
        return self.read(self.layer(tokens, **named)[0])


def adjoint_by_hand(model, widths, tokens, others=(), instead=None, target=1):
    """⟨s_t − instead_t, df/ds_t⟩ by autograd through unrolled steps, s being output and state.

    Args:
        model: A `ReadingOthers`.
        widths: Of the state's tensors.
        tokens: (batch, time, features).
        others: Further arguments of each step (batch, time).
        instead: The token that each step is compared with; None: the state before the step.
    """
    state = tuple(tokens.new_zeros(len(tokens), width) for width in widths)
    before, zeros, changes, outputs, output = state, [], [], [], None
    for number in range(tokens.shape[1]):
        beside = [other[:, number] for other in others]
        previous, previous_output = before, output
        output, made = model.layer.by_hand(tokens[:, number], before, *beside)
        if instead is None:
            before_first = torch.zeros_like(output)
            compared = (before_first if previous_output is None else previous_output, *previous)
        else:
            other_output, other_state = model.layer.by_hand(
                instead.expand_as(tokens[:, number]), before, *beside
            )
            compared = (other_output, *other_state)
        full = (output, *made)
        zero = [torch.zeros_like(part, requires_grad=True) for part in full]
        zeros.append(zero)
        changes.append([(a - b).detach() for a, b in zip(full, compared, strict=True)])
        outputs.append(output + zero[0])
        before = tuple(part + z for part, z in zip(made, zero[1:], strict=True))
    value = model.read(torch.stack(outputs, 1))[:, target].sum()
    flat = [z for zero in zeros for z in zero]
    found = iter(torch.autograd.grad(value, flat, materialize_grads=True))
    scores = [sum((change * next(found)).sum(1) for change in of_step) for of_step in changes]
    return torch.stack(scores, 1)
