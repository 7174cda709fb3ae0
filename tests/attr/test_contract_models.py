"""Models as users write them, over all classes: what is read, left out, changed or refused."""

from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

import reference
from attribution_methods import FEATURES, LENGTHS, RECURRENT, VOCABULARY
from captum_rnn import pack_tokens
from models import Classifier, SentencePair, hooks

FOLLOWING = [name for name, method in RECURRENT.items() if method.follows_steps]


def test_steps_of_embedded_inputs_score_as_their_tokens(make, model, ids):
    scores = make(model, model.layer).attribute(ids, target=1)
    embedded = model.embedding(ids).detach()
    model.embedding = None
    method = make(model, model.layer)
    assert method.attribute(embedded, target=1).shape == embedded.shape
    torch.testing.assert_close(method.attribute(embedded, target=1, per_step=True), scores)


@pytest.mark.usefixtures("in_one_run")
@pytest.mark.parametrize("packed", [False, True])
def test_a_model_that_changes_the_layers_output_in_place(make, model, ids, packed):
    def read(outputs, in_place):
        data = outputs.data if packed else outputs
        data = data.relu_() if in_place else data.relu()
        if packed:
            outputs = PackedSequence(data, *outputs[1:])
            data = pad_packed_sequence(outputs, batch_first=True)[0]
        return model.head(data.mean(1))

    def forward(tokens, in_place):
        embedded = model.embedding(tokens)
        if packed:
            embedded = pack_padded_sequence(embedded, LENGTHS, True, enforce_sorted=False)
        return read(model.layer(embedded)[0], in_place)

    method = make(forward, model.layer)
    scores, expected = (
        method.attribute(ids, target=1, additional_forward_args=(in_place,))
        for in_place in (True, False)
    )
    torch.testing.assert_close(scores, expected, rtol=0, atol=1e-7)


@pytest.mark.usefixtures("in_one_run")
def test_the_callers_autocast_does_not_reach_the_scores(make, ids):
    # Not an LSTM, which some CPUs cannot run in bfloat16.
    model = Classifier(nn.GRU(FEATURES, 6, num_layers=2, batch_first=True), VOCABULARY)
    method = make(model, model.layer)
    expected = method.attribute(ids, target=1)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        scores = method.attribute(ids, target=1)
    assert scores.dtype == torch.float32
    torch.testing.assert_close(scores, expected, rtol=0, atol=0.05 * expected.abs().max().item())


def test_a_model_that_raises(make_any, model, ids):
    def failing(tokens):
        model(tokens)
        raise RuntimeError("no such luck")

    with pytest.raises(RuntimeError, match="no such luck"):
        make_any(failing, model.layer).attribute(ids)
    assert hooks(model) == 0
    assert torch.is_grad_enabled()


def test_an_encoder_that_the_model_runs_without_gradients(make, model, ids):
    def frozen_encoder(tokens):
        with torch.no_grad():
            _, (hidden, _) = model.layer(model.embedding(tokens))
        return model.head(hidden[-1])

    expected = make(model, model.layer).attribute(ids, target=1)
    scores = make(frozen_encoder, model.layer).attribute(ids, target=1)
    torch.testing.assert_close(scores, expected, rtol=0, atol=1e-7)


@pytest.mark.usefixtures("in_one_run")
def test_additional_forward_args(method, model, ids):
    def weighted(tokens, lengths, weight):
        return weight * model(tokens, lengths)

    plain = method.make(model, model.layer).attribute(
        ids, target=1, additional_forward_args=LENGTHS
    )
    scores = method.make(weighted, model.layer).attribute(
        ids, target=1, additional_forward_args=(LENGTHS, 2.0)
    )
    torch.testing.assert_close(scores, 2 * plain if method.reads_output else plain)
    assert (scores[1, 3:] == 0).all()
    assert (scores[2, 5:] == 0).all()


