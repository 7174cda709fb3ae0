"""DeepLIFT of a layer against its definition, one number at a time, and against what it sums to."""

import pytest
import torch
from torch import nn

import deep_lift_reference
from captum_rnn import pack_tokens
from captum_rnn.attr import RecurrentDeepLiftAttribution
from models import Classifier, SentencePair
from readers import Reader, make_case
from reference import KINDS, make_layer
from unrolled import initial_of


def widened(layer, factor=2.0):
    """The layer with larger weights, so that gates and candidates leave the middle."""
    with torch.no_grad():
        for weight in layer.parameters():
            weight.mul_(factor)
    return layer


def change(model, case, target=1):
    """f(x) − f(0) of each row."""
    with torch.no_grad():
        whole = model(case.inputs, *case.forward_args)
        return (whole - model(torch.zeros_like(case.inputs), *case.forward_args))[:, target]


def expected_scores(model, case, target=1):
    """The reference's scores (batch, time), of a head whose derivative is constant."""
    scores = torch.zeros(case.inputs.shape[:2], dtype=torch.float64)
    for row, end in enumerate(case.ends):
        tokens, initial = case.inputs[row, :end].double(), initial_of(case.initial, row)
        outputs, final = model.layer(tokens, initial)
        final = final if isinstance(final, tuple) else (final,)
        leaves = [states.detach().requires_grad_() for states in (outputs, *final)]
        output = model.read(leaves[0], leaves[1], leaves[2] if len(leaves) > 2 else None)[target]
        read, *ends = torch.autograd.grad(output, leaves, allow_unused=True)
        found = deep_lift_reference.feature_scores(
            model.layer, tokens, torch.zeros_like(tokens), read, [*ends, None][:2], initial
        )
        scores[row, :end] = torch.from_numpy(found.sum(1))
    return scores


@pytest.mark.over_every_layer
@pytest.mark.parametrize("readout", ["final", "mean"])
def test_it_applies_the_definition(
    kind, num_layers, bidirectional, batch_first, packed, with_initial_state, readout
):
    case = make_case(kind, num_layers, bidirectional, batch_first, packed, with_initial_state)
    model = Reader(widened(case.layer), readout)
    method = RecurrentDeepLiftAttribution(model, model.layer)
    scores = method.attribute(case.inputs, target=1, additional_forward_args=case.forward_args).sum(
        -1
    )
    torch.testing.assert_close(scores, expected_scores(model, case), rtol=0, atol=1e-9)


@pytest.mark.over_every_layer
@pytest.mark.parametrize("readout", ["middle", "everything"])
def test_it_sums_to_the_change_of_the_output(
    kind, num_layers, bidirectional, batch_first, packed, with_initial_state, readout
):
    """Of a linear head, and of one that is smooth and reads all states and cell states."""
    case = make_case(kind, num_layers, bidirectional, batch_first, packed, with_initial_state)
    model = Reader(widened(case.layer), readout)
    for precision, tolerance in ((torch.float64, 1e-9), (torch.float32, 1e-4)):
        in_precision, model = case.to(precision), model.to(precision)
        method = RecurrentDeepLiftAttribution(model, model.layer)
        scores, delta = method.attribute(
            in_precision.inputs,
            target=1,
            additional_forward_args=in_precision.forward_args,
            return_convergence_delta=True,
        )
        expected = change(model, in_precision)
        size = model(in_precision.inputs, *in_precision.forward_args).abs().amax()
        assert scores.dtype == precision
        assert (scores.sum((1, 2)) - expected).abs().max() <= tolerance * size
        assert delta.abs().max() <= tolerance * size
    case.to(torch.float64)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
