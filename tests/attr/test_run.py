"""Layers and inputs that do not fit what the model does with them."""

import pytest
import torch
from torch import nn

from captum_rnn import (
    AdjointDeltaAttribution,
    HiddenStateDeltaAttribution,
    LogitDeltaAttribution,
    pack_tokens,
)
from models import Classifier, SentencePair

VOCABULARY = 50


@pytest.fixture
def model():
    return Classifier(nn.LSTM(5, 6, batch_first=True), VOCABULARY)


@pytest.fixture
def hsd(model):
    return HiddenStateDeltaAttribution(model, model.layer)


@pytest.fixture
def ids():
    return torch.randint(1, VOCABULARY, (3, 7))


def test_an_error_of_the_model_stays_its_own(model):
    with pytest.raises(IndexError, match="index out of range in self"):
        HiddenStateDeltaAttribution(model, model.layer).attribute(
            torch.full((1, 3), VOCABULARY), target=1
        )


def test_input_and_initial_state_by_keyword(model, ids):
    initial = (torch.randn(1, 3, 6), torch.randn(1, 3, 6))

    def by_keyword(tokens):
        return model.head(model.layer(hx=initial, input=model.embedding(tokens))[0][:, -1])

    scores = HiddenStateDeltaAttribution(by_keyword, model.layer).attribute(ids)
    expected = HiddenStateDeltaAttribution(model.layer).attribute(
        model.embedding(ids), additional_forward_args=(initial,)
    )
    torch.testing.assert_close(scores, expected.sum(-1), rtol=0, atol=1e-6)


def test_tokens_left_out_by_the_model_score_zero(model):
    def skipping(ids):
        packed = pack_tokens(model.embedding(ids), ids != 0)
        return model.head(model.layer(packed)[1][0][-1])

    hsd = HiddenStateDeltaAttribution(skipping, model.layer)
    ids = torch.tensor([[0, 4, 0, 9, 2, 0], [3, 0, 0, 0, 0, 0], [1, 2, 3, 4, 5, 6]])
    scores, delta = hsd.attribute(ids, target=1, return_convergence_delta=True)
    assert scores[ids == 0].tolist() == [0.0] * 8
    alone = HiddenStateDeltaAttribution(model, model.layer).attribute(torch.tensor([[4, 9, 2]]))
    torch.testing.assert_close(scores[0, [1, 3, 4]], alone[0], rtol=0, atol=1e-6)
    torch.testing.assert_close(scores.sum(1), torch.ones(3))
    assert delta.abs().max() < 1e-5
    scores, delta = hsd.attribute(
        torch.tensor([[0, 0], [0, 5]]), target=1, return_convergence_delta=True
    )
    assert scores.tolist() == [[0.0, 0.0], [0.0, 1.0]]
    assert delta.tolist() == [0.0, 0.0]


def test_a_layer_that_is_not_recurrent(model, ids):
    hsd = HiddenStateDeltaAttribution(model, model.head)  # the constructor does not look
    with pytest.raises(TypeError, match="of type Linear, which is not recurrent"):
        hsd.attribute(ids)
    with pytest.raises(TypeError, match="of type function, which is not recurrent"):
        HiddenStateDeltaAttribution(lambda tokens: tokens).attribute(ids)


def test_two_inputs_of_which_the_layer_reads_one(model, ids):
    def with_features(tokens, features):
        return model(tokens) + features

    hsd = HiddenStateDeltaAttribution(with_features, model.layer)
    with pytest.raises(ValueError, match=r"no token of inputs\[1\], .* additional_for"):
        hsd.attribute((ids, torch.ones(3, 2)))
    torch.testing.assert_close(
        hsd.attribute(ids, additional_forward_args=(torch.ones(3, 2),)),
        HiddenStateDeltaAttribution(model, model.layer).attribute(ids),
    )


