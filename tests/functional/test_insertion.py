"""What a token that is put in would change, against autograd through unrolled cells."""

import pytest
import torch

from captum_rnn.functional.insertion import insertion_changes
from captum_rnn.functional.propagation import worth_of_states
from captum_rnn.states.recovery import unstack
from readers import FEATURES, TIME, Reader, make_case
from recorded import record_read_gradients
from unrolled import Unrolled, initial_of

STEP = 1e-6


def expected_changes(reader, case, row, token):
    """For each place from the first to the last (time + 1,)."""
    sequence, initial = case.inputs[row], initial_of(case.initial, row)
    unrolled = Unrolled(reader, sequence, initial)
    changes = torch.zeros(TIME + 1, dtype=torch.float64)
    for place in range(TIME + 1):
        read = token
        for layer_index, steps in enumerate(unrolled.steps):
            made = []
            for direction, step in enumerate(steps):
                here = place if direction == 0 else TIME - place
                state, cell = (
                    path[layer_index][direction][here] for path in (unrolled.states, unrolled.cells)
                )
                new_state, new_cell = step(read, state, cell)
                made.append(new_state)
                moved = new_state - state, new_cell - cell
                if here:
                    changes[place] += moved[0] @ unrolled.adjoint[layer_index][direction][here - 1]
                    worth = unrolled.cell_adjoint[layer_index][direction][here - 1]
                    changes[place] += moved[1] @ worth
                else:
                    number = layer_index * unrolled.directions + direction
                    changes[place] += change_by_start(reader, unrolled, sequence, number, moved)
            read = torch.cat(made)
    return changes


def change_by_start(reader, unrolled, sequence, number, moved):
    """The derivative along a change of one of the initial states, by differences."""

    def value(share):
        begun = [
            torch.stack([path[0] for of_layer in paths for path in of_layer])
            for paths in (unrolled.states, unrolled.cells)
        ]
        for states, change in zip(begun, moved, strict=True):
            states[number] += share * change
        is_lstm = isinstance(unrolled.layer, torch.nn.LSTM)
        return Unrolled(reader, sequence, tuple(begun) if is_lstm else begun[0]).value

    return (value(STEP) - value(-STEP)) / (2 * STEP)


@pytest.mark.over_every_layer
def test_agrees_with_autograd_through_unrolled_cells(
    kind, num_layers, bidirectional, with_initial_state
):
    case = make_case(kind, num_layers, bidirectional, with_initial_state=with_initial_state)
    tokens = torch.randn(len(case.inputs), FEATURES, dtype=torch.float64)
    for readout in ("final", "everything"):
        reader = Reader(case.layer, readout)
        _, (call,), (gradient,) = record_read_gradients(
            case.layer, lambda reader=reader: reader(case.inputs, *case.forward_args)[:, 1]
        )
        stack = unstack(case.layer, call, gradient)
        rows = torch.arange(len(tokens)).repeat_interleave(TIME + 1)
        after = torch.arange(TIME + 1).repeat(len(tokens))
        found = insertion_changes(stack, worth_of_states(stack), tokens[rows], rows, after)
        expected = torch.cat(
            [expected_changes(reader, case, row, token) for row, token in enumerate(tokens)]
        )
        torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-8)
