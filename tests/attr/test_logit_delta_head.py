"""The head asked again after every prefix of the text."""

import pytest
import torch
from torch import nn

import reference
from captum_rnn.attr import LogitDeltaAttribution
from readers import HIDDEN, Reader, make_case
from unrolled import initial_of


def attribute(reader, case, target=1, **options):
    return LogitDeltaAttribution(reader, reader.layer).attribute(
        case.inputs, target=target, additional_forward_args=case.forward_args, **options
    )


class DeepHead(Reader):
    """A classifier whose head is a network of its own."""

    def __init__(self, layer, readout="final"):
        super().__init__(layer, readout)
        width = self.head.in_features
        self.head = nn.Sequential(nn.Linear(width, 8), nn.ReLU(), nn.Linear(8, 3), nn.Tanh())
        self.to(layer.weight_ih_l0.dtype)


def attribute_with_head(reader, case, target, readout="final", **options):
    logit = LogitDeltaAttribution(reader, reader.layer, head=reader.head, readout=readout)
    return logit.attribute(
        case.inputs,
        target=target,
        additional_forward_args=case.forward_args,
        return_convergence_delta=True,
        **options,
    )


@pytest.mark.parametrize("with_initial_state", [False, True], ids=["zero", "initial"])
@pytest.mark.parametrize("packed", [False, True], ids=["padded", "packed"])
@pytest.mark.parametrize("kind", reference.KINDS)
def test_a_head_is_asked_after_every_prefix(kind, packed, with_initial_state):
    """The model itself says what its head says of h_t, when the text ends at token t."""
    case = make_case(kind, 2, packed=packed, with_initial_state=with_initial_state)
    reader, target = DeepHead(case.layer), torch.tensor([2, 0])
    scores, delta = attribute_with_head(reader, case, target)
    assert delta.abs().max() < 1e-12
    for row, end in enumerate(case.ends):
        start = initial_of(case.initial, row)
        initial = reference.top_states(case.layer, case.inputs[row, :1], start)[0][0]
        said = [reader.head(initial)[target[row]].item()]
        for length in range(1, end + 1):
            states = case.initial
            if states is not None:
                pick = slice(row, row + 1)
                states = (
                    tuple(state[:, pick].contiguous() for state in states)
                    if isinstance(states, tuple)
                    else states[:, pick].contiguous()
                )
            prefix = case.inputs[row : row + 1, :length]
            said.append(reader(prefix, None, states)[0, target[row]].item())
        expected = torch.tensor(said, dtype=torch.float64).diff()
        torch.testing.assert_close(scores[row, :end].sum(-1), expected, rtol=0, atol=1e-9)
        assert (scores[row, end:] == 0).all()


@pytest.mark.parametrize("kind", ["rnn_tanh", "lstm", "gru"])
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(("named", "readout"), [("final", "final"), ("last", -1)])
def test_the_two_directions_scores_sum_to_the_change(kind, packed, named, readout):
    case = make_case(kind, 2, True, packed=packed, with_initial_state=True)
    reader = DeepHead(case.layer, named)
    scores, delta = attribute_with_head(reader, case, 1, readout)
    assert delta.abs().max() < 1e-12
    logits = reader(case.inputs, *case.forward_args)[:, 1].detach()
    for row, end in enumerate(case.ends):
        start = initial_of(case.initial, row)
        paths = reference.top_states(case.layer, case.inputs[row, :end], start)
        at_rest = reader.head(torch.cat([path[0] for path in paths]))[1].detach()
        torch.testing.assert_close(scores[row].sum(), logits[row] - at_rest, rtol=0, atol=1e-9)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_a_linear_head_scores_as_its_derivative_does(bidirectional):
    case = make_case("gru", 2, bidirectional, packed=True, with_initial_state=True)
    reader = Reader(case.layer)
    scores, _ = attribute_with_head(reader, case, 1)
    torch.testing.assert_close(scores, attribute(reader, case), rtol=0, atol=1e-12)


