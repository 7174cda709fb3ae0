import dataclasses
import math

import pytest
import torch
from scipy import stats

from captum_rnn.benchmark import shuffled_labels as module
from captum_rnn.benchmark.dataset import Dataset, explained_model
from captum_rnn.benchmark.methods import METHODS
from captum_rnn.benchmark.shuffled_labels import (
    change_by_shuffled_labels,
    check_shuffled,
    model_on_shuffled_labels,
)
from captum_rnn.text.corpus import Corpus, Review
from captum_rnn.text.pipeline import TextClassifier
from captum_rnn.text.training import TrainingSettings, train, with_shuffled_labels
from captum_rnn.text.vocabulary import Vocabulary
from made_classifier import made_classifier
from scored_texts import scored_texts

TEXTS = ["很好的书，非常好", "xyz", "酒店差，不推荐", "热水器很好，很推荐", "好"]
CORPUS = Corpus(
    "hotels",
    tuple(
        Review(f"{word}，第{number}次住", label)
        for number in range(30)
        for word, label in (("很好", 1), ("太差", 0))
    ),
)
SETTINGS = TrainingSettings(
    kind="gru", embedding_dim=4, hidden_size=4, epochs=1, minimum_count=2, seed=6
)


@pytest.fixture
def twin() -> TextClassifier:
    """The made classifier with another head, as if it had learnt other labels."""
    twin = made_classifier()
    torch.manual_seed(8)
    with torch.no_grad():
        twin.model.head.weight.normal_(std=2)
        twin.model.rnn.weight_hh_l0.normal_()
    return dataclasses.replace(twin, trained_on={"corpus": "shuffled"})


@pytest.fixture(scope="module")
def trained() -> TextClassifier:
    return train(CORPUS, SETTINGS, split_seed=5)


