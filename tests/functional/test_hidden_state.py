"""Hand-computed cases, the reference and properties of the mathematics."""

import math
from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import reference
from captum_rnn.functional import (
    StatePath,
    hidden_state_delta,
    readout_delta,
    readout_total,
    running_pool,
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
@settings(max_examples=60, deadline=None)
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


def test_a_position_reads_both_directions_at_that_token():
    states = torch.randn(2, 1, 6, 4, dtype=torch.float64).unbind()
    paths = [StatePath.of_states(states[0]), StatePath.of_states(states[1], backward=True)]
    scores = readout_delta(paths, torch.tensor([5]), readout=3)
    forward, backward = states[0][0, :5], states[1][0, 3:].flip(0)
    scale = forward[-1].norm() + backward[-1].norm()
    expected = torch.zeros(5, dtype=torch.float64)
    expected[:4] += _double(reference.scores([forward], normalize=False))
    expected[3:] += _double(reference.scores([backward], normalize=False)).flip(0)
    torch.testing.assert_close(scores[0], expected / scale)
    torch.testing.assert_close(scores.sum(1), readout_total(paths, readout=3))
    same = readout_delta(paths, torch.tensor([5]), readout=torch.tensor([-2]))
    torch.testing.assert_close(same, scores)


def test_running_pools_by_hand():
    outputs = torch.tensor([[[1.0], [3.0], [2.0]]])
    assert running_pool(outputs, "mean").flatten().tolist() == [1, 2, 2]
    assert running_pool(outputs, "max").flatten().tolist() == [1, 3, 3]
    lengths = torch.tensor([2])
    back = running_pool(outputs, "mean", lengths, backward=True)
    assert back.flatten().tolist()[:2] == [2, 3]
    back = running_pool(outputs, "max", lengths, backward=True)
    assert back.flatten().tolist()[:2] == [3, 3]
    back = running_pool(outputs, "mean", backward=True)
    assert back.flatten().tolist() == [2, 2.5, 2]


@pytest.mark.parametrize("readout", ["mean", "max"])
def test_pooled_readout_of_two_directions(readout):
    ahead, back = torch.randn(2, 1, 5, 3, dtype=torch.float64).unbind()
    ahead[0, 0] = back[0, 4] = 0
    pool = {"mean": lambda x: x.mean(0), "max": lambda x: x.amax(0)}[readout]
    forward = torch.stack([ahead[0, 0], *(pool(ahead[0, 1 : t + 1]) for t in (1, 2, 3, 4))])
    backward = torch.stack([back[0, 4], *(pool(back[0, t:4]) for t in (3, 2, 1, 0))])
    paths = [StatePath.of_states(ahead), StatePath.of_states(back, backward=True)]
    scores = readout_delta(paths, torch.tensor([4]), readout=readout)
    torch.testing.assert_close(scores, _double([reference.scores([forward, backward])]))


@pytest.mark.parametrize("position", [2, -3])
def test_a_position_out_of_range_names_the_row(position):
    states = [StatePath.of_states(torch.randn(2, 4, 3))]
    with pytest.raises(ValueError, match=rf"position {position} of row 1 .* 2 token.* -2 to 1"):
        readout_delta(states, torch.tensor([3, 2]), readout=position)


def test_one_position_a_row():
    with pytest.raises(ValueError, match="3 positions for 2 rows"):
        readout_delta([StatePath.of_states(torch.randn(2, 4, 3))], readout=torch.tensor([0, 1, 2]))


def test_unknown_distance_and_shape():
    with pytest.raises(ValueError, match="distance is 'l3'; expected one of 'l2', 'l1', 'linf'"):
        hidden_state_delta(torch.randn(1, 3, 2), distance="l3")
    with pytest.raises(ValueError, match=r"shape \(3, 2\); expected \(batch, time \+ 1, hidden\)"):
        hidden_state_delta(torch.randn(3, 2))
