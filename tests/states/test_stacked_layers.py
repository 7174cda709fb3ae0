"""Every layer and direction against torch's cells, unrolled."""

import warnings

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import reference
from captum_rnn.functional.proof import StepsDifferError
from captum_rnn.functional.stack import Stack
from captum_rnn.states.recording import record_calls
from captum_rnn.states.stacked_layers import unstack_gates
from readers import FEATURES, HIDDEN, LENGTHS, TIME, Case, Reader, make_case
from recorded import record_read_gradients
from unrolled import unrolled_rows


def recover(reader, case) -> Stack:
    _, (call,), (gradient,) = record_read_gradients(
        case.layer, lambda: reader(case.inputs, *case.forward_args)[:, 1]
    )
    return unstack_gates(case.layer, call, gradient)


@pytest.mark.parametrize("kind", reference.KINDS)
@pytest.mark.parametrize("shape", [(1, 1), (TIME, 1), (1, len(LENGTHS))])
def test_references_that_do_not_differ_between_steps_or_rows(kind, shape):
    case = make_case(kind, 2, True, packed=True, with_initial_state=True)
    stack = recover(Reader(case.layer, "everything"), case)
    one = torch.randn(*shape, FEATURES, dtype=torch.float64)
    every = one.expand(TIME, len(LENGTHS), -1)
    found, expected = stack.stepped_with(one), stack.stepped_with(every)
    for layer_index in range(2):
        for direction in range(2):
            for part, wanted in zip(
                found[layer_index][direction], expected[layer_index][direction], strict=True
            ):
                if wanted is not None:
                    torch.testing.assert_close(part, wanted, rtol=0, atol=1e-12)


@pytest.mark.over_every_layer
def test_what_every_layer_and_direction_read_and_became(
    kind, num_layers, bidirectional, batch_first, packed, with_initial_state
):
    case = make_case(kind, num_layers, bidirectional, batch_first, packed, with_initial_state)
    reader = Reader(case.layer, "everything")
    rows = unrolled_rows(reader, case)
    references = torch.randn_like(case.inputs).transpose(0, 1)
    rows_made = [
        unrolled.stepped_with(references[: unrolled.time, row]) for row, unrolled in enumerate(rows)
    ]
    for precision, tolerance in ((torch.float64, 1e-9), (torch.float32, 1e-5)):
        case, reader = case.to(precision), reader.to(precision)
        stack = recover(reader, case)
        assert len(stack.layers) == num_layers
        found_made = stack.stepped_with(references[: len(stack.inputs)].to(precision))
        for row, (unrolled, made) in enumerate(zip(rows, rows_made, strict=True)):
            end = unrolled.time
            for layer_index, passes in enumerate(stack.layers):
                for direction, passed in enumerate(passes):
                    made_states, made_cells = found_made[layer_index][direction]
                    tokens = unrolled.inputs[layer_index]
                    pairs = [
                        (passed.inputs[:end, row], tokens if direction == 0 else tokens.flip(0)),
                        (passed.states[: end + 1, row], unrolled.states[layer_index][direction]),
                        (made_states[:end, row], made[layer_index][direction][0]),
                    ]
                    if isinstance(case.layer, nn.LSTM):
                        cells = passed.steps.cells[: end + 1, row]
                        pairs.append((cells, unrolled.cells[layer_index][direction]))
                        pairs.append((made_cells[:end, row], made[layer_index][direction][1]))
                    if layer_index == num_layers - 1:
                        pairs.append((passed.read[:end, row], unrolled.direct[direction]))
                    for found, expected in pairs:
                        torch.testing.assert_close(
                            found, expected.to(precision), rtol=0, atol=tolerance
                        )


def test_what_the_classifier_reads_of_the_lower_layers_stands_at_each_rows_end():
    case = make_case("lstm", num_layers=2, bidirectional=True, packed=True)

    class LowerReader(Reader):
        def read(self, outputs, hidden, cells):
            ranks = torch.arange(1.0, 5.0, dtype=hidden.dtype).unsqueeze(1)
            value = (ranks * hidden).sum() + 10 * (ranks * cells).sum()
            return torch.stack([value, value])

    stack = recover(LowerReader(case.layer), case)
    for layer_index, passes in enumerate(stack.layers):
        for direction, passed in enumerate(passes):
            rank = 1.0 + 2 * layer_index + direction
            expected = torch.zeros(TIME, len(LENGTHS), HIDDEN, dtype=torch.float64)
            for row, end in enumerate(LENGTHS):
                expected[end - 1, row] = rank
            torch.testing.assert_close(passed.read, expected, rtol=0, atol=0)
            torch.testing.assert_close(passed.read_cells, 10 * expected, rtol=0, atol=0)


