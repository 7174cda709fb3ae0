"""Which token each step read, where windows overlap and what stands before is flat somewhere."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from captum_rnn import AdjointDeltaAttribution
from placing import pairs_of, placed

ROWS, TIME, WIDTH = 3, 6, 4


WINDOWS = {
    "unfold": lambda x: x.unfold(1, 3, 1).transpose(2, 3).flatten(0, 1),
    "strides": lambda x: x.as_strided(
        (ROWS, TIME - 2, 3, WIDTH), (TIME * WIDTH, WIDTH, WIDTH, 1)
    ).reshape(-1, 3, WIDTH),
    "numbers": lambda x: x[:, torch.arange(TIME - 2)[:, None] + torch.arange(3)].flatten(0, 1),
    "changed": lambda x: WINDOWS["numbers"](F.layer_norm(3 * x, (WIDTH,)).sin() ** 2),
}


@pytest.mark.parametrize("how", WINDOWS)
def test_windows_that_overlap(how):
    """Each step reads one token, which other steps read too."""
    placement = placed((torch.randn(ROWS, TIME, WIDTH).double(),), WINDOWS[how])
    assert placement.mixed == ()
    expected = [
        (row * TIME + first + step, (row * (TIME - 2) + first) * 3 + step)
        for row in range(ROWS)
        for first in range(TIME - 2)
        for step in range(3)
    ]
    assert pairs_of(placement) == sorted(expected)


def test_windows_of_ids_and_of_channels_before_time():
    ids = torch.arange(ROWS * TIME).view(ROWS, TIME)
    words = nn.Embedding(ROWS * TIME, WIDTH)
    by_ids = placed((ids,), lambda ids: words(ids.unfold(1, 3, 1).flatten(0, 1)))
    series = torch.randn(ROWS, WIDTH, TIME).double()
    by_channels = placed((series,), lambda x: WINDOWS["changed"](x.transpose(1, 2)))
    assert by_channels.axes == ((0, 2),)
    assert pairs_of(by_ids) == pairs_of(by_channels)
    assert len(pairs_of(by_ids)) == ROWS * (TIME - 2) * 3


FLAT = {
    "relu": lambda x: (x.reshape(-1, WIDTH) - 9).relu().view(ROWS, TIME, WIDTH),
    "clamp": lambda x: x.clamp(8, 9)[..., :2],
    "round": lambda x: torch.round(x / 99).flip(1).flip(1),
    "sign": lambda x: torch.cat([x, -x.abs()], 2).sign(),
}


@pytest.mark.parametrize("how", FLAT)
def test_what_has_no_derivative_is_followed(how):
    placement = placed((torch.randn(ROWS, TIME, WIDTH),), FLAT[how])
    assert pairs_of(placement) == [(number, number) for number in range(ROWS * TIME)]


def test_features_that_become_time_are_left_to_autograd():
    """Of a series with its channels first; what is read of one channel has the axes of tokens."""
    series = torch.randn(ROWS, 2, TIME).double()
    placement = placed((series,), lambda x: x[:, :1].transpose(1, 2))
    assert placement.axes == ((0, 2),)
    assert pairs_of(placement) == [(number, number) for number in range(ROWS * TIME)]


def test_windows_that_begin_before_the_text():
    """What is put before it has no place of its own, by vectors as by ids."""
    ids = torch.arange(ROWS * TIME).view(ROWS, TIME)
    words = nn.Embedding(ROWS * TIME + 1, WIDTH).double()

    def read(ids):
        padded = F.pad(ids, (1, 0), value=ROWS * TIME)
        numbers = torch.arange(TIME - 1)[:, None] + torch.arange(3)
        return words(padded).sin()[:, numbers].flatten(0, 1)

    pairs = pairs_of(placed((ids,), read))
    expected = [
        (row * TIME + first + step - 1, (row * (TIME - 1) + first) * 3 + step)
        for row in range(ROWS)
        for first in range(TIME - 1)
        for step in range(3)
        if first + step > 0
    ]
    assert pairs == sorted(expected)


BEHIND = {
    "a norm": lambda x: F.normalize(x.clamp(8, 9), dim=2),
    "a product": lambda x: (x - 9).relu() @ torch.ones(WIDTH, 5).to(x),
    "steps": lambda x: torch.stack(
        [step @ torch.ones(WIDTH, 5).to(x) for step in x.sign().unbind(1)], 1
    ),
    "channels": lambda x: F.conv1d(
        x.clamp(8, 9).transpose(1, 2), torch.ones(5, WIDTH, 1).to(x)
    ).transpose(1, 2),
}


@pytest.mark.parametrize("how", BEHIND)
def test_what_is_made_of_flat_vectors_is_followed_from_there(how):
    placement = placed((torch.randn(ROWS, TIME, WIDTH).double(),), BEHIND[how])
    assert pairs_of(placement) == [(number, number) for number in range(ROWS * TIME)]


def test_flat_channels_before_time():
    series = torch.randn(ROWS, WIDTH, TIME).double()
    placement = placed((series,), lambda x: (x + 1).relu().transpose(1, 2))
    assert placement.axes == ((0, 2),)
    assert placement.mixed == ()


def test_tokens_that_are_lost_where_only_derivatives_tell():
    """A pointwise convolution before relu: the dead token is named, not left out."""
    layer, convolution = nn.GRU(5, 4, batch_first=True).double(), nn.Conv1d(WIDTH, 5, 1).double()
    series = torch.randn(ROWS, TIME, WIDTH).double()

    def forward(series, shift):
        read = (convolution(series.transpose(1, 2)) - shift).relu().transpose(1, 2)
        return layer(read)[0][:, -1].sum(1)

    adjoint = AdjointDeltaAttribution(forward, layer)
    assert adjoint.attribute(series, additional_forward_args=(-9,), per_step=True).all()
    shift = torch.full((ROWS, 1, TIME), -9.0).double()
    shift[1, 0, 2] = 99
    with pytest.raises(ValueError, match=r"relu\(\) makes the same"):
        adjoint.attribute(series, additional_forward_args=(shift,))
    steps = adjoint.attribute(
        series, additional_forward_args=(shift,), attribute_to_layer_input=True
    )
    assert steps.shape == (ROWS, TIME, 5)


def test_derivatives_that_are_next_to_nothing_but_rounding():
    """Two normalised features are 1 and −1: no token is put at a step by chance."""
    expected = [(0, 0), (0, 1), (1, 2), (1, 3)]
    found = 0
    for _ in range(100):
        series = torch.randn(1, 2, 2).double()
        placement = placed(
            (series,), lambda x: F.layer_norm(F.normalize(x.repeat_interleave(2, 1), dim=2), (2,))
        )
        assert placement.mixed or pairs_of(placement) == expected
        found += not placement.mixed
    assert found > 50