@pytest.mark.parametrize("nonlinearity", ["tanh", "relu"])
def test_units_in_which_text_and_baseline_meet_to_rounding(nonlinearity, dtype):
    """Of relu they had slopes of a rounding over another one, which sum to the same."""
    for seed in (1, 57, 71, 77, 84, 117):
        torch.manual_seed(seed)
        layer = nn.RNN(3, 4, nonlinearity=nonlinearity, batch_first=True)
        head, vectors = nn.Linear(4, 2), torch.randn(2, 4, 3)
        unseen = torch.linalg.svd(layer.weight_ih_l0[:2].detach())[2][-1]  # by two of the units
        other = (vectors + unseen * torch.randn(2, 4, 1)).to(dtype)
        vectors, layer, head = vectors.to(dtype), layer.to(dtype), head.to(dtype)
        found = RecurrentDeepLiftAttribution(
            lambda given, layer=layer, head=head: head(layer(given)[0][:, -1]), layer
        ).attribute(vectors, other, target=1)
        read = torch.zeros(4, 4).double()
        read[-1] = head.weight[1].detach().double()
        for row, scores in enumerate(found):
            pair = vectors[row].double(), other[row].double()
            expected = torch.from_numpy(deep_lift_reference.feature_scores(layer, *pair, read))
            size = expected.abs().max()
            limit = 1e-4 if dtype == torch.float32 else 0.02
            assert (scores.double() - expected).abs().max() <= limit * size + limit / 10


def adaptive(outputs):
    return nn.functional.adaptive_max_pool1d(outputs.transpose(1, 2), 1).squeeze(2)


KINKS = {
    "maximum": lambda outputs: outputs.amax(1),
    "adaptive pooling": adaptive,
    "relu of the maximum": lambda outputs: (outputs.max(1).values - 0.1).relu(),
    "relu": lambda outputs: (3 * outputs[:, -1]).relu(),
    "size": lambda outputs: outputs.mean(1).abs(),
}


@pytest.mark.parametrize("name", KINKS)
@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU])
def test_heads_with_kinks_lose_nothing(name, kind):
    layer, head = widened(kind(3, 5, batch_first=True).double(), 3.0), nn.Linear(5, 2).double()

    def model(vectors):
        return head(KINKS[name](layer(vectors)[0]))

    vectors, baselines = torch.randn(6, 8, 3).double(), torch.randn(3).double()
    scores, delta = RecurrentDeepLiftAttribution(model, layer).attribute(
        vectors, baselines, target=1, return_convergence_delta=True
    )
    change = (model(vectors) - model(baselines.expand_as(vectors)))[:, 1].detach()
    rounding = 1e-9 * float(model(vectors).detach().abs().max())
    torch.testing.assert_close(scores.sum((1, 2)), change, rtol=0, atol=rounding)
    assert delta.abs().max() <= rounding


@pytest.mark.over_every_layer
@pytest.mark.parametrize("shape", [(3,), (4, 3), (2, 4, 3)], ids=["features", "by time", "by row"])
def test_baselines(kind, num_layers, bidirectional, batch_first, packed, with_initial_state, shape):
    case = make_case(kind, num_layers, bidirectional, batch_first, packed, with_initial_state)
    model = Reader(widened(case.layer), "mean")
    baselines = torch.randn(shape, dtype=torch.float64)
    method = RecurrentDeepLiftAttribution(model, model.layer)
    given = {"target": 1, "additional_forward_args": case.forward_args}
    scores, delta = method.attribute(case.inputs, baselines, **given, return_convergence_delta=True)
    with torch.no_grad():
        outputs = [
            model(inputs, *case.forward_args)[:, 1]
            for inputs in (case.inputs, baselines.expand_as(case.inputs))
        ]
    torch.testing.assert_close(scores.sum((1, 2)), outputs[0] - outputs[1], rtol=0, atol=1e-11)
    assert delta.abs().max() < 1e-11
    again = method.compute_convergence_delta(scores, case.inputs, baselines, **given)
    torch.testing.assert_close(again, delta, rtol=0, atol=1e-12)
    own = method.attribute(case.inputs, case.inputs, **given)
    assert own.abs().max() < 1e-12