def test_a_layer_that_sees_other_steps_than_the_input_has_tokens(model, hsd, ids):
    def shortened(tokens):
        return model(tokens[:, 1:])

    scores = HiddenStateDeltaAttribution(shortened, model.layer).attribute(ids)
    assert (scores[:, 0] == 0).all()
    torch.testing.assert_close(scores[:, 1:], hsd.attribute(ids[:, 1:]))


def test_an_encoder_over_both_inputs_in_one_batch():
    model = SentencePair()
    first, second = torch.randint(50, (3, 4)), torch.randint(50, (3, 4))

    def stacked(first, second):
        return model.encode(torch.cat([first, second])).view(2, 3, -1).sum(0)

    scores = HiddenStateDeltaAttribution(stacked, model.encoder).attribute((first, second))
    apart = HiddenStateDeltaAttribution(model, model.encoder).attribute((first, second))
    for found, expected in zip(scores, apart, strict=True):
        torch.testing.assert_close(found, expected)


def test_lengths_that_contradict_a_packed_sequence(hsd, ids):
    given, packed = torch.tensor([7, 3, 5]), torch.tensor([7, 4, 5])
    hsd.attribute(ids, additional_forward_args=(packed,), lengths=packed)
    with pytest.raises(ValueError, match=r"lengths\[1\] is 3, but .* holds 4 steps"):
        hsd.attribute(ids, additional_forward_args=(packed,), lengths=given)


@pytest.mark.parametrize(
    ("lengths", "error", "words"),
    [
        (torch.tensor([7, 0, 5]), ValueError, r"lengths\[1\] is 0"),
        (torch.tensor([8, 1, 5]), ValueError, r"lengths\[0\] is 8; .* from 1 to 7"),
        (torch.tensor([7, 7]), ValueError, r"lengths has shape \(2,\)"),
        (torch.tensor([7.0, 3.0, 5.0]), TypeError, "dtype torch.float32"),
        ([7, 3, 5], TypeError, "lengths is of type list"),
        ((torch.tensor([7, 3, 5]), None), ValueError, r"2 entry\(ies\) for 1 input tensor"),
    ],
)
def test_wrong_lengths(hsd, ids, lengths, error, words):
    with pytest.raises(error, match=words):
        hsd.attribute(ids, lengths=lengths)


def test_lengths_of_a_layer_that_knows_its_tokens(model, ids):
    def skipping(ids):
        return model.layer(pack_tokens(model.embedding(ids), ids > 9))[1][0][-1]

    with pytest.raises(ValueError, match=r"fed by pack_tokens, which knows .* leave lengths out"):
        HiddenStateDeltaAttribution(skipping, model.layer).attribute(
            ids, lengths=torch.tensor([7, 3, 5])
        )


def test_wrong_inputs(hsd, ids):
    with pytest.raises(TypeError, match="inputs is a list"):
        hsd.attribute(ids.tolist())
    with pytest.raises(ValueError, match="inputs is empty"):
        hsd.attribute(ids[:0])
    with pytest.raises(ValueError, match=r"shape \(7,\); expected \(batch, time, \.\.\.\)"):
        hsd.attribute(ids[0])
    bare = HiddenStateDeltaAttribution(nn.LSTM(5, 6))
    with pytest.raises(ValueError, match=r"expected \(time, batch, features\) or unbatched"):
        bare.attribute(torch.randn(1, 2, 3, 5))
    with pytest.raises(ValueError, match="target is 1, but forward_func is the recurrent module"):
        bare.attribute(torch.randn(4, 2, 5), target=1)


def test_a_subclass_that_answers_otherwise_is_refused(ids):
    class Answering(nn.GRU):
        def forward(self, input, hx=None):
            return super().forward(input, hx)[0]

    layer = Answering(5, 6, batch_first=True)
    with pytest.raises(TypeError, match="Answering was called or answered unlike the torch layer"):
        HiddenStateDeltaAttribution(layer).attribute(torch.randn(2, 3, 5))
    assert not layer._forward_hooks


