"""What models answer and what callers pass: it is right, or the error names the line to write."""

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn

from captum_rnn import (
    AdjointDeltaAttribution,
    HiddenStateDeltaAttribution,
    LeaveOneOutAttribution,
)
from models import Classifier, SentencePair

IDS = torch.tensor([[5, 3, 9, 4], [7, 2, 2, 8]])


@dataclass
class Output:
    logits: Tensor


@pytest.fixture
def model():
    return Classifier(nn.GRU(5, 6, batch_first=True), 50)


ANSWERS = {
    "tuple": (lambda logits: (logits, "more"), r"with a tuple; .* model\(\*args\)\[0\]"),
    "list": (lambda logits: [None, logits], r"with a list; .* model\(\*args\)\[1\]"),
    "dict": (lambda logits: {"scores": logits}, r"with a dict; .* model\(\*args\)\['scores'\]"),
    "data class": (Output, r"with a Output; .* model\(\*args\)\.logits"),
    "numbers": (
        lambda logits: logits.argmax(1).tolist(),
        "with a list; .* a function that returns",
    ),
}


@pytest.mark.parametrize("name", ANSWERS)
@pytest.mark.parametrize("kind", [AdjointDeltaAttribution, HiddenStateDeltaAttribution])
def test_answers_that_are_no_tensor(model, name, kind):
    answer, words = ANSWERS[name]
    method = kind(lambda ids: answer(model(ids)), model.layer)
    with pytest.raises(TypeError, match=words):
        method.attribute(IDS, target=1)
    if kind is HiddenStateDeltaAttribution:  # which does not look at the answer
        expected = kind(model, model.layer).attribute(IDS)
        assert torch.equal(method.attribute(IDS), expected)


SHAPES = {
    "mean loss": (lambda logits: logits.logsumexp(1).mean(), None, 'reduction="none"'),
    "squeezed to one row": (lambda logits: logits[:1].squeeze(), 1, "keep the axis of the batch"),
    "argmax": (lambda logits: logits.argmax(1), None, r"int64 numbers, .* by argmax, .* target"),
    "argmax as floats": (lambda logits: logits.argmax(1).float(), None, r"no argmax"),
    "a class of one number": (lambda logits: logits[:, 0], 1, "leave target out"),
    "a class too many": (lambda logits: logits, 2, "expected classes from 0 to 1"),
    "no class": (lambda logits: logits, None, "pass the class as target"),
    "a tagger": (lambda logits: logits[:, None].expand(-1, 4, -1), 1, r"tuple \(position, class\)"),
    "a tagger, no target": (
        lambda logits: logits[:, None].expand(-1, 4, -1),
        None,
        r"tuple \(position, class\)",
    ),
}


@pytest.mark.parametrize("name", SHAPES)
def test_answers_of_another_shape(model, name):
    answer, target, words = SHAPES[name]
    method = AdjointDeltaAttribution(lambda ids: answer(model(ids)), model.layer)
    with pytest.raises(ValueError, match=words):
        method.attribute(IDS, target=target)


def test_one_text_without_a_batch(model):
    with pytest.raises(ValueError, match=r"shape \(4,\); .* inputs\.unsqueeze\(0\)"):
        AdjointDeltaAttribution(model, model.layer).attribute(IDS[0], target=1)


def test_one_text_of_vectors_without_a_batch(model):
    def of_one(vectors):
        return model.head(model.layer(vectors)[1])

    with pytest.raises(ValueError, match=r"1 row\(s\) for 4 .* inputs\.unsqueeze\(0\)"):
        AdjointDeltaAttribution(of_one, model.layer).attribute(torch.randn(4, 5), target=1)


@pytest.mark.parametrize("kind", [AdjointDeltaAttribution, LeaveOneOutAttribution])
def test_a_model_that_takes_one_text(model, kind):
    """It gets a batch of one; the layer runs without a batch, as the model has it."""

    def of_one(ids):
        return model.head(model.layer(model.embedding(ids[0]))[1])

    method, expected = kind(of_one, model.layer), kind(model, model.layer)
    options = {}
    if kind is LeaveOneOutAttribution:
        with pytest.raises(ValueError, match=r"once for 2 sub-texts .* internal_batch_size=1"):
            method.attribute(IDS[:1], target=1)
        options = {"internal_batch_size": 1}
    found = method.attribute(IDS[:1], target=1, **options)
    torch.testing.assert_close(found, expected.attribute(IDS[:1], target=1))


def test_heads_that_squeeze_away_a_batch_of_one(model):
    """`squeeze()` drops it, where `squeeze(-1)` would keep it; a single number is still a row."""

    def squeezed(ids):
        return (model(ids)[:, 1:] - model(ids)[:, :1]).squeeze()

    def difference(ids):
        return model(ids)[:, 1] - model(ids)[:, 0]

    twin = AdjointDeltaAttribution(difference, model.layer)
    for ids in (IDS, IDS[:1]):
        found = AdjointDeltaAttribution(squeezed, model.layer).attribute(ids)
        torch.testing.assert_close(found, twin.attribute(ids))


@pytest.mark.parametrize("kind", [AdjointDeltaAttribution, HiddenStateDeltaAttribution])
def test_pairs_whose_second_text_is_encoded_first(kind):
    """The scores stand at the text that was read, whatever the order of the runs."""
    pair = SentencePair()

    def second_first(first, second):
        of_second = pair.encode(second)
        return (pair.encode(first) * of_second).sum(1)

    def first_first(first, second):
        return (pair.encode(first) * pair.encode(second)).sum(1)

    texts = IDS, torch.tensor([[1, 6, 4, 4], [9, 3, 2, 5]])
    found = kind(second_first, pair.encoder).attribute(texts)
    expected = kind(first_first, pair.encoder).attribute(texts)
    torch.testing.assert_close(found, expected)
    assert not torch.allclose(found[0], found[1])


def test_a_position_and_a_class(model):
    def tagger(ids):
        return model.head(model.layer(model.embedding(ids))[0])

    def at_two(ids):
        return model.head(model.layer(model.embedding(ids))[0][:, 2])

    for target in ((2, 1), [(2, 1), (2, 1)]):
        found = AdjointDeltaAttribution(tagger, model.layer).attribute(IDS, target=target)
        expected = AdjointDeltaAttribution(at_two, model.layer).attribute(IDS, target=1)
        torch.testing.assert_close(found, expected)
        assert (found[:, 3] == 0).all()


def test_one_document_is_a_batch_of_sentences(model):
    """The model makes a batch of its one document, and one answer of all its sentences."""

    def document(ids):
        states = model.layer(model.embedding(ids[0]))[1][-1]
        return model.head(states.mean(0, keepdim=True))

    def sentences(ids):
        return model.head(model.layer(model.embedding(ids))[1][-1])

    found = AdjointDeltaAttribution(document, model.layer).attribute(IDS.unsqueeze(0), target=1)
    expected = AdjointDeltaAttribution(sentences, model.layer).attribute(IDS, target=1) / 2
    torch.testing.assert_close(found[0], expected)
