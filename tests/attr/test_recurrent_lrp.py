"""Relevance propagation against the published rules, applied one sum at a time."""

import math

import pytest
import torch
from torch import nn

import lrp_reference
from captum_rnn.attr.recurrent_lrp import RecurrentLRPAttribution
from captum_rnn.functional.relevance import input_relevance
from captum_rnn.states.recovery import unstack
from models import Classifier, SentencePair
from readers import Reader, make_case
from recorded import record_read_gradients
from reference import KINDS, make_layer


def expected_scores(model, case, target=1):
    """The reference's scores (batch, time), row by row, the head's derivatives by autograd."""
    inputs = case.inputs.double()
    scores = torch.zeros(inputs.shape[:2], dtype=torch.float64)
    for row, end in enumerate(case.ends):
        tokens, initial = inputs[row, :end], of_row(case.initial, row)
        outputs, final = model.layer(tokens, initial)
        final = final if isinstance(final, tuple) else (final,)
        leaves = [states.detach().requires_grad_() for states in (outputs, *final)]
        output = model.read(leaves[0], leaves[1], leaves[2] if len(leaves) > 2 else None)[target]
        read, *ends = torch.autograd.grad(output, leaves, allow_unused=True)
        ends = [*ends, None][:2]
        scores[row, :end] = torch.from_numpy(
            lrp_reference.token_scores(model.layer, tokens, read, final=ends, initial=initial)
        )
    return scores


def of_row(initial, row):
    if isinstance(initial, tuple):
        return tuple(states[:, row] for states in initial)
    return None if initial is None else initial[:, row]


def widened(layer, factor=2.0):
    """The layer with larger weights, so that gates and candidates leave the middle."""
    with torch.no_grad():
        for weight in layer.parameters():
            weight.mul_(factor)
    return layer