def test_what_is_not_read_is_zero_or_none():
    case = make_case("lstm", num_layers=2)
    stack = recover(Reader(case.layer, "last"), case)
    ((lower,), (top,)) = stack.layers
    assert lower.read_cells is None
    assert top.read_cells is None
    assert (lower.read == 0).all()
    assert (top.read[:-1] == 0).all()
    assert (top.read[-1] != 0).all()


@given(st.lists(st.integers(1, 5), min_size=1, max_size=4), st.booleans())
def test_reordering_twice_is_nothing(ends, packed):
    stack = Stack([], torch.tensor(ends) if packed else None)
    steps = torch.arange(5 * len(ends)).reshape(5, len(ends), 1)
    assert torch.equal(stack.reorder(stack.reorder(steps, 1), 1), steps)
    assert torch.equal(stack.reorder(steps, 0), steps)
    backward = stack.reorder(steps, 1)
    for row, end in enumerate(ends):
        read = end if packed else 5
        assert torch.equal(backward[:read, row], steps[:read, row].flip(0))
        assert torch.equal(backward[read:, row], steps[read:, row])


def test_an_unbatched_call():
    case = make_case("gru", num_layers=2, bidirectional=True)
    layer, tokens = case.layer, case.inputs[0]
    (call,) = record_calls(layer, lambda: layer(tokens))
    stack = unstack_gates(layer, call)
    forward, backward = reference.top_states(layer, tokens)
    torch.testing.assert_close(stack.layers[1][0].states[:, 0], forward)
    torch.testing.assert_close(stack.layers[1][1].states[:, 0], backward)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("kind", reference.KINDS)
def test_half_precision_is_followed_in_single_precision(kind, dtype):
    layer = reference.make_layer(kind, 32, 64, num_layers=2, bidirectional=True, batch_first=True)
    layer, tokens = layer.to(dtype), torch.randn(4, 6, 32).to(dtype)
    (call,) = record_calls(layer, lambda: layer(tokens))
    stack = unstack_gates(layer, call)
    for passes in stack.layers:
        for passed in passes:
            assert passed.states.dtype == passed.inputs.dtype == torch.float32
            cells = None if passed.initial_cell is None else passed.steps.cells[:-1]
            after, _ = passed.cell.after(passed.inputs, passed.states[:-1], cells)
            assert after.dtype == torch.float32
            torch.testing.assert_close(after, passed.states[1:], rtol=0, atol=0.05)


@pytest.mark.parametrize("kind", ["rnn_tanh", "lstm", "gru"])
def test_a_layer_that_ran_under_autocast_is_followed(kind):
    layer = reference.make_layer(kind, 128, 128, num_layers=2, batch_first=True)
    tokens = 3 * torch.randn(8, 3, 128)

    def forward():
        with torch.autocast("cpu", dtype=torch.bfloat16):
            layer(tokens)

    try:
        (call,) = record_calls(layer, forward)
    except RuntimeError as error:
        pytest.skip(f"this CPU cannot run the layer in bfloat16: {error}")
    stack = unstack_gates(layer, call)
    with torch.no_grad():
        expected = layer(tokens)[0].transpose(0, 1)
    torch.testing.assert_close(stack.layers[1][0].states[1:], expected, rtol=0, atol=0.05)


@pytest.mark.parametrize("new_style", [True, False])
def test_weights_under_a_parametrization(new_style):
    layer = nn.LSTM(3, 4, num_layers=2, batch_first=True)
    plain = nn.LSTM(3, 4, num_layers=2, batch_first=True)
    plain.load_state_dict(layer.state_dict())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        norm = nn.utils.parametrizations.weight_norm if new_style else nn.utils.weight_norm
        for name in ("weight_hh_l0", "weight_ih_l1"):
            norm(layer, name)
    case = Case(layer, torch.randn(2, 4, 3), None, None, torch.randn(3))
    expected = Case(plain, case.inputs, None, None, case.reference)
    reader = Reader(layer)
    found = recover(reader, case).stepped_with(case.reference.expand(1, 1, -1))
    reader.layer = plain
    wanted = recover(reader, expected).stepped_with(case.reference.expand(1, 1, -1))
    torch.testing.assert_close(found[1][0][0], wanted[1][0][0])