@pytest.mark.parametrize("features", [(), (FEATURES,)], ids=["ids", "embedded"])
def test_time_first_inputs(make, model, features):
    if features:
        model.embedding = None
    inputs = torch.randn(3, 7, FEATURES) if features else torch.randint(50, (3, 7))
    expected = make(model, model.layer).attribute(inputs, target=1)
    scores = make(
        lambda time_first: model(time_first.transpose(0, 1)), model.layer, batch_first=False
    ).attribute(inputs.transpose(0, 1), target=1)
    assert scores.shape == inputs.transpose(0, 1).shape
    assert scores.is_contiguous()
    assert torch.equal(scores.transpose(0, 1), expected)


def test_lengths_of_a_model_that_runs_its_padding(make):
    """Right padding that the model reads past: the state at `lengths` − 1 is what it classifies."""
    layer = nn.GRU(FEATURES, 6, num_layers=2, batch_first=True)
    head = nn.Linear(6, 2)

    def model(embedded, lengths):
        return head(layer(embedded)[0][torch.arange(len(embedded)), lengths - 1])

    embedded = torch.randn(3, 7, FEATURES)
    scores = make(model, layer).attribute(
        embedded, target=1, additional_forward_args=(LENGTHS,), lengths=LENGTHS
    )
    for row, end in enumerate(LENGTHS.tolist()):
        alone = make(lambda tokens: head(layer(tokens)[1][-1]), layer).attribute(
            embedded[row : row + 1, :end], target=1
        )
        torch.testing.assert_close(scores[row, :end], alone[0], rtol=0, atol=1e-6)
        assert (scores[row, end:] == 0).all()


def test_tokens_that_the_model_leaves_out_score_zero(make, model):
    ids = torch.tensor([[0, 4, 0, 9, 2, 0], [3, 0, 0, 0, 0, 0], [1, 2, 3, 4, 5, 6]])

    def skipping(ids):
        return model.head(model.layer(pack_tokens(model.embedding(ids), ids != 0))[1][0][-1])

    def whole(ids):
        return model.head(model.layer(model.embedding(ids))[1][0][-1])

    scores = make(skipping, model.layer).attribute(ids, target=1)
    assert scores[ids == 0].tolist() == [0.0] * 8
    for row in range(3):
        kept = ids[row] != 0
        alone = make(whole, model.layer).attribute(ids[row : row + 1, kept], target=1)
        torch.testing.assert_close(scores[row, kept], alone[0], rtol=1e-5, atol=1e-6)
    empty = make(skipping, model.layer).attribute(torch.tensor([[0, 0], [0, 5]]), target=1)
    assert empty[0].tolist() == [0.0, 0.0]
    assert empty[1].isfinite().all()


@pytest.mark.usefixtures("in_one_run")
def test_one_encoder_over_two_inputs(method):
    if method.reads_baseline:
        pytest.skip("it explains the change of both runs together")
    make, model = method.make, SentencePair()
    first, second = torch.randint(50, (3, 4)), torch.randint(50, (3, 6))
    scores = make(model, model.encoder).attribute((first, second), target=1)
    assert isinstance(scores, tuple)
    for number, ids in enumerate((first, second)):
        other = model.encode((second, first)[number]).detach()

        def against(ids, other=other):
            similarity = torch.cosine_similarity(model.encode(ids), other)
            return torch.stack([-similarity, similarity], 1)

        alone = make(against, model.encoder).attribute(ids, target=1)
        torch.testing.assert_close(scores[number], alone, rtol=0, atol=1e-6)


@pytest.mark.usefixtures("in_one_run")
def test_two_inputs_with_lengths_of_their_own(method):
    """The first text is read at its lengths, the second at the end."""
    if method.reads_baseline:
        pytest.skip("it explains the change of both runs together")
    make, model = method.make, SentencePair()
    first, second = torch.randint(50, (3, 4)), torch.randint(50, (3, 6))
    lengths = torch.tensor([1, 2, 3])

    def compared(first, second):
        outputs = model.encoder(model.embedding(first))[0]
        similarity = torch.cosine_similarity(
            outputs[torch.arange(3), lengths - 1], model.encode(second)
        )
        return torch.stack([-similarity, similarity], 1)

    told = make(compared, model.encoder).attribute(
        (first, second), target=1, lengths=(lengths, None)
    )
    for row, length in enumerate(lengths.tolist()):
        alone = make(model, model.encoder).attribute(
            (first[[row], :length], second[[row]]), target=1
        )
        assert (told[0][row, length:] == 0).all()
        torch.testing.assert_close(told[0][row, :length], alone[0][0], rtol=0, atol=1e-6)
        torch.testing.assert_close(told[1][row], alone[1][0], rtol=0, atol=1e-6)
    # The model itself reads the last state of all steps, whatever the lengths say.
    if not method.removes:
        with pytest.raises(ValueError, match=r"row 0 has 1 token\(s\) .* state after step 3"):
            make(model, model.encoder).attribute((first, second), target=1, lengths=(lengths, None))


