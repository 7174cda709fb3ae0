"""The pieces of relevance propagation that all kinds of cell share."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from captum_rnn.functional.cells import CellWeights
from captum_rnn.functional.cells.relevance import (
    Projection,
    ReverseScan,
    Shares,
    blocks,
    stabilise,
)

TIME, BATCH, HIDDEN = 5, 2, 3


def factors(*shape):
    return torch.rand(*shape, dtype=torch.float64) + 0.5


def test_sums_move_away_from_zero_by_epsilon():
    sums = torch.tensor([0.25, -0.25, 0.0])
    assert stabilise(sums, 0.5).tolist() == [0.75, -0.75, 0.5]
    assert sums.tolist() == [0.25, -0.25, 0.0]


@given(st.integers(1, 3000), st.integers(1, 3000))
def test_blocks_cover_every_step_once_and_in_order(time, batch):
    parts = blocks(time, batch)
    assert [step for part in parts for step in range(time)[part]] == list(range(time))
    assert all((part.stop - part.start) * batch <= max(batch, 1024) for part in parts)


def test_a_scan_by_hand():
    # One unit: states 2 and 3, weight 0.5, and relevance 6 of the last state.
    shares = Shares(
        kept=torch.tensor([[[0.3]], [[0.25]]]),
        quotient=torch.tensor([[[0.1]], [[0.2]]]),
        signal=torch.tensor([[[2.0]], [[3.0]]]),
    )
    quotients = ReverseScan(torch.tensor([[0.5]]), batch=1).back(
        shares, torch.tensor([[[0.0]], [[6.0]]])
    )
    last = 6 * 0.2
    first = (6 * 0.25 + 2 * 0.5 * last) * 0.1
    assert quotients.flatten().tolist() == pytest.approx([first, last])


def test_a_gate_before_the_hidden_part_lessens_what_the_state_gets():
    gated = Shares(
        kept=None,
        quotient=torch.tensor([[[0.1]], [[0.2]]]),
        signal=torch.tensor([[[2.0]], [[3.0]]]),
        hidden_quotient=torch.tensor([[[0.0]], [[0.05]]]),
    )
    quotients = ReverseScan(torch.tensor([[0.5]]), batch=1).back(
        gated, torch.tensor([[[0.0]], [[6.0]]])
    )
    assert quotients.flatten().tolist() == pytest.approx([2 * 0.5 * 6 * 0.05 * 0.1, 6 * 0.2])


@pytest.mark.parametrize("projected", [False, True])
def test_a_scan_in_pieces_is_the_scan_in_one(projected):
    state = 4 if projected else HIDDEN
    hidden = factors(HIDDEN, state)
    projection = Projection(
        factors(state, HIDDEN), factors(TIME, BATCH, state), factors(TIME, BATCH, state)
    )
    whole = Shares(*(factors(TIME, BATCH, HIDDEN) for _ in range(3)))
    of_carried = factors(TIME, BATCH, HIDDEN)

    def piece(part):
        cut = None
        if projected:
            cut = Projection(
                projection.weights, projection.stabilised[part], projection.ratio[part]
            )
        return Shares(*(values[part] for values in whole[:3]), projection=cut)

    at_once = ReverseScan(hidden, BATCH).back(piece(slice(None)), of_carried)
    scan = ReverseScan(hidden, BATCH)
    late = scan.back(piece(slice(2, None)), of_carried[2:])
    early = scan.back(piece(slice(0, 2)), of_carried[:2])
    torch.testing.assert_close(torch.cat([early, late]), at_once, rtol=0, atol=1e-12)


def test_a_projection_hands_its_relevance_to_its_terms():
    # The state 8 = 2 · 1 + 3 · 2, moved to 10; relevance 20 of it.
    signal = torch.tensor([[[1.0, 2.0]]])
    projection = Projection(
        torch.tensor([[2.0, 3.0]]), torch.tensor([[[10.0]]]), torch.tensor([[[0.8]]])
    )
    shares = Shares(None, signal, signal, projection=projection)
    of_carried = shares.of_carried(torch.tensor([[[20.0]]]), None)
    assert of_carried.flatten().tolist() == pytest.approx([20 * 2 / 10, 20 * 6 / 10])


def test_read_cell_states_bring_their_own_relevance():
    cells = torch.tensor([[[2.0, -3.0]]])
    shares = Shares(None, cells, cells, cells=cells)
    of_carried = shares.of_carried(torch.tensor([[[1.0, 1.0]]]), torch.tensor([[[5.0, 7.0]]]))
    assert of_carried.flatten().tolist() == [11.0, -20.0]


@pytest.mark.parametrize("bias", [False, True])
def test_the_weights_of_some_gates_make_those_gates(bias):
    weights = CellWeights(
        torch.randn(12, 2), torch.randn(12, 3), *(torch.randn(2, 12) if bias else ())
    )
    inputs, previous = torch.randn(4, 5, 2), torch.randn(4, 5, 3)
    part = weights.part(1, 3, of=4).preactivations(inputs, previous)
    torch.testing.assert_close(part, weights.preactivations(inputs, previous)[..., 3:9])
