"""Layers followed by calling them one step at a time, against autograd through their steps."""

import pytest
import torch
from torch import nn

from captum_rnn.attr import (
    AdjointDeltaAttribution,
    HiddenStateDeltaAttribution,
    LocalDeltaAttribution,
    LogitDeltaAttribution,
    RecurrentLRPAttribution,
)
from captum_rnn.states.recording import record_calls
from captum_rnn.states.recovery import unstack
from other_layers import OTHERS, ReadingOthers, adjoint_by_hand

FEATURES, HIDDEN, TIME = 3, 4, 6
SUBCLASSES = [kind for kind, layer in OTHERS.items() if issubclass(layer, nn.RNNBase)]
HANDED_ON = {
    "peephole": 2,
    "zoneout": 2,
    "normed_lstm": 2,
    "dilated": 2,
}  # tensors of the state, 1 for others


def make(kind, batch=3, readout="mean"):
    model = ReadingOthers(OTHERS[kind](FEATURES, HIDDEN), HIDDEN, readout).double().eval()
    tokens = torch.randn(batch, TIME, FEATURES, dtype=torch.float64)
    others = ()
    if kind in ("masked", "resetting"):
        others = ((torch.rand(batch, TIME) > 0.4).double(),)
    widths = [2 * HIDDEN] if kind == "state_space" else [HIDDEN] * HANDED_ON.get(kind, 1)
    return model, tokens, others, widths


@pytest.mark.parametrize("instead", ["skip", "token"])
@pytest.mark.parametrize(("batch", "readout"), [(1, "mean"), (2, "last"), (3, "mean")])
@pytest.mark.parametrize("kind", SUBCLASSES)
def test_the_adjoint_of_a_subclass_is_that_of_its_own_steps(kind, batch, readout, instead):
    model, tokens, others, widths = make(kind, batch, readout)
    token = torch.randn(FEATURES, dtype=torch.float64) if instead == "token" else None
    adjoint = AdjointDeltaAttribution(model, model.layer)
    found = adjoint.attribute(tokens, token, 1, additional_forward_args=others, per_step=True)
    torch.testing.assert_close(found, adjoint_by_hand(model, widths, tokens, others, token))


@pytest.mark.parametrize("kind", SUBCLASSES)
def test_the_local_delta_of_a_subclass(kind):
    model, tokens, others, _ = make(kind, readout="last")
    token = torch.randn(FEATURES, dtype=torch.float64)
    local = LocalDeltaAttribution(model, model.layer)
    found = local.attribute(tokens, token, 1, additional_forward_args=others, per_step=True)
    named = {"mask": others[0]} if others else {}
    outputs = model.layer(tokens, **named)[0].detach().requires_grad_()
    (read,) = torch.autograd.grad(model.read(outputs)[:, 1].sum(), outputs)
    for number in range(TIME):
        seen = torch.cat([tokens[:, :number], token.expand(len(tokens), 1, -1)], 1)
        named = {"mask": others[0][:, : number + 1]} if others else {}
        instead = model.layer(seen, **named)[0][:, -1]
        expected = ((outputs[:, number] - instead) * read[:, -1]).sum(1)
        torch.testing.assert_close(found[:, number], expected.detach())


@pytest.mark.parametrize("kind", SUBCLASSES)
def test_relevance_needs_the_gates(kind):
    model, tokens, others, _ = make(kind)
    name = type(model.layer).__name__
    with pytest.raises(ValueError, match=f"{name} does not .* AdjointDeltaAttribution"):
        RecurrentLRPAttribution(model, model.layer).attribute(
            tokens, target=1, additional_forward_args=others
        )


class Doubling(nn.GRU):
    """Changes what each step reads, and leaves it to torch's kernel."""

    def forward(self, input, hx=None):
        outputs = []
        for token in input.split(1, 1):
            output, hx = super().forward(2 * token, hx)
            outputs.append(output)
        return torch.cat(outputs, 1), hx


@pytest.mark.parametrize("with_initial", [False, True])
@pytest.mark.parametrize("num_layers", [1, 2])
def test_a_stack_of_layers_is_followed_as_one(num_layers, with_initial):
    layer = Doubling(FEATURES, HIDDEN, num_layers, batch_first=True).double()
    plain = nn.GRU(FEATURES, HIDDEN, num_layers, batch_first=True).double()
    plain.load_state_dict(layer.state_dict())
    tokens = torch.randn(2, TIME, FEATURES, dtype=torch.float64)
    initial = torch.randn(num_layers, 2, HIDDEN, dtype=torch.float64) if with_initial else None
    head = torch.randn(HIDDEN, 2, dtype=torch.float64)

    def model(of, factor):
        def forward(x, hx=None):
            outputs, final = of(factor * x, hx)
            return (outputs.sin().mean(1) + final[0]) @ head

        return forward

    for make_one in (
        AdjointDeltaAttribution,
        LogitDeltaAttribution,
        lambda *args: HiddenStateDeltaAttribution(*args, layer_index=0),
    ):
        found = make_one(model(layer, 1), layer).attribute(
            tokens, target=1, additional_forward_args=(initial,)
        )
        expected = make_one(model(plain, 2), plain).attribute(
            tokens, target=1, additional_forward_args=(initial,)
        )
        torch.testing.assert_close(found, expected)