@pytest.mark.usefixtures("in_one_run")
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_scored_in_single_precision(make, dtype):
    model = Classifier(nn.GRU(FEATURES, 6, num_layers=2, batch_first=True).to(dtype))
    inputs = torch.randn(3, 7, FEATURES).to(dtype)
    scores = make(model, model.layer).attribute(inputs, target=1).sum(-1)
    assert scores.dtype == torch.float32
    expected = make(model.float(), model.layer).attribute(inputs.float(), target=1).sum(-1)
    torch.testing.assert_close(scores, expected, rtol=0, atol=0.05 * expected.abs().max().item())


@given(seed=st.integers(0, 10_000), kind=st.sampled_from(reference.KINDS), two_way=st.booleans())
@settings(max_examples=12)
@pytest.mark.filterwarnings("ignore:.*end in a zero state")  # of dead relu units, in some draws
@pytest.mark.parametrize("name", list(RECURRENT))
def test_rows_are_independent(name, seed, kind, two_way):
    torch.manual_seed(seed)
    layer = reference.make_layer(
        kind, FEATURES, num_layers=2, bidirectional=two_way, batch_first=True
    ).double()
    model = Classifier(layer)
    method = RECURRENT[name].make(model, layer)
    # All to the mean of as many columns, which the classifier divides by.
    inputs = torch.randn(4, 7, FEATURES, dtype=torch.float64)
    lengths = torch.randint(1, 7, (4,))
    lengths[0] = 7
    target = torch.randint(2, (4,))
    same = partial(torch.testing.assert_close, rtol=1e-9, atol=1e-12)
    scores = method.attribute(inputs, target=target, additional_forward_args=(lengths,))

    order = torch.randperm(4)
    permuted = method.attribute(
        inputs[order], target=target[order], additional_forward_args=(lengths[order],)
    )
    same(permuted, scores[order])

    without = method.attribute(
        inputs[:2], target=target[:2], additional_forward_args=(lengths[:2],)
    )
    same(without, scores[:2])

    further = torch.cat([inputs, torch.full((4, 3, FEATURES), torch.nan, dtype=torch.float64)], 1)
    padded = method.attribute(further, target=target, additional_forward_args=(lengths,))
    same(padded[:, :7], scores)
    assert (padded[:, 7:] == 0).all()

    by_length = lengths.argsort(descending=True, stable=True)
    model.enforce_sorted = True
    presorted = method.attribute(
        inputs[by_length], target=target[by_length], additional_forward_args=(lengths[by_length],)
    )
    same(presorted, scores[by_length])


@pytest.mark.parametrize("kind", reference.KINDS)
def test_a_single_token_scores_alone_as_among_others(make, kind):
    layer = reference.make_layer(kind, FEATURES, batch_first=True).double()
    model, tokens = Classifier(layer), torch.randn(3, 1, FEATURES, dtype=torch.float64)
    method = make(model, layer)
    alone = torch.cat([method.attribute(row.unsqueeze(0), target=1) for row in tokens])
    torch.testing.assert_close(alone, method.attribute(tokens, target=1), rtol=1e-9, atol=1e-12)


def test_one_token_and_one_row(make_any, model):
    scores = make_any(model, model.layer).attribute(torch.tensor([[7]]), target=0)
    assert scores.shape == (1, 1)
    assert scores.isfinite().all()
