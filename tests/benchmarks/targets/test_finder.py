import numpy as np
import pytest
import torch

from benchmarks.targets import Sentence, Tag, Target, own_sentences, train_finder
from benchmarks.targets.scoring import score_targets

SMALL = {"embedding_dim": 4, "hidden_size": 4, "epochs": 1, "show_progress": False}


def test_learns_our_own_sentences_with_and_without_the_list(finder):
    corpus = own_sentences()
    texts = [sentence.text for sentence in corpus.sentences]
    labelled = [frozenset(sentence.targets) for sentence in corpus.sentences]
    for names in (None, corpus.names):
        assert score_targets(finder.find(texts, names), labelled).f1 > 0.95


def test_the_same_words_are_told_apart_by_where_they_stand(finder):
    assert finder.find(["我喜欢本田，我不喜欢丰田。"]) == [
        {Target("本田", Tag.POSITIVE), Target("丰田", Tag.NEGATIVE)}
    ]


def test_only_listed_names_are_found(finder):
    texts = [sentence.text for sentence in own_sentences().sentences]
    found = finder.find(texts, {"本田", "丰田汽车"})
    assert {target.name for targets in found for target in targets} == {"本田"}
    assert finder.find(texts, set()) == [frozenset()] * len(texts)


def test_emissions_are_log_probabilities_in_the_order_of_the_texts(finder):
    texts = ["本田的座椅很舒服。", "", "好", "从没见过的字？"]
    emissions = finder.emissions(texts)
    assert [scores.shape for scores in emissions] == [(len(text), 4) for text in texts]
    for text, scores in zip(texts, emissions, strict=True):
        np.testing.assert_allclose(np.exp(scores).sum(axis=1), np.ones(len(text)), rtol=1e-5)
        np.testing.assert_allclose(finder.emissions([text])[0], scores, atol=1e-5)
    assert finder.find([""]) == [frozenset()]


def test_one_string_is_refused(finder):
    with pytest.raises(TypeError, match="put it in"):
        finder.find("本田")


def test_training_reads_sentences_up_to_their_length_and_leaves_out_empty_ones():
    target = Target("乙乙", Tag.POSITIVE)
    sentences = [Sentence("甲甲甲甲乙乙", (target,)), Sentence("", ()), Sentence("甲", ())]
    finder = train_finder(sentences, max_length=4, **SMALL)
    assert finder.vocabulary.words == ("\ufffd", "甲")
    assert finder.trained_on["sentences"] == 2
    # Nothing but 0 follows 0 in what was read: three times, and one more for each pair.
    following, occurring = np.array([4, 1, 1, 1]) / 7, np.array([7, 4, 4, 4]) / 19
    np.testing.assert_allclose(np.exp(finder.transitions[0]), following / occurring)


def test_a_seed_repeats_and_the_record_tells_pre_training():
    sentences = own_sentences().sentences
    first, second, other = (train_finder(sentences, seed=seed, **SMALL) for seed in (1, 1, 2))
    assert torch.equal(first.tagger.head.weight, second.tagger.head.weight)
    assert not torch.equal(first.tagger.head.weight, other.tagger.head.weight)
    assert first.trained_on["pre_trained"] is False
    vectors = torch.zeros(len(first.vocabulary) + 1, 4)
    again = train_finder(sentences, vocabulary=first.vocabulary, vectors=vectors, **SMALL)
    assert again.trained_on["pre_trained"] is True
