import pytest
import torch
from captum.attr import Saliency
from torch.utils.data import DataLoader, TensorDataset

from captum_rnn import HiddenStateDeltaAttribution, LogitDeltaAttribution
from captum_rnn.jobs.iterate import attribute_batches, attribute_corpus

TEXTS = ["很好", "", "书很差，不好", "good", "酒店的书非常好非常差不好"]


def test_the_explanations_are_those_of_the_classifier(classifier):
    found = list(attribute_corpus(iter(TEXTS * 500), classifier))
    expected = classifier.explain(TEXTS)
    assert len(found) == 2_500
    for number in (0, 1, 2, 3, 4, 1_999, 2_000, 2_499):
        one, other = found[number], expected[number % 5]
        assert (one.text, one.tokens, one.known, one.notes) == (
            other.text,
            other.tokens,
            other.known,
            other.notes,
        )
        assert one.scores == pytest.approx(other.scores, abs=1e-6)
        assert one.predicted_class == other.predicted_class
        assert one.probability == pytest.approx(other.probability, abs=1e-6)


def test_texts_are_read_as_explanations_are_taken(classifier):
    read = []
    texts = (read.append(text) or text for text in TEXTS * 1_000)
    explanations = attribute_corpus(texts, classifier)
    next(explanations)
    assert len(read) == 2_000


def test_a_model_folder(model_folder, classifier):
    (found,) = attribute_corpus(["很好"], model_folder, method="logit-delta")
    assert (found.tokens, found.method) == (("很", "好"), "logit-delta")


def test_one_string_is_not_a_corpus(classifier):
    with pytest.raises(TypeError, match="one string"):
        attribute_corpus("很好", classifier)
    with pytest.raises(TypeError, match="of type int"):
        list(attribute_corpus(["很好", 5], classifier))


def test_batches_of_a_data_loader(classifier):
    ids = torch.randint(1, 10, (7, 5))
    attribution = HiddenStateDeltaAttribution(classifier.model, classifier.model.rnn)
    found = list(attribute_batches(DataLoader(ids, batch_size=3), attribution))
    assert [len(scores) for scores in found] == [3, 3, 1]
    torch.testing.assert_close(torch.cat(found), attribution.attribute(ids))


def test_batches_with_lengths_and_the_predicted_class():
    torch.manual_seed(0)
    layer, head = torch.nn.GRU(4, 6, batch_first=True), torch.nn.Linear(6, 3)
    torch.nn.init.normal_(head.weight)

    def forward(embedded, lengths):
        outputs, _ = layer(embedded)
        return head(outputs[torch.arange(len(outputs)), lengths - 1])

    embedded, lengths = torch.randn(6, 5, 4), torch.tensor([5, 2, 3, 1, 4, 5])
    attribution = LogitDeltaAttribution(forward, layer)
    loader = DataLoader(TensorDataset(embedded, lengths, lengths), batch_size=4)
    given = attribute_batches(loader, attribution, target="predicted", lengths_at=1)
    found = torch.cat(list(given))
    predicted = forward(embedded, lengths).argmax(1)
    expected = attribution.attribute(
        embedded, target=predicted, additional_forward_args=(lengths,), lengths=lengths
    )
    torch.testing.assert_close(found, expected)


def test_a_method_of_captum():
    model = torch.nn.Linear(4, 3)
    inputs = torch.randn(5, 4, requires_grad=True)
    (found,) = attribute_batches([inputs], Saliency(model), target=1)
    torch.testing.assert_close(found, model.weight[1].abs().expand(5, 4).detach())
