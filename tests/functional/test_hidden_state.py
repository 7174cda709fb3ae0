"""Hand-computed cases, the reference and properties of the mathematics."""

import math
from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import reference
from captum_rnn.functional import (
    hidden_state_delta,
)

_double = partial(torch.tensor, dtype=torch.float64)

DISTANCES = ["l2", "l1", "linf", "cosine", "projection"]


@pytest.fixture
def walk():
    """(0, 0) → (3, 0) → (3, 4): every distance of it is computed by hand below."""
    return torch.tensor([[[0.0, 0.0], [3.0, 0.0], [3.0, 4.0]]])


@pytest.mark.parametrize(
    ("distance", "raw", "scale"),
    [
        ("l2", [1.0, 4.0], 5.0),
        ("l1", [3.0, 4.0], 7.0),
        ("linf", [0.0, 4.0], 4.0),
        ("cosine", [0.6, 0.4], 1.0),
        ("projection", [9 / 5, 16 / 5], 5.0),
    ],
)
def test_hand_computed_walk(walk, distance, raw, scale):
    raw = torch.tensor([raw])
    torch.testing.assert_close(hidden_state_delta(walk, distance=distance, normalize=False), raw)
    torch.testing.assert_close(hidden_state_delta(walk, distance=distance), raw / scale)


def test_a_token_that_leads_away_scores_below_zero():
    states = torch.tensor([[[0.0], [-1.0], [2.0]]])
    torch.testing.assert_close(hidden_state_delta(states), torch.tensor([[-0.5, 1.5]]))


@pytest.mark.parametrize("distance", DISTANCES)
def test_agrees_with_the_reference(distance):
    states = torch.randn(4, 8, 5, dtype=torch.float64)
    expected = [reference.scores([row], distance) for row in states]
    torch.testing.assert_close(
        hidden_state_delta(states, distance=distance), _double(expected), rtol=0, atol=1e-10
    )


@given(seed=st.integers(0, 10_000), distance=st.sampled_from(DISTANCES), time=st.integers(1, 9))
@settings(max_examples=60)
def test_scores_telescope_and_rows_are_independent(seed, distance, time):
    generator = torch.Generator().manual_seed(seed)
    states = torch.randn(3, time + 1, 4, generator=generator, dtype=torch.float64)
    states[:, 0] = 0
    lengths = torch.randint(1, time + 1, (3,), generator=generator)
    scores = hidden_state_delta(states, lengths, distance=distance)
    torch.testing.assert_close(scores.sum(1), torch.ones(3, dtype=torch.float64))
    for row, length in enumerate(lengths.tolist()):
        alone = hidden_state_delta(states[row : row + 1, : length + 1], distance=distance)
        torch.testing.assert_close(scores[row, :length], alone[0], rtol=0, atol=1e-12)
        assert scores[row, length:].tolist() == [0.0] * (time - length)


@pytest.mark.parametrize("distance", DISTANCES)
def test_a_token_that_leaves_the_state_unchanged_scores_zero(distance):
    states = torch.randn(1, 6, 4)
    states[:, 3] = states[:, 2]
    assert hidden_state_delta(states, distance=distance)[0, 2] == 0


@pytest.mark.parametrize("distance", DISTANCES)
def test_scores_do_not_change_with_the_scale_of_the_states(distance):
    states = torch.randn(2, 6, 4, dtype=torch.float64)
    torch.testing.assert_close(
        hidden_state_delta(7.0 * states, distance=distance),
        hidden_state_delta(states, distance=distance),
    )


@pytest.mark.parametrize("scale", [1e-25, 1e-19, 1e19, 1e25])
@pytest.mark.parametrize("distance", DISTANCES)
def test_scores_are_right_where_squares_leave_the_range_of_float32(distance, scale):
    """The factor is a number of float32 times a power of two, so that scaling rounds nothing."""
    factor = 2.0 ** round(math.log2(scale))
    states = torch.randn(3, 6, 4)
    expected = hidden_state_delta(states.double(), distance=distance).float()
    rows = states * torch.tensor([factor, 1.0, factor]).reshape(-1, 1, 1)
    scores = hidden_state_delta(rows, distance=distance)
    torch.testing.assert_close(scores, expected, rtol=1e-5, atol=1e-6)
    assert torch.equal(scores[1], hidden_state_delta(states[1:2], distance=distance)[0])
    raw = hidden_state_delta(rows[:1], distance=distance, normalize=False)
    unit = 1.0 if distance == "cosine" else factor
    expected = hidden_state_delta(states[:1].double(), distance=distance, normalize=False)
    torch.testing.assert_close(raw.double() / unit, expected, rtol=1e-5, atol=1e-6)


def test_a_state_far_beyond_the_target_and_one_far_below_it():
    states = torch.tensor([[[0.0], [1e25], [1.0]], [[1e-25], [0.0], [2e-25]]])
    scores = hidden_state_delta(states, normalize=False)
    torch.testing.assert_close(scores[0] / 1e25, torch.tensor([-1.0, 1.0]))
    torch.testing.assert_close(scores[1] * 1e25, torch.tensor([-1.0, 2.0]))


def test_a_zero_target_scores_zero_with_one_warning():
    states = torch.tensor([[[0.0], [5.0], [0.0]], [[0.0], [1.0], [2.0]]])
    with pytest.warns(UserWarning, match="1 of 2 rows end in a zero state") as caught:
        scores = hidden_state_delta(states)
    assert len(caught) == 1
    assert scores.tolist() == [[0.0, 0.0], [0.5, 0.5]]
    assert hidden_state_delta(states, normalize=False)[0].tolist() == [-5.0, 5.0]


@pytest.mark.parametrize("distance", DISTANCES)
def test_nan_in_the_states_stays_nan_and_never_reaches_padding_or_other_rows(distance):
    states = torch.randn(2, 5, 20)
    states[0, 2, 3] = math.nan
    states[1, 4] = math.nan  # beyond the second row's length
    scores = hidden_state_delta(states, torch.tensor([3, 3]), distance=distance)
    assert scores[0].isnan().tolist() == [False, True, True, False]
    assert not scores[1].isnan().any()
    states[0, 3] = math.nan
    scores = hidden_state_delta(states, torch.tensor([3, 3]), distance=distance)
    assert scores[0].isnan().tolist() == [True, True, True, False]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float32(dtype):
    states = torch.randn(2, 6, 30).to(dtype)
    scores = hidden_state_delta(states)
    assert scores.dtype == torch.float32
    torch.testing.assert_close(scores, hidden_state_delta(states.float()), rtol=0, atol=0)


def test_unknown_distance_and_shape():
    with pytest.raises(ValueError, match="distance is 'l3'; expected one of 'l2', 'l1', 'linf'"):
        hidden_state_delta(torch.randn(1, 3, 2), distance="l3")
    with pytest.raises(ValueError, match=r"shape \(3, 2\); expected \(batch, time \+ 1, hidden\)"):
        hidden_state_delta(torch.randn(3, 2))
