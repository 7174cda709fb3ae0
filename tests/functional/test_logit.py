"""Logit delta as a sum over the states that are read."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from captum_rnn.functional import StatePath
from captum_rnn.functional.logit import Reads, logit_delta

STEPS = torch.tensor([[[0.0, 0.0], [1.0, 0.0], [1.0, 2.0], [4.0, 2.0]]])
UP, DOWN = StatePath.of_states(STEPS), StatePath.of_states(STEPS, backward=True)


def test_the_final_state_by_hand():
    scores = logit_delta([UP], [Reads(None, torch.tensor([[3.0, -1.0]]))])
    assert scores.tolist() == [[3.0, -2.0, 9.0]]


def test_outputs_are_read_from_each_token_on():
    outputs = torch.tensor([[[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]])
    scores = logit_delta([UP], [Reads(outputs, None)])
    # What is still read: (2, 2), (1, 2), (1, 1); the steps: (1, 0), (0, 2), (3, 0).
    assert scores.tolist() == [[2.0, 4.0, 3.0]]


def test_the_backward_direction_steps_and_reads_the_other_way():
    outputs = torch.tensor([[[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]])
    unread = Reads(None, torch.zeros(1, 2))
    down = StatePath.of_states(STEPS.flip(1), backward=True)
    scores = logit_delta([UP, down], [unread, Reads(outputs, None)])
    # Reading from the end: the steps (3, 0), (0, 2), (1, 0) of tokens 0, 1, 2, still read by the
    # outputs (1, 0); (1, 1); (2, 2) at and before them.
    assert scores.tolist() == [[3.0, 2.0, 2.0]]


@given(
    seed=st.integers(0, 10_000),
    time=st.integers(1, 6),
    two_way=st.booleans(),
    of_outputs=st.booleans(),
    of_final=st.booleans(),
)
@settings(max_examples=60)
def test_scores_sum_to_what_the_read_states_moved(seed, time, two_way, of_outputs, of_final):
    torch.manual_seed(seed)
    paths, reads, total = [], [], torch.zeros(3, dtype=torch.float64)
    for direction in range(2 if two_way else 1):
        path = torch.randn(3, time + 1, 4, dtype=torch.float64)
        initial, after = (
            (path[:, :1], path[:, 1:]) if direction == 0 else (path[:, -1:], path[:, :-1])
        )
        outputs, final = torch.randn(3, time, 4).double(), torch.randn(3, 4).double()
        if of_outputs:
            total += (outputs * (after - initial)).sum((1, 2))
        if of_final or not of_outputs:
            last = after[:, -1] if direction == 0 else after[:, 0]
            total += (final * (last - initial[:, 0])).sum(1)
        paths.append(StatePath.of_states(path, backward=direction == 1))
        reads.append(
            Reads(outputs if of_outputs else None, final if of_final or not of_outputs else None)
        )
    scores = logit_delta(paths, reads)
    assert scores.shape == (3, time)
    torch.testing.assert_close(scores.sum(1), total, rtol=0, atol=1e-10)


def test_half_precision_derivatives_add_up_in_single_precision():
    path = torch.cat([torch.zeros(1, 1, 1), torch.ones(1, 1000, 1)], 1)
    each = torch.full((1, 1000, 1), 1 / 1024, dtype=torch.bfloat16)
    for states in (path, path.bfloat16()):
        scores = logit_delta([StatePath.of_states(states)], [Reads(each, None)])
        assert scores.dtype == torch.float32
        assert scores[0, 0].item() == 1000 / 1024


def test_nothing_read_of_one_direction():
    read = Reads(None, torch.tensor([[3.0, -1.0]]))
    scores = logit_delta([UP, DOWN], [read, Reads(None, None)])
    assert scores.tolist() == [[3.0, -2.0, 9.0]]


def test_nothing_read_at_all():
    nothing = Reads(None, None)
    assert logit_delta([UP, DOWN], [nothing, nothing]).tolist() == [[0.0, 0.0, 0.0]]


@given(seed=st.integers(0, 10_000), backward=st.booleans(), initial=st.booleans())
@settings(max_examples=40)
def test_outputs_read_at_one_step_are_summed_like_any_others(seed, backward, initial):
    """The shorter way for one step a row agrees with the definition, ragged ends included."""
    torch.manual_seed(seed)
    outputs, start = torch.randn(3, 5, 4).double(), torch.randn(3, 1, 4).double()
    ends = torch.tensor([5, 2, 3]) if backward else None
    path = StatePath(start if initial else None, outputs, backward, ends)
    read = torch.zeros(3, 5, 4, dtype=torch.float64)
    position = torch.tensor([4, 0, 2])
    read[torch.arange(3), position] = torch.randn(3, 4).double()
    read[2] *= seed % 2  # a row of which nothing is read
    scores = logit_delta([path], [Reads(read, None)])
    states = path.states()
    for row in range(3):
        for token in range(5 if ends is None else int(ends[row])):
            step = states[row, token + 1] - states[row, token]
            ahead = read[row, : token + 1] if backward else read[row, token:]
            expected = (-step if backward else step) @ ahead.sum(0)
            torch.testing.assert_close(scores[row, token], expected, rtol=0, atol=1e-12)
