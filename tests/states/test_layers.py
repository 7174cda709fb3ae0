"""What may be passed as a layer, and what is said of the rest."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from captum_rnn.attr import HiddenStateDeltaAttribution
from captum_rnn.states.calls import layer_call
from captum_rnn.states.layers import form_of, recurrent_layer, torch_layer
from captum_rnn.states.recording import record_calls
from captum_rnn.states.recovery import unstack
from captum_rnn.states.weights import from_cell
from other_layers import MinimalGRU


class Wrapper(nn.Module):
    def __init__(self, layers=1):
        super().__init__()
        self.rnn = nn.LSTM(3, 4, batch_first=True)
        self.inner = nn.ModuleDict({"second": nn.GRU(4, 4)} if layers == 2 else {})

    def forward(self, tokens):
        return self.rnn(tokens)[0]


class PythonLSTM(nn.RNNBase):
    """As torchrl writes it: the weights of an nn.LSTM, and steps of its own."""

    def __init__(self):
        super().__init__("LSTM", 3, 4, batch_first=True)

    def forward(self, tokens, hx=None):
        hidden = cell = tokens.new_zeros(len(tokens), 4) if hx is None else None
        if hx is not None:
            hidden, cell = hx[0][0], hx[1][0]
        outputs = []
        for token in tokens.unbind(1):
            sums = token @ self.weight_ih_l0.T + hidden @ self.weight_hh_l0.T
            sums = (sums + self.bias_ih_l0 + self.bias_hh_l0).chunk(4, 1)
            cell = sums[1].sigmoid() * cell + sums[0].sigmoid() * sums[2].tanh()
            hidden = sums[3].sigmoid() * cell.tanh()
            outputs.append(hidden)
        return torch.stack(outputs, 1), (hidden[None], cell[None])


@pytest.mark.parametrize(
    ("layer", "said"),
    [
        (Wrapper(), r"type Wrapper.*holds one LSTM; pass its \.rnn$"),
        (
            Wrapper(2),
            r"its \.rnn or its \.inner\.second, or .*=\[rnn\.rnn, rnn\.inner\.second\]",
        ),
        (nn.ModuleList([nn.GRU(3, 4)]), r"ModuleList.*holds one GRU; pass its \.0$"),
        ([nn.GRU(3, 4), nn.GRU(4, 4)], "list of 2 layers.*pass one of them"),
        (nn.Linear(3, 4), "type Linear, which is not recurrent"),
        (torch.tanh, "type builtin_function_or_method, which is not recurrent"),
        (nn.GRU, "type GRU, which is not recurrent"),
    ],
)
def test_what_is_refused_is_told_what_to_pass(layer, said):
    with pytest.raises(TypeError, match=said):
        recurrent_layer(layer)


class Scripted(torch.jit.ScriptModule):
    """Scripted as it is made."""


@pytest.mark.filterwarnings("ignore")
def test_scripted_quantised_and_exported_layers():
    model = nn.Sequential(nn.LSTM(3, 4, batch_first=True))
    quantised = torch.ao.quantization.quantize_dynamic(model, {nn.LSTM})[0]
    exported = torch.export.export(Wrapper().eval(), (torch.randn(2, 5, 3),)).module()
    for layer, said in (
        (torch.jit.script(Wrapper()).rnn, "a scripted LSTM tells no hook"),
        (quantised, "weights are quantised"),
        (Scripted(), "a scripted Scripted tells no hook"),
        (exported, "exported model"),
        (exported.rnn, "exported model"),
    ):
        with pytest.raises(TypeError, match=f"{said}.* explain the model as it was before"):
            recurrent_layer(layer)
        method = HiddenStateDeltaAttribution(lambda tokens: tokens, layer)
        with pytest.raises(TypeError, match=said):
            method.attribute(torch.randn(2, 5, 3))


def test_forms():
    layer = nn.LSTM(3, 4, num_layers=2, bidirectional=True)
    form = form_of(recurrent_layer(SimpleNamespace(_orig_mod=layer)))
    assert (form.batch_first, form.has_cells) == (False, True)
    assert (form.directions, form.num_layers) == (2, 2)
    other = recurrent_layer(MinimalGRU(3, 4))
    form = form_of(other)
    assert (form.batch_first, form.has_gates) == (True, False)
    assert (form.directions, form.num_layers) == (1, 1)
    with pytest.raises(TypeError, match=r"MinimalGRU; expected an nn\.RNN"):
        torch_layer(other)
    assert torch_layer(layer) is layer


def test_a_layer_with_the_weights_of_torchs_is_followed_by_its_gates():
    layer, plain = PythonLSTM().double(), nn.LSTM(3, 4, batch_first=True).double()
    plain.load_state_dict(layer.state_dict())
    tokens = torch.randn(2, 5, 3, dtype=torch.float64)
    (call,) = record_calls(recurrent_layer(layer), lambda: layer(tokens))
    ((passed,),) = unstack(layer, call).layers
    (call,) = record_calls(plain, lambda: plain(tokens))
    ((expected,),) = unstack(plain, call).layers
    torch.testing.assert_close(passed.steps.cells, expected.steps.cells)


@pytest.mark.parametrize(
    "cell",
    [
        nn.RNNCell(3, 4),
        nn.RNNCell(3, 4, bias=False, nonlinearity="relu"),
        nn.LSTMCell(3, 4),
        nn.GRUCell(3, 4, bias=False),
    ],
)
def test_the_layer_of_a_cell_takes_its_steps_with_its_weights(cell):
    layer, tokens = from_cell(cell), torch.randn(2, 5, 3)
    state, outputs = None, []
    for token in tokens.unbind(1):
        state = cell(token, state)
        outputs.append(state[0] if isinstance(state, tuple) else state)
    torch.testing.assert_close(layer(tokens)[0], torch.stack(outputs, 1))
    shared = {id(weight) for weight in cell.parameters()}
    assert {id(weight) for weight in layer.parameters()} == shared
    time_first = from_cell(cell, batch_first=False)
    torch.testing.assert_close(time_first(tokens.transpose(0, 1))[1], layer(tokens)[1])


@torch.no_grad()
def test_a_call_of_a_cell_is_a_call_of_its_layer_of_one_step():
    cell, token = nn.LSTMCell(3, 4).double(), torch.randn(2, 3, dtype=torch.float64)
    state = torch.randn(2, 2, 4, dtype=torch.float64).unbind()
    call = layer_call(cell, (token, state), {}, cell(token, state))
    layer = from_cell(cell)
    (expected,) = record_calls(layer, lambda: layer(token[:, None], tuple(s[None] for s in state)))
    for name in ("input", "output", "initial", "final"):
        torch.testing.assert_close(getattr(call, name), getattr(expected, name))
    assert set(call.weights) == set(expected.weights)
    ((passed,),) = unstack(layer, call).layers
    torch.testing.assert_close(passed.steps.cells[1:], call.final[1])
    with pytest.raises(TypeError, match=r"type LSTM; expected an nn\.RNNCell"):
        from_cell(layer)
