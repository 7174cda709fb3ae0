"""The class against the head applied to states stepped by hand."""

import pytest
import torch
from torch import nn

import reference
from captum_rnn.attr import LogitDeltaAttribution
from readers import READOUTS, TIME, Reader, make_case
from unrolled import initial_of, padded, unrolled_rows

LINEAR = [readout for readout in READOUTS if readout != "everything"]


def attribute(reader, case, target=1, **options):
    return LogitDeltaAttribution(reader, reader.layer).attribute(
        case.inputs, target=target, additional_forward_args=case.forward_args, **options
    )


@pytest.mark.over_every_layer
def test_agrees_with_states_and_derivatives_of_unrolled_cells(
    kind, num_layers, bidirectional, batch_first, packed, with_initial_state
):
    case = make_case(kind, num_layers, bidirectional, batch_first, packed, with_initial_state)
    reader = Reader(case.layer, "everything")
    expected = padded([row.read_scores() for row in unrolled_rows(reader, case)], TIME)
    for precision, tolerance in ((torch.float64, 1e-9), (torch.float32, 1e-5)):
        case, reader = case.to(precision), reader.to(precision)
        scores = attribute(reader, case)
        assert scores.dtype == precision
        assert scores.shape == case.inputs.shape
        torch.testing.assert_close(scores.sum(-1), expected.to(precision), rtol=0, atol=tolerance)


@pytest.mark.parametrize("kind", reference.KINDS)
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("with_initial_state", [False, True])
def test_a_linear_heads_scores_are_its_changes(kind, packed, with_initial_state):
    case = make_case(kind, 2, packed=packed, with_initial_state=with_initial_state)
    reader = Reader(case.layer)
    scores = attribute(reader, case).sum(-1)
    for row, end in enumerate(case.ends):
        start = initial_of(case.initial, row)
        (states,) = reference.top_states(case.layer, case.inputs[row, :end], start)
        logits = reader.head(states)[:, 1].detach()
        torch.testing.assert_close(scores[row, :end], logits.diff(), rtol=0, atol=1e-9)
        assert (scores[row, end:] == 0).all()


@pytest.mark.parametrize("kind", reference.KINDS)
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("readout", LINEAR)
@pytest.mark.parametrize("target", [0, 1])
def test_each_readout_of_a_linear_head_is_followed_through_its_states(
    kind, bidirectional, readout, target
):
    """The readout is taken of the states as they stood after each step of both directions."""
    case = make_case(kind, 2, bidirectional, packed=True, with_initial_state=True)
    reader = Reader(case.layer, readout)
    scores, delta = attribute(reader, case, target, return_convergence_delta=True)
    assert delta.shape == (2,)
    assert delta.abs().max() < 1e-12
    logits = reader(case.inputs, *case.forward_args)[:, target].detach()
    for row, end in enumerate(case.ends):
        start = initial_of(case.initial, row)
        paths = reference.top_states(case.layer, case.inputs[row, :end], start)
        at_rest = torch.cat([path[0] for path in paths])
        total = logits[row] - reader.head(at_rest)[target].detach()
        torch.testing.assert_close(scores[row].sum(), total, rtol=0, atol=1e-9)
        if readout in ("final", "middle", "mean") and not bidirectional:
            expected = _read_after_each_step(reader, paths[0], target)
            torch.testing.assert_close(scores[row, :end].sum(-1), expected, rtol=0, atol=1e-9)


def _read_after_each_step(reader, path, target):
    """Change of the logit when the states stop moving one step later."""
    stopped = [
        torch.cat([path[1 : step + 1], path[step].expand(len(path) - 1 - step, -1)])
        for step in range(len(path))
    ]
    logits = [reader.read(outputs, outputs[-1:], None)[target] for outputs in stopped]
    return torch.stack(logits).diff().detach()


