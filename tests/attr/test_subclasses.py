"""Subclasses with one call of torch's kernel, against the same written around a plain layer."""

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from captum_rnn.attr import (
    AdjointDeltaAttribution,
    HiddenStateDeltaAttribution,
    LocalDeltaAttribution,
    LogitDeltaAttribution,
    RecurrentDeepLiftAttribution,
    RecurrentLRPAttribution,
)

FEATURES, HIDDEN, TIME = 3, 4, 6
LENGTHS = torch.tensor([4, 6, 1])
TOKEN = torch.linspace(-1, 1, FEATURES, dtype=torch.float64)
METHODS = [
    (HiddenStateDeltaAttribution, {}),
    (HiddenStateDeltaAttribution, {"layer_index": 0}),
    (LogitDeltaAttribution, {}),
    (LocalDeltaAttribution, {}),
    (AdjointDeltaAttribution, {}),
    (RecurrentLRPAttribution, {}),
    (RecurrentDeepLiftAttribution, {}),
]


class Packing:
    """Takes lengths and packs inside, as pytorch-forecasting's layers do."""

    def forward(self, tokens, hx=None, lengths=LENGTHS):
        return self.around(super().forward, tokens, hx)

    @staticmethod
    def around(layer, tokens, hx=None):
        packed = pack_padded_sequence(tokens, LENGTHS, batch_first=True, enforce_sorted=False)
        outputs, final = layer(packed, hx)
        return pad_packed_sequence(outputs, batch_first=True)[0], final


class Scaling(Packing):
    """Changes what the kernel reads."""

    @staticmethod
    def around(layer, tokens, hx=None):
        return layer(2 * tokens, hx)


class Normalising(Packing):
    """Changes what the kernel answers."""

    @staticmethod
    def around(layer, tokens, hx=None):
        outputs, final = layer(tokens, hx)
        return nn.functional.layer_norm(outputs, outputs.shape[-1:]), final


class Model(nn.Module):
    def __init__(self, layer, around=None):
        super().__init__()
        self.layer, self.around = layer, around
        width = HIDDEN * (2 if layer.bidirectional else 1)
        self.head, self.final_head = nn.Linear(width, 2), nn.Linear(HIDDEN, 2)

    def forward(self, tokens):
        answer = self.layer(tokens) if self.around is None else self.around(self.layer, tokens)
        outputs, final = answer
        hidden = final[0] if isinstance(final, tuple) else final
        return self.head(outputs.sum(1).tanh()) + self.final_head(hidden[-1])


@pytest.fixture(params=[Packing, Scaling, Normalising])
def mixed_in(request):
    return request.param


@pytest.fixture(params=[(nn.LSTM, 1, False), (nn.GRU, 2, True), (nn.RNN, 2, False)])
def models(request, mixed_in):
    base, num_layers, bidirectional = request.param
    options = {"bidirectional": bidirectional, "batch_first": True}
    layer = type("Own", (mixed_in, base), {})(FEATURES, HIDDEN, num_layers, **options)
    plain = base(FEATURES, HIDDEN, num_layers, **options)
    model, expected = Model(layer).double(), Model(plain, mixed_in.around).double()
    expected.load_state_dict(model.state_dict())
    return model, expected


@pytest.mark.parametrize(("make", "options"), METHODS)
def test_every_method(models, make, options):
    tokens = torch.randn(3, TIME, FEATURES, dtype=torch.float64)
    target = None if make is HiddenStateDeltaAttribution else 1
    given = {"baselines": TOKEN} if make is LocalDeltaAttribution else {}
    found, expected = (
        make(model, model.layer, **options).attribute(tokens, target=target, **given)
        for model in models
    )
    torch.testing.assert_close(found, expected)


def test_the_convergence_delta_of_the_logit_delta(models):
    tokens = torch.randn(3, TIME, FEATURES, dtype=torch.float64)
    found, expected = (
        LogitDeltaAttribution(model, model.layer).attribute(
            tokens, target=1, return_convergence_delta=True
        )[1]
        for model in models
    )
    torch.testing.assert_close(found, expected)


