"""Other layers whose outputs are no states of a reading in order."""

import warnings

import pytest
import torch
from torch import nn

from captum_rnn.attr import AdjointDeltaAttribution, HiddenStateDeltaAttribution
from other_layers import OTHERS

FEATURES, HIDDEN, TIME = 3, 4, 7
TOKENS = torch.linspace(-1, 2, 2 * TIME * FEATURES).view(2, TIME, FEATURES)


class Convolution(nn.Module):
    def __init__(self, behind):
        super().__init__()
        self.behind, self.convolution = behind, nn.Conv1d(FEATURES, HIDDEN, 3)

    def forward(self, tokens):
        padded = nn.functional.pad(tokens.transpose(1, 2), (2 - self.behind, self.behind))
        return self.convolution(padded).transpose(1, 2)


class Pointwise(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(FEATURES, HIDDEN)

    def forward(self, tokens):
        return self.linear(tokens).tanh(), "no state"


class Pooling(Pointwise):
    def forward(self, tokens):
        return self.linear(tokens)[:, ::2]


MODULES = ["minimal_gru", "normed_lstm", "sru", "state_space", "dilated"]


def attribute(layer):
    method = HiddenStateDeltaAttribution(lambda x: layer(x), layer)
    return method.attribute(TOKENS)


@pytest.mark.parametrize(
    ("layer", "said"),
    [
        (Convolution(1), "output of Convolution depends on what it reads later"),
        (Convolution(2), "output of Convolution depends on what it reads later"),
        (Pointwise(), "outputs of Pointwise do not depend on what it read before"),
    ],
)
def test_what_is_no_reading_in_order_is_said(layer, said):
    with pytest.warns(UserWarning, match=said):
        attribute(layer)


@pytest.mark.parametrize("kind", [*MODULES, "causal"])
def test_nothing_is_said_of_the_others(kind):
    layer = Convolution(0) if kind == "causal" else OTHERS[kind](FEATURES, HIDDEN)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert attribute(layer).shape == TOKENS.shape
    assert not [w for w in caught if type(layer).__name__ in str(w.message)]


class TimeFirst(nn.Module):
    """Reads (time, batch, features), which nothing says of it."""

    def __init__(self):
        super().__init__()
        self.inner = OTHERS["minimal_gru"](FEATURES, HIDDEN)

    def forward(self, tokens, state=None):
        outputs, state = self.inner(tokens.transpose(0, 1), state)
        return outputs.transpose(0, 1), state


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("method", [HiddenStateDeltaAttribution, AdjointDeltaAttribution])
def test_a_module_that_reads_the_time_first(method, batch):
    layer = TimeFirst()
    model = lambda x: layer(x.transpose(0, 1))[0][-1]  # noqa: E731
    twin = lambda x: layer.inner(x)[0][:, -1]  # noqa: E731
    with pytest.raises(ValueError, match="set its attribute batch_first = False"):
        method(model, layer).attribute(TOKENS[:batch], target=1)
    layer.batch_first = False
    scores, expected = (
        method(forward, of).attribute(TOKENS[:batch], target=1)
        for forward, of in ((model, layer), (twin, layer.inner))
    )
    torch.testing.assert_close(scores, expected)


def test_rows_of_one_step_are_no_time():
    layer = OTHERS["minimal_gru"](FEATURES, HIDDEN)
    delta = HiddenStateDeltaAttribution(lambda x: layer(x)[0][:, -1], layer)
    assert delta.attribute(TOKENS[:, :1]).shape == (2, 1, FEATURES)


def test_an_output_that_is_no_sequence_of_the_steps():
    layer = Pooling()
    with pytest.raises(ValueError, match=r"Pooling answered \(2, 7, 3\) with \(2, 4, 4\)"):
        attribute(layer)
