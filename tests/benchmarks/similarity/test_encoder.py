import itertools

import pytest
import torch
import torch.nn.functional as F

from benchmarks.similarity import SentenceSimilarity

KINDS = list(itertools.product(("lstm", "gru"), ("cosine", "bilinear")))
FIRST = torch.tensor([[3, 0, 7, 0], [1, 2, 9, 4]])
SECOND = torch.tensor([[5, 1], [8, 0]])


def model_of(kind="lstm", head="cosine"):
    model = SentenceSimilarity(9, head, kind, 4, 5).double().eval()
    with torch.no_grad():
        model.embedding.weight[1:].normal_()
        if model.form is not None:
            model.form.normal_()
    return model


def last_state(model, row):
    """The state of one sentence's known words, run alone and without packing."""
    outputs, _ = model.rnn(model.embedding(row[row != 0]).unsqueeze(0))
    return outputs[0, -1]


@pytest.mark.parametrize(("kind", "head"), KINDS)
def test_it_is_the_head_on_the_last_states_of_the_known_words(kind, head):
    model = model_of(kind, head)
    expected = []
    for first, second in zip(FIRST, SECOND, strict=True):
        u, v = last_state(model, first), last_state(model, second)
        expected.append(
            F.cosine_similarity(u, v, dim=0) if head == "cosine" else u @ model.form @ v
        )
    torch.testing.assert_close(model(FIRST, SECOND), torch.stack(expected), rtol=0, atol=1e-12)


@pytest.mark.parametrize(("kind", "head"), KINDS)
def test_embedded_sentences_are_alike(kind, head):
    model = model_of(kind, head)
    embedded = model.embedding(FIRST), model.embedding(SECOND)
    assert torch.equal(model.forward_embedded(*embedded, FIRST, SECOND), model(FIRST, SECOND))


@pytest.mark.parametrize(("kind", "head"), KINDS)
def test_a_sentence_without_a_known_word_is_similar_to_nothing(kind, head):
    model = model_of(kind, head)
    assert model(torch.tensor([[0, 0]]), torch.tensor([[5, 1]])).item() == 0


def test_the_cosine_ignores_length_and_the_bilinear_form_grows_with_it():
    first, second = torch.randn(2, 3, 5, dtype=torch.float64)
    for head, factor in (("cosine", 1.0), ("bilinear", 6.0)):
        model = model_of(head=head)
        torch.testing.assert_close(
            model.similarity(2 * first, 3 * second), factor * model.similarity(first, second)
        )


def test_states_broadcast():
    model = model_of(head="bilinear")
    states, ends = torch.randn(3, 4, 5).double(), torch.randn(3, 1, 5).double()
    expected = torch.einsum("bth,hk,bk->bt", states, model.form, ends[:, 0])
    torch.testing.assert_close(model.similarity(states, ends), expected)


def test_logits_rise_with_the_similarity():
    logits = model_of().logits(torch.tensor([-1.0, 0.0, 1.0]))
    assert (logits.diff() > 0).all()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"head": "dot"}, "head is 'dot' and kind 'lstm'"),
        ({"kind": "rnn"}, "kind 'rnn'"),
        ({"hidden_size": 0}, r"\(9, 64, 0\)"),
    ],
)
def test_wrong_arguments(arguments, reason):
    with pytest.raises(ValueError, match=reason):
        SentenceSimilarity(9, **arguments)