def test_weights_that_are_made_inside_the_forward():
    class Dropping(nn.LSTM):
        def forward(self, tokens, hx=None):
            hx = (tokens.new_zeros(1, len(tokens), HIDDEN),) * 2
            weights = [nn.functional.dropout(weight, 0.5) for weight in self._flat_weights]
            self.weights = [weight.detach() for weight in weights]
            outputs, *final = torch.lstm(tokens, hx, weights, True, 1, 0.0, False, False, True)
            return outputs, tuple(final)

    layer = Dropping(FEATURES, HIDDEN, batch_first=True).double()
    plain = nn.LSTM(FEATURES, HIDDEN, batch_first=True).double()
    model, expected = Model(layer).double(), Model(plain).double()
    expected.load_state_dict(model.state_dict())
    tokens = torch.randn(3, TIME, FEATURES, dtype=torch.float64)
    for make in (AdjointDeltaAttribution, RecurrentLRPAttribution):
        found = make(model, layer).attribute(tokens, target=1)
        with torch.no_grad():
            for weight, drawn in zip(plain._flat_weights, layer.weights, strict=True):
                weight.copy_(drawn)
        torch.testing.assert_close(found, make(expected, plain).attribute(tokens, target=1))


@pytest.mark.parametrize("changes", [False, True])
@pytest.mark.parametrize("base", [nn.RNN, nn.LSTM, nn.GRU])
def test_a_hook_on_all_modules_is_part_of_the_head(base, changes):
    plain = base(FEATURES, HIDDEN, batch_first=True).double()
    model = Model(plain, Normalising.around if changes else None).double()
    hooked = Model(plain).double()
    hooked.load_state_dict(model.state_dict())
    tokens = torch.randn(3, TIME, FEATURES, dtype=torch.float64)
    expected = AdjointDeltaAttribution(model, plain).attribute(tokens, target=1)

    def hook(module, args, output):
        if module is plain and changes:
            return Normalising.around(lambda *_: output, None)
        return None

    handle = nn.modules.module.register_module_forward_hook(hook)
    try:
        found = AdjointDeltaAttribution(hooked, plain).attribute(tokens, target=1)
    finally:
        handle.remove()
    torch.testing.assert_close(found, expected)


def test_no_mode_and_no_graph_is_left_when_the_layer_fails():
    class Failing(nn.GRU):
        def forward(self, tokens, hx=None):
            self.last = super().forward(tokens, hx)[0]
            raise RuntimeError("no such luck")

    layer = Failing(FEATURES, HIDDEN, batch_first=True)
    with pytest.raises(RuntimeError, match="no such luck"):
        AdjointDeltaAttribution(lambda tokens: layer(tokens)[0][:, -1], layer).attribute(
            torch.randn(2, TIME, FEATURES), target=1
        )
    assert torch.overrides._get_current_function_mode_stack() == []
    assert not layer.last.requires_grad
    assert torch.is_grad_enabled()


class OwnState(nn.GRU):
    """Begins with a state of its own, and answers another multiple of its last one."""

    def forward(self, tokens, hx=None):
        own = torch.linspace(-1, 1, self.hidden_size).expand(1, len(tokens), -1).contiguous()
        outputs, last = super().forward(tokens, own)
        return outputs, 2 * last


def test_a_subclass_that_begins_and_ends_with_states_of_its_own():
    layer, words, head = OwnState(4, 3, batch_first=True), nn.Embedding(9, 4), nn.Linear(3, 2)
    twin = nn.GRU(4, 3, batch_first=True)
    twin.load_state_dict(layer.state_dict())
    own = torch.linspace(-1, 1, 3).expand(1, 2, 3).contiguous()

    def model(ids):
        return head(layer(words(ids))[1][-1])

    def plain(ids):
        return head(2 * twin(words(ids), own)[1][-1])

    ids = torch.randint(9, (2, 5))
    for method in (LogitDeltaAttribution, AdjointDeltaAttribution, HiddenStateDeltaAttribution):
        scores = method(model, layer).attribute(ids, target=1)
        torch.testing.assert_close(scores, method(plain, twin).attribute(ids, target=1))
