"""The class against reference steps taken by hand, token by token."""

import pytest
import torch
from torch import nn

import reference
from captum_rnn.attr import LocalDeltaAttribution
from readers import READOUTS, TIME, Reader, make_case
from unrolled import padded, unrolled_rows


def attribute(reader, case, target=1, baselines=None):
    return LocalDeltaAttribution(reader, reader.layer).attribute(
        case.inputs,
        case.reference if baselines is None else baselines,
        target=target,
        additional_forward_args=case.forward_args,
        per_step=True,
    )


@pytest.mark.over_every_layer
def test_agrees_with_reference_steps_of_unrolled_cells(
    kind, num_layers, bidirectional, batch_first, packed, with_initial_state
):
    case = make_case(kind, num_layers, bidirectional, batch_first, packed, with_initial_state)
    reader = Reader(case.layer, "everything")
    rows = unrolled_rows(reader, case)
    baselines = torch.randn_like(case.inputs)
    expected = [row.read_scores(own[: row.time]) for row, own in zip(rows, baselines, strict=True)]
    expected = padded(expected, TIME)
    for precision, tolerance in ((torch.float64, 1e-9), (torch.float32, 1e-5)):
        case, reader = case.to(precision), reader.to(precision)
        scores = attribute(reader, case, baselines=baselines)
        assert scores.dtype == precision
        torch.testing.assert_close(scores, expected.to(precision), rtol=0, atol=tolerance)


@pytest.mark.parametrize("readout", READOUTS)
@pytest.mark.parametrize("target", [0, 1])
def test_every_readout_and_target(readout, target):
    case = make_case("lstm", num_layers=2, bidirectional=True, packed=True)
    reader = Reader(case.layer, readout)
    rows = unrolled_rows(reader, case, target)
    expected = padded([row.read_scores(case.reference) for row in rows], TIME)
    torch.testing.assert_close(attribute(reader, case, target), expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("kind", ["rnn_tanh", "lstm", "gru"])
def test_one_cell_step_by_hand_for_each_token(kind):
    case = make_case(kind)
    reader = Reader(case.layer)
    cell = {"rnn_tanh": nn.RNNCell, "lstm": nn.LSTMCell, "gru": nn.GRUCell}[kind](3, 5).double()
    cell.load_state_dict(
        {name.removesuffix("_l0"): weight for name, weight in case.layer.state_dict().items()}
    )
    scores = attribute(reader, case)
    state = torch.zeros(2, 5, dtype=torch.float64)
    state = (state, state) if kind == "lstm" else state
    for token in range(TIME):
        instead = cell(case.reference.expand(2, -1), state)
        state = cell(case.inputs[:, token], state)
        change = state[0] - instead[0] if kind == "lstm" else state - instead
        expected = change @ reader.head.weight[1]
        torch.testing.assert_close(scores[:, token], expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("kind", reference.KINDS)
@pytest.mark.parametrize("bidirectional", [False, True])
def test_a_token_equal_to_the_reference_scores_zero(kind, bidirectional):
    case = make_case(kind, num_layers=3, bidirectional=bidirectional, packed=True)
    case.inputs[0, 1] = case.reference
    case.inputs[1] = case.reference
    scores = attribute(Reader(case.layer, "everything"), case)
    assert scores[0, 1].abs() < 1e-12
    assert scores[1].abs().max() < 1e-12


def test_without_baselines_it_is_a_zero_vector_as_the_layer_reads_it():
    case = make_case("lstm", num_layers=2, bidirectional=True, packed=True)
    reader = Reader(case.layer, "mean")
    scores = LocalDeltaAttribution(reader, reader.layer).attribute(
        case.inputs, target=1, additional_forward_args=case.forward_args, per_step=True
    )
    torch.testing.assert_close(scores, attribute(reader, case, baselines=0))


def test_a_trainable_reference_in_another_precision():
    case = make_case("lstm", num_layers=2).float()
    reader = Reader(case.layer)
    expected = attribute(reader, case)
    case.reference = nn.Parameter(case.reference.double())
    scores = attribute(reader, case)
    assert scores.dtype == torch.float32
    assert not scores.requires_grad
    torch.testing.assert_close(scores, expected, rtol=0, atol=0)


def test_layers_that_read_each_other_are_refused():
    words, head = nn.Embedding(9, 4), nn.Linear(3, 2)
    lower, upper = nn.GRU(4, 3, batch_first=True), nn.GRU(3, 3, batch_first=True)

    def model(ids):
        return head(upper(lower(words(ids))[0])[0].mean(1))

    with pytest.raises(ValueError, match="layers that read each other's steps"):
        LocalDeltaAttribution(model, [lower, upper]).attribute(torch.randint(9, (2, 5)), target=1)
