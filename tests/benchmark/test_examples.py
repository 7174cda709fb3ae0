import math

import pytest
import torch

from captum_rnn.benchmark.dataset import Dataset
from captum_rnn.benchmark.examples import corpus_examples, post_examples
from captum_rnn.benchmark.post_examples import PostExample
from captum_rnn.benchmark.results import PrintedScores
from captum_rnn.text.pipeline import TextClassifier


def test_a_corpus_example_shows_every_word_with_its_score(classifier: TextClassifier) -> None:
    dataset = Dataset.of(classifier, ["很好的电脑", "酒店差，不推荐，非常差，"])
    scores = {"mine": torch.arange(16.0).reshape(2, 8)}

    first, second = corpus_examples(dataset, scores)

    assert first.tokens == ["很", "好", "的", "电脑"]
    assert first.scores == {"mine": [0, 1, 2, 3]}
    assert first.source == "corpus"
    assert (first.printed, first.rank_correlation, first.note) == (None, None, None)
    assert (first.words_cut, second.words_cut) == (0, 1)
    row = dataset.probabilities[0].tolist()
    assert first.probability == max(row)
    assert first.predicted_class == ["negative", "positive"][row.index(max(row))]


def test_printed_scores_stand_beside_ours(classifier: TextClassifier) -> None:
    printed = [
        PostExample("酒店非常差，好", ("酒店", "非常", "差", "，", "好"), (0.1, 0.2, 0.3, 0.0, 0.4))
    ]
    dataset = Dataset.of(classifier, [printed[0].text])
    scores = {
        "same order": torch.tensor([[0.0, 0.5, 0.6, 9.0, 0.7]]),
        "opposite": torch.tensor([[-0.1, -0.2, -0.3, 9.0, -0.4]]),
        "constant": torch.zeros(1, 5),
    }

    (entry,) = post_examples(dataset, scores, printed)

    assert entry.printed == PrintedScores(
        ["酒店", "非常", "差", "，", "好"], [0.1, 0.2, 0.3, 0.0, 0.4]
    )
    assert entry.rank_correlation == pytest.approx(
        {"same order": 1, "opposite": -1, "constant": math.nan}, nan_ok=True
    )
    assert entry.note is None


def test_another_segmentation_is_said(classifier: TextClassifier) -> None:
    printed = [PostExample("很好的书", ("很好", "的", "书"), (0.1, 0.2, 0.7))]
    dataset = Dataset.of(classifier, [printed[0].text])

    (entry,) = post_examples(dataset, {"mine": torch.zeros(1, 4)}, printed)

    assert entry.rank_correlation is None
    assert entry.note == (
        "segmented differently today: the post has 很好, we have 很 好; no rank correlation"
    )
