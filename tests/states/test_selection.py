"""Every state, layer and direction against torch's cells, unrolled."""

import itertools

import pytest
import torch
from torch import nn

import reference
from captum_rnn import pack_tokens
from captum_rnn.states.recording import record_calls
from captum_rnn.states.selection import StateSelection
from captum_rnn.states.trajectory import trajectory
from readers import Reader, make_case
from unrolled import unrolled_rows


def select(layer, forward, **options):
    (call,) = record_calls(layer, forward)
    return StateSelection(**options).of(layer, call, trajectory(layer, call))


@pytest.mark.over_every_layer
def test_every_state_layer_and_direction(
    kind, num_layers, bidirectional, batch_first, packed, with_initial_state
):
    case = make_case(kind, num_layers, bidirectional, batch_first, packed, with_initial_state)
    reader = Reader(case.layer)
    rows = unrolled_rows(reader, case)
    names = ["forward", "backward"][: 2 if bidirectional else 1]
    states = ["hidden", "cell"] if isinstance(case.layer, nn.LSTM) else ["hidden"]
    for precision, tolerance in ((torch.float64, 1e-9), (torch.float32, 1e-5)):
        case, reader = case.to(precision), reader.to(precision)
        for state, layer_index, name in itertools.product(
            states, range(num_layers), ["both", *names]
        ):
            path = select(
                case.layer,
                lambda reader=reader, case=case: reader(case.inputs, *case.forward_args),
                state=state,
                layer_index=layer_index,
                direction=name,
            )
            wanted = names if name == "both" else [name]
            assert [p.backward for p in path.directions] == [w == "backward" for w in wanted]
            for row, unrolled in enumerate(rows):
                of_all = unrolled.states if state == "hidden" else unrolled.cells
                for found, which in zip(path.paths, wanted, strict=True):
                    expected = of_all[layer_index][names.index(which)]
                    expected = expected.flip(0) if which == "backward" else expected
                    torch.testing.assert_close(
                        found[row, : unrolled.time + 1],
                        expected.to(precision),
                        rtol=0,
                        atol=tolerance,
                    )


@pytest.mark.parametrize("options", [{}, {"layer_index": 1}, {"direction": "backward"}])
def test_the_top_layers_hidden_states_are_those_that_were_recorded(options):
    layer = nn.LSTM(3, 4, num_layers=2, bidirectional=True)
    inputs = torch.randn(5, 2, 3)
    (call,) = record_calls(layer, lambda: layer(inputs))
    top = trajectory(layer, call)
    found = StateSelection(**options).of(layer, call, top)
    expected = top.directions[1:] if options.get("direction") else top.directions
    assert all(a.outputs is b.outputs for a, b in zip(found.directions, expected, strict=True))


@pytest.mark.parametrize("state", ["hidden", "cell"])
def test_layers_count_from_the_top_too(state):
    layer = nn.LSTM(3, 4, num_layers=3)
    inputs = torch.randn(5, 2, 3)
    for layer_index in range(3):
        up, down = (
            select(layer, lambda: layer(inputs), state=state, layer_index=index).paths[0]
            for index in (layer_index, layer_index - 3)
        )
        assert torch.equal(up, down)


def test_tokens_that_were_left_out_are_no_steps():
    layer = nn.LSTM(3, 4, batch_first=True, bidirectional=True).double()
    inputs = torch.randn(2, 4, 3).double()
    read = torch.tensor([[True, False, True, True], [False, False, False, False]])
    path = select(layer, lambda: layer(pack_tokens(inputs, read)), state="cell")
    alone = select(layer, lambda: layer(inputs[:1, [0, 2, 3]]), state="cell")
    assert path.lengths.tolist() == [3, 0]
    for found, expected in zip(path.paths, alone.paths, strict=True):
        torch.testing.assert_close(found[:1], expected)


@pytest.mark.parametrize(
    ("options", "error", "sentence"),
    [
        ({"state": "memory"}, ValueError, r"state is 'memory'; expected one of 'hidden', 'cell'"),
        ({"direction": 1}, ValueError, r"direction is 1; expected one of 'both', 'forward', 'b"),
        ({"layer_index": 0.0}, TypeError, r"layer_index is of type float; expected an int"),
        ({"layer_index": True}, TypeError, r"layer_index is of type bool; expected an int"),
    ],
)
def test_what_no_layer_has(options, error, sentence):
    with pytest.raises(error, match=sentence):
        StateSelection(**options)


@pytest.mark.parametrize(
    ("kind", "options", "sentence"),
    [
        ("gru", {"state": "cell"}, "the layer is a GRU, which has no cell state; use state="),
        ("rnn_tanh", {"state": "cell"}, "the layer is a RNN, which has no cell state"),
        ("lstm", {"layer_index": 2}, r"layer_index is 2, but the LSTM has 2 layer.*-2 to 1"),
        ("lstm", {"layer_index": -3}, r"layer_index is -3, but the LSTM has 2 layer"),
        ("lstm", {"direction": "backward"}, "the LSTM reads forward only; use direction="),
    ],
)
def test_what_the_layer_does_not_have(kind, options, sentence):
    layer = reference.make_layer(kind, num_layers=2)
    with pytest.raises(ValueError, match=sentence):
        StateSelection(**options).check_fits(layer)