def test_the_convergence_delta_of_a_non_linear_head_by_hand():
    """h_1 = tanh(1), h_2 = tanh(2 + 3 h_1), f = h_2²: the scores sum to 2 h_2² instead of h_2²."""
    layer = nn.RNN(1, 1, bias=False, batch_first=True).double()
    with torch.no_grad():
        layer.weight_ih_l0.fill_(1.0)
        layer.weight_hh_l0.fill_(3.0)
    first = torch.tensor(1.0, dtype=torch.float64).tanh()
    last = (2 + 3 * first).tanh()
    method = LogitDeltaAttribution(lambda x: layer(x)[1][-1] ** 2, layer)
    tokens = torch.tensor([[[1.0], [2.0]]], dtype=torch.float64)
    scores, delta = method.attribute(tokens, return_convergence_delta=True)
    expected = torch.stack([2 * last * first, 2 * last * (last - first)])
    torch.testing.assert_close(scores[0, :, 0], expected, rtol=0, atol=1e-12)
    torch.testing.assert_close(delta, (last**2).reshape(1), rtol=0, atol=1e-12)
    again = method.compute_convergence_delta(scores, tokens)
    torch.testing.assert_close(again, delta, rtol=0, atol=0)


@pytest.mark.parametrize("packed", [False, True])
def test_the_convergence_delta_of_a_non_linear_head(packed):
    case = make_case("lstm", 2, bidirectional=True, packed=packed, with_initial_state=True)
    reader = Reader(case.layer, "everything")
    scores, delta = attribute(reader, case, return_convergence_delta=True)
    logits = reader(case.inputs, *case.forward_args)[:, 1].detach()
    hidden, cells = case.initial
    for row, end in enumerate(case.ends):
        at_rest = reader.read(
            hidden[-2:, row].flatten().expand(end, -1), hidden[:, row], cells[:, row]
        )[1].detach()
        expected = scores[row].sum() - (logits[row] - at_rest)
        assert expected.abs() > 1e-3
        torch.testing.assert_close(delta[row], expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", reference.KINDS)
def test_the_convergence_delta_in_single_precision(kind):
    case = make_case(kind, 3, bidirectional=True, packed=True, with_initial_state=True).to(
        torch.float32
    )
    for readout in LINEAR:
        _, delta = attribute(Reader(case.layer, readout), case, return_convergence_delta=True)
        assert delta.abs().max() < 1e-5


def test_half_precision_adds_up_many_outputs_without_loss():
    """A mean over 400 steps has derivatives too small to add up in 8 bits."""
    layer = nn.GRU(3, 4, batch_first=True).bfloat16()
    head = nn.Linear(4, 2).bfloat16()
    inputs = torch.randn(2, 400, 3).bfloat16()
    scores, _ = LogitDeltaAttribution(
        lambda embedded: head(layer(embedded)[0].mean(1)), layer
    ).attribute(inputs, target=1, return_convergence_delta=True)
    assert scores.dtype == torch.float32
    with torch.no_grad():
        states = torch.cat([torch.zeros(2, 1, 4), layer(inputs)[0].float()], 1).double()
        share = (head.weight[1] / 400).bfloat16().double()
    left = torch.arange(400, 0, -1, dtype=torch.float64)
    expected = (states.diff(dim=1) @ share) * left
    torch.testing.assert_close(scores.double().sum(-1), expected, rtol=1e-2, atol=1e-4)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_a_classifier_that_reads_cell_states_and_lower_layers(bidirectional):
    """A linear head over all that a layer hands on: the scores sum to its change exactly."""
    layer = nn.LSTM(3, 4, 2, batch_first=True, bidirectional=bidirectional).double()
    weight, cell_weight = torch.randn(2, layer.num_layers * (1 + bidirectional), 1, 4).double()
    inputs = torch.randn(2, 5, 3).double()

    def model(embedded):
        _, (hidden, cells) = layer(embedded)
        return (hidden * weight + cells * cell_weight).sum((0, 2))

    scores, delta = LogitDeltaAttribution(model, layer).attribute(
        inputs, return_convergence_delta=True
    )
    torch.testing.assert_close(scores.sum((1, 2)), model(inputs).detach(), rtol=0, atol=1e-12)
    assert delta.abs().max() < 1e-12
