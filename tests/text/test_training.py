import itertools
from collections import Counter
from dataclasses import replace

import pytest
import torch

from captum_rnn.text.corpus import Corpus, Review
from captum_rnn.text.pipeline import TextClassifier
from captum_rnn.text.split import held_out_reviews, split_corpus
from captum_rnn.text.tokenizer import tokenize
from captum_rnn.text.training import (
    TrainingSettings,
    tokenize_all,
    train,
    train_on,
    with_shuffled_labels,
)
from captum_rnn.text.vocabulary import Vocabulary

STARTS = ["", "总之", "朋友说", "我觉得", "这次", "还有"]
ENDS = ["。", "！", "，推荐", "，房间", "，价格", "，早餐", "，服务"]
SMALL = TrainingSettings(
    embedding_dim=8, hidden_size=8, epochs=15, batch_size=8, learning_rate=0.02
)


@pytest.fixture(scope="module")
def corpus():
    """84 distinct reviews, and every one of them twice."""
    rows = [
        Review(f"{start}这家酒店{word}{end}", label)
        for start, end in itertools.product(STARTS, ENDS)
        for word, label in (("非常好", 1), ("太差了", 0))
    ]
    return Corpus("hotels", tuple(rows * 2))


@pytest.fixture(scope="module")
def trained(corpus):
    return train(corpus, SMALL, split_seed=4, show_progress=False)


def test_learns_what_can_be_learnt_and_records_it(corpus, trained):
    record = trained.trained_on
    held_out = held_out_reviews(record, corpus)
    assert len(held_out) == 8
    assert trained.accuracy(held_out).value == record["held_out"]["accuracy"] == 1
    assert record["corpus"] == "hotels"
    assert record["texts"] == {"distinct": 84, "train": 68, "validation": 8, "held_out": 8}
    assert record["settings"]["learning_rate"] == 0.02
    assert record["split_seed"] == 4
    assert not trained.model.training


def test_words_are_counted_in_the_training_part_alone(corpus, trained):
    split = split_corpus(corpus.distinct(), seed=4)
    counts = Counter(word for review in split.train for word in tokenize(review.text))
    assert set(trained.vocabulary.words) == {word for word, n in counts.items() if n >= 10}


def test_a_seed_repeats_and_leaves_the_programs_random_numbers_alone(corpus, trained):
    torch.manual_seed(11)
    expected = torch.rand(2)
    torch.manual_seed(11)
    again = train(corpus, SMALL, split_seed=4, show_progress=False)
    assert torch.equal(torch.rand(2), expected)
    for ours, theirs in zip(again.model.parameters(), trained.model.parameters(), strict=True):
        assert torch.equal(ours, theirs)
    assert again.trained_on == trained.trained_on


def test_settings_reach_the_model(corpus):
    settings = TrainingSettings(
        kind="rnn", embedding_dim=3, hidden_size=4, dropout=0.1, epochs=1, max_length=5, seed=2
    )
    classifier = train_on(corpus.reviews[:20], corpus.classes, settings, show_progress=False)
    architecture = classifier.model.architecture
    assert (architecture["kind"], architecture["embedding_dim"]) == ("rnn", 3)
    assert (architecture["hidden_size"], architecture["dropout"]) == (4, 0.1)
    assert (classifier.max_length, classifier.trained_on) == (5, {})


def test_settings_reach_the_shape_of_the_network(corpus):
    settings = TrainingSettings(
        bidirectional=True, layers=2, pooling="mean", embedding_dim=2, hidden_size=2, epochs=1
    )
    model = train_on(corpus.reviews[:20], corpus.classes, settings, show_progress=False).model
    assert (model.rnn.bidirectional, model.rnn.num_layers, model.readout) == (True, 2, "mean")


def test_some_of_the_reviews_and_of_the_words(corpus):
    settings = replace(SMALL, epochs=1, training_texts=30, minimum_count=1, maximum_words=3)
    classifier = train(corpus, settings, split_seed=4, show_progress=False)
    learnt = split_corpus(corpus.distinct(), seed=4).train[:30]
    counts = Counter(word for review in learnt for word in tokenize(review.text))
    by_frequency = sorted(counts, key=lambda word: (-counts[word], word))
    assert classifier.vocabulary.words == tuple(by_frequency[:3])
    assert classifier.trained_on["texts"]["train"] == 30
    assert classifier.trained_on["texts"]["held_out"] == 8


def test_shuffled_labels_are_the_same_ones_in_another_order(corpus):
    reviews = corpus.reviews[:60]
    shuffled = with_shuffled_labels(reviews, seed=3)
    assert [review.text for review in shuffled] == [review.text for review in reviews]
    labels, others = ([review.label for review in part] for part in (reviews, shuffled))
    assert sum(others) == sum(labels) == 30
    assert others != labels
    assert (
        with_shuffled_labels(reviews, seed=3) == shuffled != with_shuffled_labels(reviews, seed=4)
    )


def test_training_on_shuffled_labels_is_training_on_the_shuffled_reviews(corpus):
    settings = replace(SMALL, shuffled_labels=True)
    classifier = train(corpus, settings, split_seed=4, show_progress=False)
    by_hand = train_on(
        with_shuffled_labels(split_corpus(corpus.distinct(), seed=4).train, seed=settings.seed),
        corpus.classes,
        SMALL,
        show_progress=False,
    )
    for ours, theirs in zip(classifier.model.parameters(), by_hand.model.parameters(), strict=True):
        assert torch.equal(ours, theirs)
    assert classifier.trained_on["settings"]["shuffled_labels"] is True


def test_the_language_of_the_corpus_is_that_of_the_classifier(tmp_path):
    rows = [
        Review(f"I {word} film number {n}", label)
        for n in range(20)
        for word, label in (("LIKE", 1), ("hate", 0))
    ]
    settings = replace(SMALL, epochs=1)
    classifier = train(
        Corpus("films", tuple(rows), language="english"), settings, show_progress=False
    )
    assert {"i", "like", "hate", "film"} <= set(classifier.vocabulary.words)
    classifier.save(tmp_path / "model")
    loaded = TextClassifier.load(tmp_path / "model")
    assert loaded.language == "english"
    assert loaded.encode(["I Like it"]).tokens == [["i", "like", "it"]]


def test_a_given_vocabulary_is_used(corpus):
    vocabulary = Vocabulary(("好", "差"))
    settings = TrainingSettings(embedding_dim=2, hidden_size=2, epochs=1)
    classifier = train_on(
        corpus.reviews[:9], corpus.classes, settings, vocabulary=vocabulary, show_progress=False
    )
    assert classifier.vocabulary is vocabulary
    assert classifier.model.embedding.num_embeddings == 3


def test_words_of_every_review(corpus, capsys):
    reviews = corpus.reviews[:2]
    assert tokenize_all(reviews) == [tokenize(review.text) for review in reviews]
    assert capsys.readouterr().err == ""
    tokenize_all(reviews, show_progress=True)
    assert "2/2" in capsys.readouterr().err


def test_too_little_to_train_on(corpus):
    with pytest.raises(ValueError, match="expected at least 10 to split"):
        train(Corpus("few", corpus.reviews[:9]), show_progress=False)
    with pytest.raises(ValueError, match=r"none of the .* occurs 1000 times"):
        train(corpus, TrainingSettings(minimum_count=1000), show_progress=False)