def test_cell_states_of_a_subclass():
    model, tokens, _, _ = make("peephole")
    found = HiddenStateDeltaAttribution(model, model.layer, state="cell", distance="projection")
    scores = found.attribute(tokens).sum(-1)
    states = [tuple(tokens.new_zeros(3, HIDDEN) for _ in range(2))]
    for number in range(TIME):
        states.append(model.layer.by_hand(tokens[:, number], states[-1])[1])
    cells = torch.stack([cell for _, cell in states], 1)
    expected = (cells.diff(dim=1) * cells[:, -1:]).sum(-1) / cells[:, -1:].square().sum(-1)
    torch.testing.assert_close(scores, expected.detach())


class Noisy(Doubling):
    def forward(self, input, hx=None):
        outputs, final = super().forward(input, hx)
        return outputs + 0.2 * torch.randn_like(outputs), final


class Backwards(Doubling):
    def forward(self, input, hx=None):
        return super().forward(input.flip(1), hx)


class TwoWay(nn.GRU):
    def forward(self, input, hx=None):
        halves = [super(TwoWay, self).forward(half, hx) for half in input.split(3, 1)]
        return torch.cat([outputs for outputs, _ in halves], 1), halves[-1][1]


@pytest.mark.parametrize(
    ("kind", "step", "options"),
    [(Noisy, 0, {}), (Backwards, 0, {}), (TwoWay, 3, {"bidirectional": True})],
)
def test_what_no_replay_repeats_is_refused(kind, step, options):
    layer = kind(FEATURES, HIDDEN, batch_first=True, **options)
    tokens = torch.randn(2, TIME, FEATURES)
    (call,) = record_calls(layer, lambda: layer(tokens))
    reason = "both directions" if options else "step 0 of row 0 in what it answers to one step"
    with pytest.raises(ValueError, match=f"{kind.__name__} computes .* step {step} .*{reason}"):
        unstack(layer, call)


def test_nothing_is_left_in_the_layer():
    class Counting(OTHERS["peephole"]):
        """Keeps its last state, draws numbers, and tells a hook of each call."""

        def forward(self, input, hx=None):
            outputs, state = super().forward(input, hx)
            self.last = state[0] + 0 * torch.rand(1)
            return outputs, state

    model, tokens, _, _ = make("peephole")
    layer = Counting(FEATURES, HIDDEN).double()
    layer.load_state_dict(model.layer.state_dict())
    model.layer, seen = layer, []
    layer.register_forward_hook(lambda *args: seen.append(1))
    torch.manual_seed(3)
    model(tokens)
    last, expected = layer.last.detach().clone(), torch.rand(1)
    torch.manual_seed(3)
    before = dict(vars(layer))
    AdjointDeltaAttribution(model, layer).attribute(tokens, target=1)
    assert torch.equal(torch.rand(1), expected)
    assert len(seen) == 2
    assert not layer.last.requires_grad
    torch.testing.assert_close(layer.last, last)
    assert all(weight.grad is None and weight.requires_grad for weight in layer.parameters())
    assert {name for name in vars(layer) if name not in before} == set()


OTHER_MODULES = [kind for kind in OTHERS if kind not in SUBCLASSES]


@pytest.mark.parametrize("instead", ["skip", "token"])
@pytest.mark.parametrize(("batch", "readout"), [(1, "mean"), (2, "last"), (3, "mean")])
@pytest.mark.parametrize("kind", OTHER_MODULES)
def test_the_adjoint_of_any_other_module(kind, batch, readout, instead):
    model, tokens, _, widths = make(kind, batch, readout)
    token = torch.randn(FEATURES, dtype=torch.float64) if instead == "token" else None
    adjoint = AdjointDeltaAttribution(model, model.layer)
    found = adjoint.attribute(tokens, token, 1, per_step=True)
    torch.testing.assert_close(found, adjoint_by_hand(model, widths, tokens, instead=token))


@pytest.mark.parametrize("size", [1, 4])
@pytest.mark.parametrize(
    "make_one", [AdjointDeltaAttribution, LogitDeltaAttribution, HiddenStateDeltaAttribution]
)
@pytest.mark.parametrize("kind", ["peephole", *OTHER_MODULES])
def test_runs_that_hand_their_state_on_are_one(kind, make_one, size):
    model, tokens, _, _ = make(kind, readout="last")

    def in_chunks(tokens):
        outputs, state = [], None
        for chunk in tokens.split(size, 1):
            given = () if state is None else (state,)
            output, state = model.layer(chunk, *given)
            outputs.append(output)
        return model.read(torch.cat(outputs, 1))

    target = None if make_one is HiddenStateDeltaAttribution else 1
    found, expected = (
        make_one(forward, model.layer).attribute(tokens, target=target)
        for forward in (in_chunks, model)
    )
    torch.testing.assert_close(found, expected)
