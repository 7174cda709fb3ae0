import time

import pytest
import torch

from captum_rnn import HiddenStateDeltaAttribution
from captum_rnn.text.corpus import Review
from captum_rnn.text.pipeline import TextClassifier

TEXTS = ["酒店非常好", "很差的书，不好，不好", "", "囧rz", "好"]


def test_encoding_by_hand(classifier):
    encoded = classifier.encode(TEXTS)
    assert encoded.tokens == [
        ["酒店", "非常", "好"],
        ["很差", "的", "书", "，", "不好", "，"],
        [],
        ["囧", "rz"],
        ["好"],
    ]
    assert encoded.ids.tolist() == [
        [7, 6, 2, 0, 0, 0],
        [0, 4, 5, 8, 0, 8],
        [0] * 6,
        [0] * 6,
        [2, 0, 0, 0, 0, 0],
    ]
    assert encoded.cut == [0, 1, 0, 0, 0]


def test_no_text_or_only_empty_ones_can_be_encoded(classifier):
    assert classifier.encode([]).ids.shape == (0, 1)
    assert classifier.encode(["", ""]).ids.tolist() == [[0], [0]]
    assert classifier.explain([]) == []


def test_probabilities_are_the_softmax_of_each_text_alone(classifier):
    ids = torch.randint(0, 10, (300, 6))  # more than one batch
    probabilities = classifier.probabilities(ids)
    assert not probabilities.requires_grad
    with torch.no_grad():
        alone = torch.cat([classifier.model(row.unsqueeze(0)).softmax(1) for row in ids])
    torch.testing.assert_close(probabilities, alone, rtol=0, atol=1e-6)


@pytest.mark.parametrize("training", [True, False])
def test_dropout_is_off_and_the_mode_is_left_as_it_was(classifier, training):
    ids = classifier.encode(TEXTS).ids
    expected = classifier.probabilities(ids)
    classifier.model.train(training)
    modes = []

    def method(model, ids, target):
        modes.append(model.training)
        return torch.zeros(ids.shape)

    assert torch.equal(classifier.probabilities(ids), expected)
    classifier.explain(TEXTS, method)
    assert modes == [False]
    assert classifier.model.training is training


def test_accuracy_counts_the_most_probable_classes(classifier):
    predicted = classifier.probabilities(classifier.encode(TEXTS).ids).argmax(1).tolist()
    reviews = [Review(text, label) for text, label in zip(TEXTS, predicted, strict=True)]
    reviews[1] = Review(TEXTS[1], 1 - predicted[1])
    accuracy = classifier.accuracy(reviews * 100)
    assert (accuracy.correct, accuracy.total) == (400, 500)


def test_explanations_hold_the_scores_of_the_attribution_class(classifier):
    explanations = classifier.explain(TEXTS)
    attribution = HiddenStateDeltaAttribution(classifier.model, classifier.model.rnn)
    for text, explanation in zip(TEXTS, explanations, strict=True):
        encoded = classifier.encode([text])
        (probabilities,) = classifier.probabilities(encoded.ids).tolist()
        assert explanation.text == text
        assert explanation.tokens == tuple(encoded.tokens[0])
        assert explanation.probability == pytest.approx(max(probabilities), abs=1e-6)
        assert (
            explanation.predicted_class
            == ("negative", "positive")[probabilities.index(max(probabilities))]
        )
        assert explanation.method == "hidden-state delta, L2"
        if any(explanation.known):
            expected = attribution.attribute(encoded.ids, target=0)[0]
            assert explanation.scores == pytest.approx(expected.tolist(), abs=1e-6)
            assert sum(explanation.scores) == pytest.approx(1, abs=1e-5)
    assert [explanation.words_cut for explanation in explanations] == [0, 1, 0, 0, 0]


def test_unknown_words_score_exactly_zero(classifier):
    (explanation,) = classifier.explain(["囧好xyz差"])
    assert explanation.known == (False, True, False, True)
    assert explanation.scores[0] == explanation.scores[2] == 0
    assert 0 not in (explanation.scores[1], explanation.scores[3])


@pytest.mark.parametrize(("text", "note"), [("", "is empty"), (" ", "is empty"), ("xyz囧", "none")])
def test_a_text_without_a_known_word_scores_zero_and_says_so(classifier, text, note):
    def method(model, ids, target):
        raise AssertionError("there is nothing to score")

    (explanation,) = classifier.explain([text], method)
    assert set(explanation.scores) <= {0.0}
    assert (
        explanation.predicted_class
        == ("negative", "positive")[int(classifier.model.head.bias.argmax())]
    )
    assert note in str(explanation)


def test_a_method_gets_ids_and_predicted_classes_and_names_the_result(classifier):
    seen = []

    def method(model, ids, target):
        seen.append((model, ids.tolist(), target.tolist()))
        return ids * 0.5

    first, second = classifier.explain(["好", "差的书"], method, "half the id")
    assert (first.scores, second.scores) == ((1.0,), (1.5, 2.0, 2.5))
    assert (first.method, second.method) == ("half the id", "half the id")
    predicted = [("negative", "positive").index(e.predicted_class) for e in (first, second)]
    assert seen == [(classifier.model, [[2, 0, 0], [3, 4, 5]], predicted)]


def test_many_texts_are_scored_in_parts(classifier):
    sizes = []

    def method(model, ids, target):
        sizes.append(len(ids))
        return ids.float()

    texts = ["好", "差", "xyz"] * 30
    explanations = classifier.explain(texts, method)
    assert sum(sizes) == 60
    assert max(sizes) <= 32
    assert [e.scores for e in explanations] == [(2.0,), (3.0,), (0.0,)] * 30


def test_100_000_characters_take_seconds_and_the_cut_is_said(classifier):
    classifier.encode([""])
    start = time.process_time()
    (explanation,) = classifier.explain(["酒店非常好，" * 16_667])
    assert time.process_time() - start < 15
    assert explanation.tokens == ("酒店", "非常", "好", "，", "酒店", "非常")
    assert explanation.words_cut == 4 * 16_667 - 6
    assert "the other 66662 were not read" in str(explanation)


def test_control_characters_and_markup_are_harmless(classifier):
    (explanation,) = classifier.explain(["好\x1b[31m\x00<script>alert(1)</script>\ud800\u202e"])
    assert explanation.tokens[0] == "好"
    assert explanation.words_cut > 0
    assert "<script" not in explanation.to_html()
    shown = str(explanation) + explanation.to_html()
    assert "\x1b" not in shown
    assert "\x00" not in shown
    shown.encode("utf-8")


def test_one_string_is_no_list_of_texts(classifier):
    with pytest.raises(TypeError, match=r"put it in \[ \]"):
        classifier.encode("好")


def test_one_text_has_one_explanation(classifier):
    assert classifier.explain("酒店非常好") == classifier.explain(["酒店非常好"])[0]


def test_no_reviews_have_no_accuracy(classifier):
    with pytest.raises(ValueError, match="0 of 0 texts"):
        classifier.accuracy([])


def test_what_was_saved_comes_back(classifier, tmp_path):
    classifier.save(tmp_path / "model")
    loaded = TextClassifier.load(tmp_path / "model")
    assert loaded.explain(TEXTS) == classifier.explain(TEXTS)
    assert (loaded.classes, loaded.max_length) == (("negative", "positive"), 6)
    assert loaded.trained_on == {"corpus": "by hand"}
    loaded.save(str(tmp_path / "again"), half_precision=True)
    half = (tmp_path / "again" / "model.safetensors").stat().st_size
    assert half < (tmp_path / "model" / "model.safetensors").stat().st_size
