"""The reverse scan by hand, and in pieces."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from captum_rnn.functional.cells.scan import ReverseScan, Slopes, blocks

TIME, BATCH, HIDDEN = 5, 2, 3


def factors(*shape):
    return torch.rand(*shape, dtype=torch.float64) + 0.5


@given(st.integers(1, 3000), st.integers(1, 3000))
def test_blocks_cover_every_step_once_and_in_order(time, batch):
    parts = blocks(time, batch)
    assert [step for part in parts for step in range(time)[part]] == list(range(time))
    assert all((part.stop - part.start) * batch <= max(batch, 1024) for part in parts)


def numbers(*values):
    return torch.tensor(values, dtype=torch.float64).reshape(-1, 1, 1)


def test_a_state_that_is_carried_itself():
    """h_t = kept · h_{t−1} + φ(2 h_{t−1} + x_t); 6 is read of the last of two states."""
    states = numbers(0, 0, 6)
    slots = numbers(0.1, 0.2).unsqueeze(2).clone()
    slopes = Slopes(slots, hidden=slice(1), inputs=slice(1), kept=numbers(0.3, 0.25))
    ReverseScan(torch.tensor([[2.0]]).double(), None, states, None).back(0, slopes)
    first = 6 * (0.25 + 2 * 0.2)
    assert slots.flatten().tolist() == pytest.approx([first * 0.1, 6 * 0.2])
    assert states.flatten().tolist() == pytest.approx([first * (0.3 + 2 * 0.1), first, 6])


def test_a_cell_state_behind_an_output_gate():
    """Slots of one gate of c and of the output gate of h; 6 is read of h, 5 of c."""
    states, cells = numbers(0, 6), numbers(0, 5)
    slots = torch.tensor([[[[0.1], [0.2]]]], dtype=torch.float64)
    both = slice(2)
    slopes = Slopes(slots, both, both, output=True, kept=numbers(0.5), opened=numbers(0.25))
    weights = torch.tensor([[2.0], [3.0]], dtype=torch.float64)
    ReverseScan(weights, None, states, cells).back(0, slopes)
    carried = 5 + 6 * 0.25
    assert slots.flatten().tolist() == pytest.approx([carried * 0.1, 6 * 0.2])
    assert cells.flatten().tolist() == pytest.approx([carried * 0.5, 5])
    assert states.flatten().tolist() == pytest.approx([2 * carried * 0.1 + 3 * 6 * 0.2, 6])


def test_a_projected_state_hands_on_its_share():
    """h = 2 u_1 + 3 u_2, of which .8 is handed on, and u = .5 c."""
    states, cells = numbers(0, 10), torch.zeros(2, 1, 2, dtype=torch.float64)
    slots = torch.ones(1, 1, 1, 2, dtype=torch.float64)
    slopes = Slopes(
        slots,
        slice(1),
        slice(1),
        opened=torch.full((1, 1, 2), 0.5).double(),
        projected=numbers(0.8),
    )
    projection = torch.tensor([[2.0, 3.0]], dtype=torch.float64)
    ReverseScan(torch.zeros(2, 1).double(), projection, states, cells).back(0, slopes)
    assert slots.flatten().tolist() == pytest.approx([10 * 0.8 * 2 * 0.5, 10 * 0.8 * 3 * 0.5])


@pytest.mark.parametrize("projected", [False, True])
def test_a_scan_in_pieces_is_the_scan_in_one(projected):
    width = 4 if projected else HIDDEN
    weights = factors(4 * HIDDEN, width)
    projection = factors(width, HIDDEN) if projected else None
    slots, kept, opened = (
        factors(TIME, BATCH, 4, HIDDEN),
        factors(TIME, BATCH, HIDDEN),
        factors(TIME, BATCH, HIDDEN),
    )
    share, read = factors(TIME, BATCH, width), factors(TIME + 1, BATCH, width)
    every = slice(4)

    def walk(*parts):
        states, cells = read.clone(), torch.zeros(TIME + 1, BATCH, HIDDEN, dtype=torch.float64)
        scan, found = ReverseScan(weights, projection, states, cells), []
        for part in parts:
            pieces = [values[part].clone() for values in (slots, kept, opened, share)]
            slopes = Slopes(
                pieces[0], every, every, True, *pieces[1:3], pieces[3] if projected else None
            )
            scan.back(part.start, slopes)
            found.insert(0, slopes.slots)
        return torch.cat(found), states, cells

    at_once, in_pieces = walk(slice(0, TIME)), walk(slice(2, TIME), slice(0, 2))
    for one, other in zip(at_once, in_pieces, strict=True):
        torch.testing.assert_close(other, one, rtol=0, atol=1e-12)