@pytest.fixture(autouse=True)
def _cache(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.setenv("CAPTUM_RNN_CACHE", str(tmp_path))


def changed(classifier, twin, methods=("logit-delta",), background=(), folder=None):
    dataset, findings = scored_texts(classifier, TEXTS, methods, background)
    return change_by_shuffled_labels(twin, dataset, findings, background=background, folder=folder)


def test_ranks_are_compared_for_the_class_that_the_classifier_predicts(classifier, twin):
    found = changed(classifier, twin)
    method, expected = METHODS["logit-delta"], []
    for text in (TEXTS[0], *TEXTS[2:4]):
        dataset = Dataset.of(classifier, [text])
        read = dataset.read[0]
        before, after = (
            method(explained_model(network.model.eval()), dataset.ids, dataset.predicted)[0][read]
            for network in (classifier, twin)
        )
        expected.append(stats.spearmanr(before, after).statistic)
    entry = found.methods["logit-delta"]
    # "xyz" has no known word, and a single word has no order.
    assert entry.per_text["rank_correlation"] == pytest.approx([*expected, math.nan], nan_ok=True)
    summary = entry.measures["rank_correlation"]
    assert summary.mean == pytest.approx(sum(expected) / 3)
    assert summary.low <= summary.mean <= summary.high
    assert (summary.texts, summary.left_out, summary.tied_with_best) == (3, 1, None)
    assert found.trained_on == {"corpus": "shuffled"}


def test_the_classifier_is_no_change_and_a_negated_head_the_opposite(classifier):
    """Scores keep their signs: with its classes exchanged, the network explains the contrary."""
    negated = made_classifier()
    with torch.no_grad():
        negated.model.head.weight.neg_()
        negated.model.head.bias.neg_()
    for twin, expected in ((classifier, 1.0), (negated, -1.0)):
        found = changed(classifier, twin)
        values = found.methods["logit-delta"].per_text["rank_correlation"]
        assert values[:3] == pytest.approx([expected] * 3)


def test_each_net_has_its_own_fit_and_a_failure_is_a_row(classifier, twin, monkeypatch):
    fitted = []
    lexicon = METHODS["word-lexicon"]
    fit = type(lexicon).fit

    def recording(self, model, texts):
        fitted.append((model.model, len(texts)))
        return fit(self, model, texts)

    monkeypatch.setattr(type(lexicon), "fit", recording)
    names = ["word-lexicon", "random"]
    background = [classifier.encode(TEXTS[:1]).ids]
    found = changed(classifier, twin, names, background).methods
    assert fitted == [(classifier.model, 1), (twin.model, 1)]
    assert found["random"].measures["rank_correlation"].mean == pytest.approx(1)
    found = changed(classifier, twin, names).methods
    assert "background texts" in found["word-lexicon"].error
    assert found["random"].error is None


def test_what_is_finished_is_kept_for_this_twin_alone(classifier, twin, tmp_path, monkeypatch):
    def found(network):
        return changed(classifier, network, folder=tmp_path)

    first = found(twin)
    assert found(classifier).methods != first.methods
    monkeypatch.setattr(module, "rank_correlations", None)
    assert found(twin) == first


def test_the_twin_is_the_recorded_training_on_permuted_labels(trained):
    twin = model_on_shuffled_labels(trained, CORPUS)
    settings = dataclasses.replace(SETTINGS, shuffled_labels=True)
    expected = train(CORPUS, settings, split_seed=5)
    weights = expected.model.state_dict()
    for name, value in twin.model.state_dict().items():
        assert torch.equal(value, weights[name])
    assert not torch.equal(twin.model.head.weight, trained.model.head.weight)
    assert twin.vocabulary == trained.vocabulary
    assert twin.trained_on["split_digest"] == trained.trained_on["split_digest"]
    reviews = CORPUS.reviews[:20]
    assert with_shuffled_labels(reviews, seed=6) != list(reviews)


def test_the_twin_is_trained_once(trained, monkeypatch, capsys):
    first = model_on_shuffled_labels(trained, CORPUS, show_progress=True)
    assert "training the same model on shuffled labels; kept in " in capsys.readouterr().err

    def never(*arguments, **options):
        raise AssertionError("trained again")

    monkeypatch.setattr(module, "train", never)
    again = model_on_shuffled_labels(trained, CORPUS)
    assert torch.equal(first.model.head.weight, again.model.head.weight)


@pytest.mark.parametrize(
    "changes",
    [{"settings": None}, {"settings": {"colour": 1}}, {"split_seed": None}, {"split_digest": None}],
)
def test_a_classifier_that_does_not_say_how_it_was_trained(trained, changes):
    silent = dataclasses.replace(trained, trained_on={**trained.trained_on, **changes})
    with pytest.raises(ValueError, match=r"does not record .*; train it again") as error:
        model_on_shuffled_labels(silent, CORPUS)
    assert "\n" not in str(error.value)


def test_another_corpus_is_refused_before_the_training(trained, monkeypatch):
    monkeypatch.setattr(module, "train", None)
    other = dataclasses.replace(CORPUS, reviews=(*CORPUS.reviews, Review("新的", 1)))
    with pytest.raises(ValueError, match="is not the one the classifier was trained on"):
        model_on_shuffled_labels(trained, other)


def test_a_twin_has_no_twin(trained):
    twin = model_on_shuffled_labels(trained, CORPUS)
    with pytest.raises(ValueError, match="was itself trained on shuffled labels"):
        model_on_shuffled_labels(twin, CORPUS)


def test_another_training_than_the_recorded_one_is_noticed(trained):
    """The record says fewer words than the classifier has."""
    settings = {**trained.trained_on["settings"], "minimum_count": 40, "embedding_dim": 5}
    wrong = dataclasses.replace(trained, trained_on={**trained.trained_on, "settings": settings})
    with pytest.raises(ValueError, match="another vocabulary and another architecture than"):
        model_on_shuffled_labels(wrong, CORPUS)


def test_a_twin_of_another_vocabulary_is_refused(classifier, twin):
    words = Vocabulary((*twin.vocabulary.words[1:], "新"))
    other = dataclasses.replace(twin, vocabulary=words)
    with pytest.raises(ValueError, match="another vocabulary than the classifier"):
        check_shuffled(classifier, other)