def test_ids_against_an_id():
    model = Classifier(nn.LSTM(5, 6, batch_first=True).double(), vocabulary=9).double()
    ids = torch.tensor([[1, 4, 2, 3], [4, 5, 6, 4]])
    method = RecurrentDeepLiftAttribution(model, model.layer)
    scores = method.attribute(ids, 4, target=0)
    assert torch.equal(scores == 0, ids == 4)
    expected = (model(ids) - model(torch.full_like(ids, 4)))[:, 0].detach()
    torch.testing.assert_close(scores.sum(1), expected, rtol=0, atol=1e-12)


def test_two_units_by_hand():
    """h_1 = tanh(1), h_2 = tanh(2 + 3 h_1), f = 5 h_2, against h'_1 = h'_2 = 0."""
    layer = nn.RNN(1, 1, bias=False, batch_first=True).double()
    with torch.no_grad():
        layer.weight_ih_l0.fill_(1.0)
        layer.weight_hh_l0.fill_(3.0)
    first = torch.tensor(1.0, dtype=torch.float64).tanh()
    total = 2 + 3 * first
    scores = RecurrentDeepLiftAttribution(lambda x: 5 * layer(x)[1][-1], layer).attribute(
        torch.tensor([[[1.0], [2.0]]], dtype=torch.float64)
    )
    slope = 5 * total.tanh() / total
    torch.testing.assert_close(scores[0, :, 0], torch.stack([3 * first * slope, 2 * slope]))


@pytest.mark.parametrize("kind", KINDS)
def test_a_zero_vector_gets_nothing(kind):
    model = Classifier(make_layer(kind, batch_first=True), vocabulary=9)
    nn.init.zeros_(model.embedding.weight[4].detach())
    ids = torch.tensor([[1, 4, 2, 3], [4, 5, 6, 4]])
    scores = RecurrentDeepLiftAttribution(model, model.layer).attribute(ids, target=0)
    assert torch.equal(scores == 0, ids == 4)


@pytest.mark.parametrize("step", ["share", "secant"])
@pytest.mark.parametrize("kind", KINDS)
def test_rows_do_not_know_each_other(kind, step):
    model = Classifier(make_layer(kind, batch_first=True, bidirectional=True).double())
    tokens, lengths = torch.randn(5, 6, 5, dtype=torch.float64), torch.tensor([6, 2, 4, 6, 1])
    order = torch.randperm(5)
    method = RecurrentDeepLiftAttribution(model, model.layer, step=step)
    scores = method.attribute(tokens, target=1, additional_forward_args=lengths)
    permuted = method.attribute(tokens[order], target=1, additional_forward_args=lengths[order])
    torch.testing.assert_close(permuted, scores[order], rtol=0, atol=1e-12)


def test_both_runs_of_a_layer_explain_their_joint_change():
    model = SentencePair().double()
    first, second = torch.randint(50, (2, 4)), torch.randint(50, (2, 6))
    method = RecurrentDeepLiftAttribution(model, model.encoder)
    scores, delta = method.attribute((first, second), target=1, return_convergence_delta=True)
    assert [tuple(part.shape) for part in scores] == [(2, 4), (2, 6)]
    whole = model(first, second)[:, 1]
    model.embedding.weight.data.zero_()
    expected = whole - model(first, second)[:, 1]
    torch.testing.assert_close(sum(part.sum(1) for part in scores), expected, rtol=0, atol=1e-6)
    assert delta.abs().max() < 1e-6