@pytest.mark.over_every_layer
@pytest.mark.parametrize("readout", ["mean", "everything"])
def test_it_applies_the_published_rules(
    kind, num_layers, bidirectional, batch_first, packed, with_initial_state, readout
):
    case = make_case(kind, num_layers, bidirectional, batch_first, packed, with_initial_state)
    model = Reader(widened(case.layer), readout)
    lrp = RecurrentLRPAttribution(model, model.layer)
    scores = lrp.attribute(case.inputs, 1, case.forward_args).sum(-1)
    torch.testing.assert_close(scores, expected_scores(model, case), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_it_applies_the_published_rules_in_float32(kind, num_layers, bidirectional):
    case = make_case(kind, num_layers, bidirectional, packed=True)
    model = Reader(widened(case.layer), "mean")
    expected = expected_scores(model, case).float()
    case, lrp = case.float(), RecurrentLRPAttribution(model.float(), model.layer)
    scores = lrp.attribute(case.inputs, 1, case.forward_args).sum(-1)
    assert scores.dtype == torch.float32
    torch.testing.assert_close(scores, expected, rtol=0, atol=1e-4)


def relu_classifier():
    """f(x) = h_n, h_t = relu(2 x_t + h_{t−1} + 1)."""
    model = Classifier(nn.RNN(1, 1, nonlinearity="relu", batch_first=True))
    for name, value in {"weight_ih": 2, "weight_hh": 1, "bias_ih": 1, "bias_hh": 0}.items():
        nn.init.constant_(getattr(model.layer, f"{name}_l0"), value)
    model.forward = lambda tokens: model.layer(tokens)[0][:, -1]
    return model


def test_shares_by_hand():
    model, tokens = relu_classifier(), torch.tensor([[[1.0], [2.0]]])  # states 3 and 8
    lrp = RecurrentLRPAttribution(model, model.layer, epsilon=1)
    scores, delta = lrp.attribute(tokens, target=0, return_convergence_delta=True)
    of_second, of_first_state = 8 * 4 / (8 + 1), 8 * 3 / (8 + 1)
    of_first = of_first_state * 2 / (3 + 1)
    assert scores.flatten().tolist() == pytest.approx([of_first, of_second])
    assert delta.tolist() == pytest.approx([of_first + of_second - 8])


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_without_biases_relevance_is_conserved_as_epsilon_vanishes(kind, num_layers, bidirectional):
    options = {"num_layers": num_layers, "bidirectional": bidirectional, "bias": False}
    model = Classifier(make_layer(kind, batch_first=True, **options).double())
    nn.init.zeros_(model.head.bias)
    tokens = torch.randn(3, 7, 5, dtype=torch.float64)
    lrp = RecurrentLRPAttribution(model, model.layer, epsilon=1e-12)
    scores, delta = lrp.attribute(tokens, target=1, return_convergence_delta=True)
    torch.testing.assert_close(scores.sum((1, 2)), model(tokens)[:, 1], rtol=0, atol=1e-8)
    assert delta.abs().max() < 1e-8


@pytest.mark.parametrize("kind", KINDS)
def test_the_convergence_delta_is_what_the_tokens_do_not_get(kind):
    model, tokens = Classifier(make_layer(kind, batch_first=True)), torch.randn(3, 7, 5)
    lrp = RecurrentLRPAttribution(model, model.layer)
    scores, delta = lrp.attribute(tokens, target=1, return_convergence_delta=True)
    torch.testing.assert_close(delta, scores.sum((1, 2)) - model(tokens)[:, 1].detach())
    torch.testing.assert_close(lrp.compute_convergence_delta(scores, tokens, 1), delta)
    assert lrp.has_convergence_delta() is True
    assert delta.abs().max() > 1e-3  # biases of the layer and the head


@pytest.mark.parametrize("kind", KINDS)
def test_a_zero_vector_gets_nothing(kind):
    model = Classifier(make_layer(kind, batch_first=True), vocabulary=9)
    nn.init.zeros_(model.embedding.weight[4].detach())
    ids = torch.tensor([[1, 4, 2, 3], [4, 5, 6, 4]])
    scores = RecurrentLRPAttribution(model, model.layer).attribute(ids, target=0)
    assert torch.equal(scores == 0, ids == 4)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_more_padding_changes_nothing_and_scores_0(kind, bidirectional):
    layer = make_layer(kind, batch_first=True, bidirectional=bidirectional, num_layers=2)
    model = Reader(layer, "final")
    tokens, lengths = torch.randn(2, 4, 5), torch.tensor([2, 4])
    padded = torch.cat([tokens, torch.randn(2, 3, 5)], 1)
    lrp = RecurrentLRPAttribution(model, model.layer)
    scores = lrp.attribute(padded, 1, lengths)
    torch.testing.assert_close(scores[:, :4], lrp.attribute(tokens, 1, lengths))
    assert not scores[0, 2:].any()
    assert not scores[1, 4:].any()


@pytest.mark.parametrize("kind", KINDS)
def test_padding_that_the_layer_runs_over_changes_nothing(kind):
    class AtLengths(Reader):
        def forward(self, tokens, lengths):
            outputs, _ = self.layer(tokens)
            return self.head(outputs[torch.arange(len(outputs)), lengths - 1])

    model, lengths = AtLengths(make_layer(kind, batch_first=True)), torch.tensor([2, 4])
    tokens = torch.randn(2, 4, 5)
    scores = RecurrentLRPAttribution(model, model.layer).attribute(
        tokens, 1, lengths, lengths=lengths
    )
    alone = RecurrentLRPAttribution(model, model.layer).attribute(tokens[:1, :2], 1, lengths[:1])
    torch.testing.assert_close(scores[:1, :2], alone)
    assert not scores[0, 2:].any()


@pytest.mark.parametrize("kind", KINDS)
def test_long_batches_are_scored_like_short_ones(kind):
    model = Classifier(make_layer(kind, batch_first=True).double())
    tokens = torch.randn(40, 60, 5, dtype=torch.float64)  # more than one block of steps
    lrp = RecurrentLRPAttribution(model, model.layer)
    scores = lrp.attribute(tokens, target=1)
    alone = torch.cat([lrp.attribute(row, target=1) for row in tokens[:2].unsqueeze(1)])
    torch.testing.assert_close(scores[:2], alone, rtol=0, atol=1e-12)


def test_each_sentence_of_a_pair_gets_what_its_own_state_starts_with():
    model = SentencePair()
    model.encoder = nn.LSTM(5, 6, batch_first=True, bias=False)
    model.double()
    first, second = torch.randint(50, (2, 4)), torch.randint(50, (2, 6))
    lrp = RecurrentLRPAttribution(model, model.encoder, epsilon=1e-12)
    scores, delta = lrp.attribute((first, second), target=1, return_convergence_delta=True)
    assert [tuple(part.shape) for part in scores] == [(2, 4), (2, 6)]
    # A cosine does not change when a state is scaled, so Σ h ∘ ∂f/∂h is 0 for either sentence.
    for part in scores:
        assert part.sum(1).abs().max() < 1e-8 < part.abs().max()
    torch.testing.assert_close(delta, -model(first, second)[:, 1].detach())


@pytest.mark.parametrize("epsilon", [0, 0.0, -0.001, 1e-13, math.inf, math.nan])
def test_an_epsilon_that_does_not_stabilise(epsilon):
    with pytest.raises(ValueError, match=r"epsilon is .*; expected a finite number from 1e-12 on"):
        RecurrentLRPAttribution(nn.LSTM(5, 6), epsilon=epsilon)


@pytest.mark.parametrize("epsilon", ["0.001", None, torch.tensor(0.001)])
def test_an_epsilon_that_is_no_number(epsilon):
    with pytest.raises(TypeError, match=r"epsilon is of type \w+; expected a finite number"):
        RecurrentLRPAttribution(nn.LSTM(5, 6), epsilon=epsilon)


@pytest.fixture(scope="module", params=[16, 32])
def exploding(request):
    """A small RNN that was trained to add up what its tokens are worth, and a batch of texts."""
    torch.manual_seed(0)
    model = Classifier(nn.RNN(8, request.param, batch_first=True), vocabulary=40)
    optimiser = torch.optim.Adam(model.parameters(), lr=0.02)
    with torch.no_grad():
        model.layer.weight_hh_l0.mul_(3)
    for _ in range(60):
        ids = torch.randint(40, (64, 10))
        loss = nn.functional.cross_entropy(model(ids), ((ids - 19.5).sum(1) > 0).long())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return model.double().requires_grad_(False), torch.randint(40, (20, 100))


def relevance_and_read(model, ids, epsilon=0.001):
    """Relevance as it was published (time, batch), and the size of what the classifier reads."""
    _, (call,), (gradient,) = record_read_gradients(model.layer, lambda: model(ids)[:, 1])
    stack = unstack(model.layer, call, gradient)
    ((passed,),) = stack.layers
    found = input_relevance(stack, epsilon).of_inputs
    return found, (passed.states[1:] * passed.read).abs().sum((0, 2))


def test_relevance_that_explodes_is_bounded_and_said(exploding):
    model, ids = exploding
    published, read = relevance_and_read(model, ids)
    largest = published.abs().amax((0, 2)) / read
    assert largest.median() > (1e11 if model.layer.hidden_size == 32 else 30)
    lrp = RecurrentLRPAttribution(model, model.layer)
    with pytest.warns(
        UserWarning, match=r"relevance of \d+ of 20 row.* ε was raised up to"
    ) as seen:
        scores = lrp.attribute(ids, target=1)
    assert seen[0].filename == __file__
    assert (scores.abs().sum(1) <= 30 * read).all()
    assert scores.isfinite().all()


@pytest.mark.filterwarnings("ignore:.*relevance")
def test_each_row_takes_the_smallest_epsilon_that_bounds_it(exploding):
    model, ids = exploding
    scores = RecurrentLRPAttribution(model, model.layer).attribute(ids, target=1)
    left, epsilon = torch.ones(20, dtype=torch.bool), 0.001
    while left.any():
        found, read = relevance_and_read(model, ids, epsilon)
        fits = left & (found.abs().sum((0, 2)) <= 30 * read)
        torch.testing.assert_close(scores[fits], found.sum(2).t()[fits])
        left, epsilon = left & ~fits, 10 * epsilon
    assert epsilon > 0.05


def test_relevance_that_is_bounded_as_it_is_stays_as_published():
    model, ids = Classifier(nn.LSTM(5, 6, batch_first=True), vocabulary=9), torch.randint(9, (3, 7))
    published, _ = relevance_and_read(model, ids)
    scores = RecurrentLRPAttribution(model, model.layer).attribute(ids, target=1)
    assert torch.equal(published.sum(2).t(), scores)


def test_a_share_that_is_lost_to_biases_is_said():
    model = Classifier(nn.LSTM(5, 6, batch_first=True), vocabulary=9)
    nn.init.constant_(model.head.bias, 10.0)
    with pytest.warns(UserWarning, match=r"than the output by (9\d|100)% of it"):
        RecurrentLRPAttribution(model, model.layer).attribute(torch.randint(9, (3, 7)), target=1)


def test_what_is_no_number_stays_in_its_row(exploding):
    model, ids = exploding
    embedded = model.embedding(ids[:3])
    embedded[1, 4] = math.nan
    plain = Classifier(model.layer)
    plain.head = model.head
    scores = RecurrentLRPAttribution(plain, plain.layer).attribute(embedded, target=1)
    assert scores.isnan().flatten(1).any(1).tolist() == [False, True, False]


def test_a_given_cell_state_is_a_term_of_the_first_sum_and_no_sum_itself():
    """R(c_0) = f ∘ c_0 / (c_1 + ε sign c_1) ∘ R(c_1), by hand for a single step."""
    lstm, head = nn.LSTM(3, 4, batch_first=True).double(), nn.Linear(4, 2).double()
    series = torch.randn(2, 1, 3).double()
    states = torch.randn(1, 2, 4).double(), torch.randn(1, 2, 4).double()

    def forward(series, hidden, cells):
        return head(lstm(series, (hidden, cells))[1][0][-1])

    found = RecurrentLRPAttribution(forward, lstm, epsilon=0.3).attribute(
        (series, *states), target=1
    )
    gates = nn.functional.linear(series[:, 0], lstm.weight_ih_l0, lstm.bias_ih_l0)
    gates = gates + nn.functional.linear(states[0][0], lstm.weight_hh_l0, lstm.bias_hh_l0)
    into, forget, candidate, out = gates.chunk(4, 1)
    kept = forget.sigmoid() * states[1][0]
    cells = kept + into.sigmoid() * candidate.tanh()
    relevance = out.sigmoid() * cells.tanh() * head.weight[1]
    expected = kept / (cells + 0.3 * cells.sign()) * relevance
    torch.testing.assert_close(found[2][0], expected.detach(), rtol=1e-9, atol=1e-12)