def test_a_head_that_is_not_the_models_shows_in_the_convergence_delta():
    case = make_case("lstm")
    reader, other = DeepHead(case.layer), DeepHead(case.layer)
    logit = LogitDeltaAttribution(reader, case.layer, head=other.head)
    scores, delta = logit.attribute(case.inputs, target=1, return_convergence_delta=True)
    rest = torch.zeros(HIDDEN, dtype=torch.float64)
    change = (reader(case.inputs) - reader.head(rest))[:, 1]
    torch.testing.assert_close(delta, scores.sum((1, 2)) - change.detach())
    assert delta.abs().min() > 1e-3


def test_a_head_with_one_number_a_row_needs_no_target_no_gradient_and_no_precision():
    layer = nn.LSTM(3, 4, batch_first=True)
    model = lambda embedded: layer(embedded)[1][0][-1].square().sum(-1)  # noqa: E731
    inputs = torch.randn(2, 5, 3)
    logit = LogitDeltaAttribution(model, layer, head=lambda states: states.square().sum(-1))
    expected = layer(inputs)[0].square().sum(-1).detach()
    expected = torch.cat([torch.zeros(2, 1), expected], 1).diff(dim=1)
    with torch.inference_mode():
        scores = logit.attribute(inputs)
    torch.testing.assert_close(scores.sum(-1), expected)
    layer.bfloat16()
    scores = logit.attribute(inputs.bfloat16())
    assert scores.dtype == torch.float32
    torch.testing.assert_close(scores.sum(-1), expected, rtol=0, atol=0.02)


@pytest.mark.parametrize(
    ("head", "target", "sentence"),
    [
        (lambda s: s.sum(), 1, r"head answered states of shape \(10, 4\) with \(\); expected \(10"),
        (lambda s: s[:5], 1, r"states of shape \(10, 4\) with \(5, 4\); expected \(10, classes"),
        (lambda s: s.tolist(), 1, r"with list; expected"),
        (lambda s: s[:, :2], 2, r"target 2 does not fit the head's output of shape \(10, 2\)"),
        (lambda s: s[:, 0], 1, r"target 1 does not fit the head's output of shape \(10,\)"),
        (lambda s: s, None, r"head answers with 4 numbers for each state, but one is explained"),
    ],
)
def test_heads_that_do_not_fit(head, target, sentence):
    layer = nn.GRU(3, 4, batch_first=True)

    def model(embedded):
        last = layer(embedded)[1][-1]
        return last[:, 0] if target is None else last

    with pytest.raises(ValueError, match=sentence):
        LogitDeltaAttribution(model, layer, head=head).attribute(torch.randn(2, 4, 3), target)


def test_heads_and_readouts_that_cannot_be():
    layer = nn.GRU(3, 4)
    with pytest.raises(TypeError, match=r"head is of type str; expected a function of the states"):
        LogitDeltaAttribution(layer, layer, head="linear")
    with pytest.raises(ValueError, match="readout is -1 without a head, where the model's"):
        LogitDeltaAttribution(layer, layer, readout=-1)


@pytest.mark.parametrize("as_module", [False, True])
def test_a_model_that_keeps_its_state_from_run_to_run(as_module):
    """The scores sum to the change in the run that was scored, and one run is all that is left."""

    class Stream(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer, self.head = nn.GRU(3, 6, batch_first=True), nn.Linear(6, 2)
            self.register_buffer("carried", torch.zeros(1, 1, 6))
            self.state = None

        def forward(self, inputs):
            state = self.carried if self.state is None else self.state * 1.0
            outputs, self.state = self.layer(inputs, state)
            self.carried.copy_(self.state.detach())
            return self.head(outputs[:, -1])

    model, inputs = Stream().double(), torch.randn(1, 5, 3).double()
    method = LogitDeltaAttribution(model if as_module else lambda x: model(x), model.layer)
    for _ in range(3):
        before = torch.zeros(1, 1, 6).double() if model.state is None else model.state.clone()
        scores, delta = method.attribute(inputs, target=1, return_convergence_delta=True)
        with torch.no_grad():
            outputs, final = model.layer(inputs, before)
            change = (model.head(outputs[:, -1]) - model.head(before[0]))[0, 1]
        torch.testing.assert_close(scores.sum(), change)
        assert delta.abs() < 1e-12
        assert torch.equal(model.state, final)
        assert torch.equal(model.carried, final)
        assert not model.state.requires_grad