def test_a_cell_that_is_called_in_a_loop():
    cell, head = nn.LSTMCell(5, 6).double(), nn.Linear(6, 2).double()
    inputs = torch.randn(3, 7, 5, dtype=torch.float64)

    def model(inputs):
        hidden = cells = inputs.new_zeros(len(inputs), 6)
        for token in inputs.unbind(1):
            hidden, cells = cell(token, (hidden, cells))
        return head(hidden)

    scores, delta = RecurrentDeepLiftAttribution(model, cell).attribute(
        inputs, target=1, return_convergence_delta=True
    )
    expected = (model(inputs) - model(torch.zeros_like(inputs)))[:, 1].detach()
    torch.testing.assert_close(scores.sum((1, 2)), expected, rtol=0, atol=1e-11)
    assert delta.abs().max() < 1e-11


def test_left_out_tokens_score_0_and_change_nothing():
    class Masked(Classifier):
        def forward(self, ids):
            _, (hidden, _) = self.layer(pack_tokens(self.embedding(ids), ids != 0))
            return self.head(hidden[-1])

    model = Masked(nn.LSTM(5, 6, batch_first=True), vocabulary=9)
    method = RecurrentDeepLiftAttribution(model, model.layer)
    scores = method.attribute(torch.tensor([[0, 3, 0, 0, 7, 2]]), target=1)
    dense = method.attribute(torch.tensor([[3, 7, 2]]), target=1)
    assert scores[0, [0, 2, 3]].tolist() == [0, 0, 0]
    torch.testing.assert_close(scores[0, [1, 4, 5]], dense[0])


def test_the_layer_runs_once():
    model = Classifier(nn.LSTM(5, 6, batch_first=True))
    kernel, called = nn.LSTM.forward, []
    try:
        nn.LSTM.forward = lambda *args: called.append(1) or kernel(*args)
        RecurrentDeepLiftAttribution(model, model.layer).attribute(torch.randn(2, 7, 5), target=0)
    finally:
        nn.LSTM.forward = kernel
    assert len(called) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_secant_steps_of_a_layer_without_curvature(kind):
    """Near the baseline a secant step is the adjoint's step, and its token's share."""
    model = Classifier(make_layer(kind, batch_first=True).double())
    tokens = 1e-5 * torch.randn(3, 6, 5, dtype=torch.float64)
    share, step = (
        RecurrentDeepLiftAttribution(model, model.layer, step=step).attribute(tokens, target=1)
        for step in ("share", "secant")
    )
    torch.testing.assert_close(share.sum(-1), step.sum(-1), rtol=0, atol=1e-3 * share.abs().max())


def test_only_shares_have_a_known_sum():
    layer = nn.LSTM(5, 6)
    secant = RecurrentDeepLiftAttribution(layer, step="secant")
    assert secant.has_convergence_delta() is False
    assert RecurrentDeepLiftAttribution(layer).has_convergence_delta() is True


def test_an_unknown_step():
    with pytest.raises(ValueError, match="step is 'skip'"):
        RecurrentDeepLiftAttribution(nn.LSTM(5, 6), step="skip")


@pytest.mark.parametrize("kind", [nn.RNN, nn.LSTM, nn.GRU])
def test_the_head_runs_again_under_the_callers_autocast(kind):
    words, layer, head = nn.Embedding(9, 4), kind(4, 3, batch_first=True), nn.Linear(3, 2)
    method = RecurrentDeepLiftAttribution(lambda ids: head(layer(words(ids))[0].mean(1)), layer)
    ids = torch.randint(9, (2, 5))
    expected = method.attribute(ids, target=1)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        scores = method.attribute(ids, target=1)
    assert (scores - expected).abs().max() < 0.15 * expected.abs().max()


def test_a_cell_that_takes_one_step():
    cell, head = nn.LSTMCell(3, 4).double(), nn.Linear(4, 2).double()

    def model(vectors):
        return head(cell(vectors[:, 0])[0])

    vectors = torch.randn(2, 1, 3).double()
    scores = RecurrentDeepLiftAttribution(model, cell).attribute(vectors, target=1)
    change = (model(vectors) - model(torch.zeros_like(vectors)))[:, 1].detach()
    torch.testing.assert_close(scores.sum((1, 2)), change)