def test_what_is_changed_through_data_is_refused():
    layer, ids = nn.GRU(4, 3, batch_first=True), torch.randint(9, (2, 5))
    words = nn.Embedding(9, 4)

    def replaced(ids):
        vectors = words(ids)
        vectors.data = vectors.data.flip(1)
        return layer(vectors)

    def copied_into(ids):
        vectors = words(ids)
        vectors.data.copy_(vectors.data.flip(1))
        return layer(vectors)

    def afterwards(ids):
        vectors = words(ids)
        read = layer(vectors)
        vectors.data.zero_()
        return read

    for model in (replaced, copied_into):
        with pytest.raises(ValueError, match=r"through \.data"):
            HiddenStateDeltaAttribution(model, layer).attribute(ids)
    scores = HiddenStateDeltaAttribution(afterwards, layer).attribute(ids)
    assert torch.equal(
        scores, HiddenStateDeltaAttribution(lambda x: layer(words(x)), layer).attribute(ids)
    )


def test_vectors_that_are_masked_in_place_count_beside_the_layer_as_they_were():
    words, layer, head = nn.Embedding(9, 4), nn.GRU(4, 3, batch_first=True), nn.Linear(7, 2)
    ids = torch.randint(9, (2, 5))

    def model(ids, in_place):
        vectors = words(ids)
        beside, mask = (vectors * 1.0).tanh().mean(1), (ids < 5).unsqueeze(2)
        read = vectors.masked_fill_(mask, 0.0) if in_place else vectors.masked_fill(mask, 0.0)
        return head(torch.cat([beside, layer(read)[0].mean(1)], 1))

    adjoint = AdjointDeltaAttribution(model, layer)
    in_place, anew = (
        adjoint.attribute(ids, target=1, additional_forward_args=(given,))
        for given in (True, False)
    )
    torch.testing.assert_close(in_place, anew)
    assert (in_place[ids < 5] != 0).all()


def test_vectors_that_are_rolled_number_by_number_mix_tokens():
    words, layer = nn.Embedding(9, 4), nn.GRU(4, 3, batch_first=True)
    rolled = HiddenStateDeltaAttribution(lambda ids: layer(words(ids).roll(1)), layer)
    with pytest.raises(ValueError, match="several tokens each"):
        rolled.attribute(torch.randint(9, (2, 5)))


def test_tokens_that_make_the_initial_state_count_by_that_way_too():
    words, layer, head = nn.Embedding(9, 4), nn.GRU(4, 3, batch_first=True), nn.Linear(3, 2)
    start, ids = nn.Linear(4, 3), torch.randint(9, (2, 5))

    def begun(vectors):
        return start(vectors.mean(1)).tanh().unsqueeze(0)

    def model(ids, initial=None):
        vectors = words(ids)
        return head(layer(vectors, begun(vectors) if initial is None else initial)[0].mean(1))

    adjoint = AdjointDeltaAttribution(model, layer)
    vectors = words(ids).detach().requires_grad_()
    value = head(layer(vectors.detach(), begun(vectors))[0].mean(1))[:, 1].sum()
    (of_start,) = torch.autograd.grad(value, vectors)
    by_steps = adjoint.attribute(ids, None, 1, (begun(vectors).detach(),))
    by_start = (of_start * vectors).sum(2).detach()
    torch.testing.assert_close(adjoint.attribute(ids, target=1), by_steps + by_start)
    assert (by_start.abs() > 1e-3).any()
    with pytest.raises(ValueError, match="initial state of GRU is made of the tokens"):
        LogitDeltaAttribution(model, layer).attribute(ids, target=1)


def test_ids_that_were_made_in_inference_mode(model, hsd, ids):
    with torch.inference_mode():
        made_there = ids.clone()
    for method in (hsd, AdjointDeltaAttribution(model, model.layer)):
        scores = method.attribute(made_there, target=1)
        torch.testing.assert_close(scores, method.attribute(ids, target=1))
