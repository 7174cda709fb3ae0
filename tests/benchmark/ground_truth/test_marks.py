import dataclasses
import math

import pytest
import torch

from captum_rnn.benchmark.dataset import Dataset
from captum_rnn.benchmark.ground_truth.judging import Judging, judge_methods
from captum_rnn.benchmark.ground_truth.marks import (
    agreement_with_lexicon,
    agreement_with_marks,
    marked_words,
)
from captum_rnn.benchmark.ground_truth.marks_files import MarkedText
from captum_rnn.benchmark.methods import METHODS, find_methods
from captum_rnn.benchmark.methods.method import Fits
from captum_rnn.text.vocabulary import Vocabulary
from scored_texts import scored_texts

MARKED = [
    MarkedText("很好的书，非常差", ((0, 2, 1), (5, 8, -1))),
    MarkedText("酒店差，不推荐", ((2, 3, -1),)),
]


def marks(classifier, methods):
    texts = marked_words(classifier, MARKED)
    fits = Fits(texts.dataset.model)
    return agreement_with_marks(Judging(find_methods(methods), texts, fits, seed=0))


def test_marks_of_the_predicted_class_are_gold(classifier):
    found = marks(classifier, ["position"]).methods["position"].per_text
    dataset = Dataset.of(classifier, [marked.text for marked in MARKED])
    words = dataset.tokens
    assert words[0] == ["很", "好", "的", "书", "，", "非常", "差"]
    by_polarity = {1: {0, 1}, -1: {5, 6}}
    sign = 1 if int(dataset.predicted[0]) == 1 else -1
    gold = by_polarity[sign]
    # The position chooses the last two words of as many gold ones.
    assert found["token_f1"][0] == len(gold & {5, 6}) / 2
    assert found["pointing"][0] == float(6 in gold)
    if int(dataset.predicted[1]) == 1:
        assert math.isnan(found["token_f1"][1])


def test_sign_accuracy_is_for_scores_whose_sign_means_the_class(classifier):
    methods = marks(classifier, ["logit-delta", "position", "hidden-state-delta-l2"]).methods
    assert "sign" in methods["logit-delta"].measures
    assert "sign" not in methods["position"].measures
    assert "sign" not in methods["hidden-state-delta-l2"].measures


def test_the_sign_is_that_of_the_positive_class(classifier):
    found = marks(classifier, ["logit-delta"]).methods["logit-delta"].per_text["sign"]
    dataset = Dataset.of(classifier, [marked.text for marked in MARKED])
    classifier.model.eval()
    scores = dataset.score(METHODS["logit-delta"])
    towards_positive = scores * torch.where(dataset.predicted == 1, 1, -1).unsqueeze(1)
    polarity = torch.tensor([1, 1, 0, 0, 0, -1, -1])
    marked = polarity != 0
    right = towards_positive[0, :7].sign()[marked] == polarity[marked].sign()
    assert found[0] == pytest.approx(float(right.double().mean()))


def test_a_lexicon_marks_its_words(classifier):
    dataset, findings = scored_texts(classifier, ["很好的书，非常差"], ["position", "word-rarity"])
    methods = agreement_with_lexicon(dataset, findings, {"好": 1, "差": -1}).methods
    assert "background texts" in methods["word-rarity"].error
    found = methods["position"].per_text
    assert found["pointing"] == [float(int(dataset.predicted[0]) == 0)]  # the last word is 差


def test_english_marks_are_found_whatever_their_case(classifier):
    words = ("a", "great", "awful", "film")
    english = dataclasses.replace(
        classifier, vocabulary=Vocabulary(words), language="english", max_length=9
    )
    marked = [MarkedText("A GREAT film", ((2, 7, 1),)), MarkedText("Awful film", ((0, 5, -1),))]
    texts = marked_words(english, marked)
    found = judge_methods(find_methods(["position"]), texts, Fits(texts.dataset.model), seed=0)
    dataset = Dataset.of(english, [text.text for text in marked])
    assert dataset.tokens == [["a", "great", "film"], ["awful", "film"]]
    # The position points to the last word, which is never marked.
    signs = [1, -1]
    expected = [
        0.0 if (int(predicted) == 1) == (sign == 1) else math.nan
        for predicted, sign in zip(dataset.predicted, signs, strict=True)
    ]
    assert found["position"].per_text["pointing"] == pytest.approx(expected, nan_ok=True)
