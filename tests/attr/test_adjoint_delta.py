"""The class against autograd through unrolled cells, and against what it estimates."""

import pytest
import torch
from torch import nn

import reference
from captum_rnn import pack_tokens
from captum_rnn.attr import AdjointDeltaAttribution
from captum_rnn.evaluation import PerturbedPredictions, leave_one_out, rank_correlations
from captum_rnn.functional.propagation import adjoint_scores
from captum_rnn.states.recovery import unstack
from captum_rnn.text import TextClassifier, held_out_reviews, load_corpus
from readers import FEATURES, READOUTS, TIME, Reader, make_case
from recorded import record_read_gradients
from unrolled import Unrolled, padded, unrolled_rows


def attribute(reader, case, baselines=None, target=1):
    adjoint = AdjointDeltaAttribution(reader, reader.layer)
    return adjoint.attribute(
        case.inputs,
        baselines,
        target=target,
        additional_forward_args=case.forward_args,
        per_step=True,
    )


@pytest.mark.over_every_layer
def test_agrees_with_autograd_through_unrolled_cells(
    kind, num_layers, bidirectional, batch_first, packed, with_initial_state
):
    case = make_case(kind, num_layers, bidirectional, batch_first, packed, with_initial_state)
    for readout in ("final", "everything"):
        reader = Reader(case.layer, readout)
        rows = unrolled_rows(reader, case)
        skipped = padded([row.adjoint_scores() for row in rows], TIME)
        baselines = torch.randn_like(case.inputs)
        replaced = padded(
            [row.adjoint_scores(own[: row.time]) for row, own in zip(rows, baselines, strict=True)],
            TIME,
        )
        for precision, tolerance in ((torch.float64, 1e-9), (torch.float32, 1e-5)):
            in_precision, reader = case.to(precision), reader.to(precision)
            for given, expected in ((None, skipped), (baselines, replaced)):
                scores = attribute(reader, in_precision, given)
                assert scores.dtype == precision
                torch.testing.assert_close(scores, expected.to(precision), rtol=0, atol=tolerance)
        case.to(torch.float64)