def test_a_row_of_nan_leaves_the_other_rows_alone():
    case = make_case("lstm", num_layers=2, packed=True)
    reader = Reader(case.layer)
    expected = recover(reader, case).layers[0][0].steps.cells
    case.inputs[0] = torch.nan
    found = recover(reader, case).layers[0][0].steps.cells
    assert found[1:3, 0].isnan().all()
    torch.testing.assert_close(found[:, 1], expected[:, 1], rtol=0, atol=1e-12)


def test_dropout_between_layers_cannot_be_repeated():
    layer = nn.LSTM(3, 4, num_layers=2, dropout=0.5, batch_first=True)
    case = Case(layer, torch.randn(2, 4, 3), None, None, torch.randn(3))
    with pytest.raises(ValueError, match=r"LSTM drops out between its layers .* model.eval\(\)"):
        recover(Reader(layer), case)
    assert len(recover(Reader(layer.eval()), case).layers) == 2


class Doubling(nn.GRU):
    """Leaves single steps to torch's kernel."""

    def forward(self, input, hx=None):
        outputs = []
        for token in input.split(1, 1):
            output, hx = super().forward(2 * token, hx)
            outputs.append(output)
        return torch.cat(outputs, 1), hx


class Noisy(Doubling):
    def forward(self, input, hx=None):
        outputs, final = super().forward(input / 2, hx)
        return outputs + 0.2 * torch.randn_like(outputs), final


class Unchanged(nn.GRU):
    pass


@pytest.mark.parametrize("kind", [Doubling, Noisy])
@pytest.mark.parametrize(("num_layers", "faint"), [(1, 1), (1, 0.01), (2, 1), (2, 0.01), (3, 1)])
def test_a_subclass_that_computes_something_else(kind, num_layers, faint):
    layer = kind(3, 4, num_layers=num_layers, batch_first=True)
    case = Case(layer, torch.randn(2, 4, 3), None, None, torch.randn(3))
    with torch.no_grad():
        for weight in layer.parameters():
            weight.mul_(faint)
    with pytest.raises(StepsDifferError, match=r"step 0 of row 0 in .* layer"):
        recover(Reader(layer), case)


def test_a_layer_that_was_made_to_compute_something_else():
    layer = nn.GRU(3, 4, batch_first=True)
    case = Case(layer, torch.randn(2, 4, 3), None, None, torch.randn(3))
    layer.forward = lambda tokens, hx=None: (
        torch.cat([nn.GRU.forward(layer, half)[0] for half in tokens.split(2, 1)], 1),
        nn.GRU.forward(layer, tokens)[1],
    )
    with pytest.raises(StepsDifferError, match=r"step 2 of row 0 in .* layer 0"):
        recover(Reader(layer), case)


def test_what_a_hook_makes_of_the_states_is_part_of_the_head():
    case = make_case("gru", num_layers=2)
    reader = Reader(case.layer, "everything")

    class Normed(Reader):
        def read(self, outputs, hidden, cells):
            normed = torch.cat([outputs[:1], nn.functional.layer_norm(outputs[1:], (HIDDEN,))])
            return super().read(normed, hidden, cells)

    normed = Normed(case.layer, "everything")
    normed.load_state_dict(reader.state_dict())
    rows = unrolled_rows(normed, case)

    def hook(module, args, output):
        states = output[0].clone()
        states[:, 1:] = nn.functional.layer_norm(states[:, 1:], (HIDDEN,))
        return states, output[1]

    handle = case.layer.register_forward_hook(hook)
    stack = recover(reader, case)
    handle.remove()
    for row, unrolled in enumerate(rows):
        torch.testing.assert_close(stack.layers[1][0].read[:, row], unrolled.direct[0])


def test_a_subclass_that_computes_the_same():
    layer = Unchanged(3, 4, batch_first=True)
    plain = nn.GRU(3, 4, batch_first=True)
    plain.load_state_dict(layer.state_dict())
    case = Case(layer, torch.randn(2, 4, 3), None, None, torch.randn(3))
    reader = Reader(layer)
    states = recover(reader, case).layers[0][0].states
    reader.layer = case.layer = plain
    assert torch.equal(states, recover(reader, case).layers[0][0].states)


def test_features_of_the_recovered_layers():
    case = make_case("lstm_projected", num_layers=3, bidirectional=True)
    stack = recover(Reader(case.layer), case)
    shapes = [passed.inputs.shape[2] for passes in stack.layers for passed in passes]
    assert shapes == [FEATURES, FEATURES, 8, 8, 8, 8]
