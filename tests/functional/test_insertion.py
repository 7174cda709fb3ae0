"""What a token that is put in would change, against autograd through unrolled cells."""

import pytest
import torch

import insertion_reference
from captum_rnn.functional.insertion import insertion_changes
from captum_rnn.functional.propagation import worth_of_states
from captum_rnn.states.recovery import unstack
from readers import FEATURES, TIME, Reader, make_case
from recorded import record_read_gradients
from unrolled import initial_of


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
            [
                insertion_reference.insertion_changes(
                    reader, case.inputs[row], token, initial_of(case.initial, row)
                )
                for row, token in enumerate(tokens)
            ]
        )
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)