@pytest.mark.over_every_layer
def test_the_adjoint_of_every_layer_and_direction(
    kind, num_layers, bidirectional, packed, with_initial_state
):
    """Held against random changes of one layer's states in one direction at a time."""
    case = make_case(
        kind, num_layers, bidirectional, packed=packed, with_initial_state=with_initial_state
    )
    reader = Reader(case.layer, "everything")
    rows = unrolled_rows(reader, case)
    _, (call,), (gradient,) = record_read_gradients(
        case.layer, lambda: reader(case.inputs, *case.forward_args)[:, 1]
    )
    stack = unstack(case.layer, call, gradient)
    unchanged = [
        [(p.states[1:], p.steps.cells[1:] if p.initial_cell is not None else None) for p in passes]
        for passes in stack.layers
    ]
    for layer_index, passes in enumerate(unchanged):
        for direction, (states, cells) in enumerate(passes):
            moved = [(states - torch.randn_like(states), cells)]
            if cells is not None:
                moved.append((states, cells - torch.randn_like(cells)))
            for instead in moved:
                others = [list(layer_states) for layer_states in unchanged]
                others[layer_index][direction] = instead
                scores = adjoint_scores(stack, others)
                for row, (unrolled, end) in enumerate(zip(rows, case.ends, strict=True)):
                    worth = unrolled.adjoint[layer_index][direction]
                    expected = ((states - instead[0])[:end, row] * worth).sum(1)
                    if cells is not None:
                        change = (cells - instead[1])[:end, row]
                        expected += (change * unrolled.cell_adjoint[layer_index][direction]).sum(1)
                    expected = expected if direction == 0 else expected.flip(0)
                    torch.testing.assert_close(scores[:end, row], expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("readout", READOUTS)
@pytest.mark.parametrize("target", [0, 1])
def test_every_readout_and_target(readout, target):
    case = make_case("lstm", num_layers=2, bidirectional=True, packed=True)
    reader = Reader(case.layer, readout)
    rows = unrolled_rows(reader, case, target)
    for token in (None, case.reference):
        expected = padded([row.adjoint_scores(token) for row in rows], TIME)
        scores = attribute(reader, case, token, target)
        torch.testing.assert_close(scores, expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("kind", ["lstm", "lstm_projected"])
def test_a_classifier_that_reads_the_cell_state_alone(kind):
    case = make_case(kind, num_layers=2)

    class CellReader(Reader):
        def read(self, outputs, hidden, cells):
            return self.cell_head(cells[-1])

    reader = CellReader(case.layer)
    expected = padded([row.adjoint_scores() for row in unrolled_rows(reader, case)], TIME)
    torch.testing.assert_close(attribute(reader, case), expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("kind", reference.KINDS)
@pytest.mark.parametrize("bidirectional", [False, True])
def test_a_token_replaced_by_itself_scores_zero(kind, bidirectional):
    case = make_case(kind, num_layers=3, bidirectional=bidirectional, packed=True)
    case.inputs[0, 1] = case.reference
    case.inputs[1] = case.reference
    scores = attribute(Reader(case.layer, "everything"), case, case.reference)
    assert scores[0, 1].abs() < 1e-12
    assert scores[1].abs().max() < 1e-12


# A piecewise linear cell has no second order.
CURVED = [kind for kind in reference.KINDS if kind != "rnn_relu"]


@pytest.mark.parametrize("kind", CURVED)
@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("readout", ["final", "everything"])
def test_replacing_by_a_token_nearby_is_exact_to_first_order(
    kind, num_layers, bidirectional, readout
):
    case = make_case(kind, num_layers, bidirectional, with_initial_state=True)
    reader = Reader(case.layer, readout)
    direction = torch.randn_like(case.inputs)

    def largest_error(distance):
        case.inputs = case.reference + distance * direction
        exact = [
            reader(case.inputs, None, case.initial)[:, 1]
            - reader(_replaced(case.inputs, token, case.reference), None, case.initial)[:, 1]
            for token in range(TIME)
        ]
        error = attribute(reader, case, case.reference) - torch.stack(exact, 1)
        return error.norm().item()

    coarse, fine = largest_error(1e-2), largest_error(5e-3)
    assert coarse / fine == pytest.approx(4, rel=0.1)  # the error is of second order
    assert coarse < 1e-3


def _replaced(inputs, token, by):
    inputs = inputs.clone()
    inputs[:, token] = by
    return inputs


@pytest.mark.parametrize("kind", CURVED)
@pytest.mark.parametrize(("num_layers", "bidirectional"), [(1, False), (2, False), (1, True)])
def test_skipping_a_faint_token_is_exact_to_first_order(kind, num_layers, bidirectional):
    """But for bidirectional stacks, where a layer's other direction passes the skipped step."""
    case = make_case(kind, num_layers, bidirectional)
    with torch.no_grad():
        for name, weight in case.layer.named_parameters():
            if "bias" in name:
                weight.zero_()
    reader = Reader(case.layer)
    tokens = case.inputs

    def size_and_error(distance):
        case.inputs = distance * tokens
        whole = reader(case.inputs)[:, 1]
        exact = [
            whole - reader(torch.cat([case.inputs[:, :t], case.inputs[:, t + 1 :]], 1))[:, 1]
            for t in range(TIME)
        ]
        error = attribute(reader, case) - torch.stack(exact, 1)
        return torch.stack(exact).norm().item(), error.norm().item()

    (coarse_size, coarse), (fine_size, fine) = size_and_error(1e-2), size_and_error(5e-3)
    assert coarse_size / fine_size == pytest.approx(2, rel=0.1)
    assert coarse / fine > 3.6  # the effects halve, the error shrinks with their square or faster
    assert coarse < 0.05 * coarse_size


def test_the_last_of_two_known_steps_by_hand():
    """h_1 = tanh(1), h_2 = tanh(2 + 3 h_1), f = 5 h_2."""
    layer = nn.RNN(1, 1, bias=False, batch_first=True).double()
    with torch.no_grad():
        layer.weight_ih_l0.fill_(1.0)
        layer.weight_hh_l0.fill_(3.0)
    first = torch.tensor(1.0, dtype=torch.float64).tanh()
    last = (2 + 3 * first).tanh()
    scores = AdjointDeltaAttribution(lambda x: 5 * layer(x)[1][-1], layer).attribute(
        torch.tensor([[[1.0], [2.0]]], dtype=torch.float64)
    )
    expected = torch.stack([first * 5 * (1 - last**2) * 3, (last - first) * 5])
    torch.testing.assert_close(scores[0, :, 0], expected, rtol=0, atol=1e-12)


def test_tokens_left_out_before_packing_score_zero():
    layer = nn.LSTM(FEATURES, 4, num_layers=2, bidirectional=True, batch_first=True).double()
    head = nn.Linear(8, 2).double()
    read = torch.tensor([[False, True, True, False], [True, False, False, False]])
    inputs = torch.randn(2, 4, FEATURES, dtype=torch.float64)

    def model(embedded):
        _, (hidden, _) = layer(pack_tokens(embedded, read))
        return head(torch.cat(list(hidden[-2:]), 1))

    scores = AdjointDeltaAttribution(model, layer).attribute(inputs, target=0).sum(-1)
    assert (scores[~read] == 0).all()
    reader = Reader(layer)
    reader.head = head
    alone = Unrolled(reader, inputs[0, 1:3], target=0).adjoint_scores()
    torch.testing.assert_close(scores[0, 1:3], alone, rtol=0, atol=1e-9)


@pytest.fixture(scope="module")
def subject():
    """The shipped classifier with 40 of its held-out reviews."""
    classifier = TextClassifier.load()
    reviews = held_out_reviews(classifier.trained_on, load_corpus())
    encoded = classifier.encode([review.text for review in reviews[:400:10]])
    readable = (encoded.ids != 0).sum(1) >= 3
    return classifier, encoded.ids[readable]


def test_skipping_ranks_as_leave_one_out(subject):
    classifier, ids = subject
    target = classifier.probabilities(ids).argmax(1)
    model = classifier.model.eval()
    scores = AdjointDeltaAttribution(_margin(model, target), model.rnn).attribute(ids)
    exact = leave_one_out(PerturbedPredictions(classifier.probabilities, ids))
    assert rank_correlations(ids, scores, exact).nanmean() >= 0.97


def test_replacing_ranks_as_exact_replacement(subject):
    classifier, ids = subject
    target = classifier.probabilities(ids).argmax(1)
    model = classifier.model.eval()
    average = model.embedding.weight[1:].mean(0).detach()
    adjoint = AdjointDeltaAttribution(_margin(model, target), model.rnn)
    scores = adjoint.attribute(ids, baselines=average)
    exact = torch.zeros(ids.shape)
    for row, words in enumerate(ids):
        places = words.nonzero().flatten()
        copies = words.expand(len(places) + 1, -1)
        with torch.no_grad():
            embedded = model.embedding(copies)
            embedded[torch.arange(len(places)), places] = average
            logits = model.forward_embedded(embedded, copies)
        margins = logits[:, target[row]] - logits[:, 1 - target[row]]
        exact[row, places] = margins[-1] - margins[:-1]
    assert rank_correlations(ids, scores, exact).nanmean() >= 0.98


def _margin(model, target):
    def margin(ids):
        logits = model(ids)
        return (logits.gather(1, target[:, None]) - logits.gather(1, 1 - target[:, None])).squeeze(
            1
        )

    return margin
