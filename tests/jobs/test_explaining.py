import time

import numpy as np
import pytest

from captum_rnn.jobs import explaining
from captum_rnn.jobs.explaining import Clock, counts, explain_rows
from captum_rnn.jobs.rows import EMPTY, ONLY_UNKNOWN, Row
from captum_rnn.jobs.scoring import Scorer
from captum_rnn.text.tokenizer import tokenize

TEXTS = ["很好", "书很差，不好", "酒店的书非常好非常差不好", "good", "好", "很差的酒店"]


def explained(classifier, texts, method="logit-delta"):
    rows = [Row(number, f"id{number}", text) for number, text in enumerate(texts)]
    return explain_rows(rows, classifier, Scorer(classifier.model, method), Clock())


def test_the_values_are_those_of_each_text_alone(classifier):
    """The same as TextClassifier.explain for each text by itself, whatever is in the batch."""
    rows = explained(classifier, TEXTS, "hidden-state-delta-l2")
    for text, row in zip(TEXTS, rows, strict=True):
        (alone,) = classifier.explain([text])
        assert row.tokens == list(alone.tokens)
        assert row.words_cut == alone.words_cut
        if any(alone.known):
            assert row.scores.tolist() == pytest.approx(alone.scores, abs=1e-6)
            assert row.predicted_class == alone.predicted_class
            assert row.probability == pytest.approx(alone.probability, abs=1e-6)


def test_rows_stay_in_order_with_ids_and_numbers(classifier):
    rows = explained(classifier, TEXTS)
    assert [(row.id, row.row) for row in rows] == [(f"id{n}", n) for n in range(len(TEXTS))]


def test_only_unknown_words_and_rows_without_text(classifier):
    given = [Row(0, None, "good"), Row(1, "a", None, EMPTY), Row(2, None, "好")]
    unknown, empty, known = explain_rows(
        given, classifier, Scorer(classifier.model, "logit-delta"), Clock()
    )
    assert (unknown.error, unknown.tokens, unknown.scores) == (ONLY_UNKNOWN, ["good"], None)
    assert (empty.error, empty.tokens, empty.predicted_class) == (EMPTY, None, None)
    assert (known.error, known.scores.dtype) == (None, np.float32)


def test_a_long_text_is_cut_and_counted(classifier):
    rows = explained(classifier, TEXTS)
    assert max(len(row.tokens) for row in rows) == classifier.max_length == 6
    assert ["".join(row.tokens) for row in rows if not row.words_cut] == TEXTS[:2] + TEXTS[3:]
    assert rows[2].words_cut == len(tokenize(TEXTS[2])) - 6 > 0
    assert counts(rows) == {"cut": 1, ONLY_UNKNOWN: 1}


def test_the_composition_of_batches_matters_by_rounding_only(classifier, monkeypatch):
    together = explained(classifier, TEXTS * 20)
    cut = explaining.length_batches
    monkeypatch.setattr(explaining, "length_batches", lambda lengths, p: cut(lengths, p, tokens=9))
    for row, other in zip(together, explained(classifier, TEXTS * 20), strict=True):
        if row.scores is not None:
            np.testing.assert_allclose(row.scores, other.scores, atol=1e-6)


def test_nothing_to_explain(classifier):
    assert explained(classifier, []) == []


def test_seconds_add_up_by_purpose_also_after_an_error(monkeypatch):
    ticks = iter([1.0, 1.5, 2.0, 4.0, 5.0, 5.25])
    monkeypatch.setattr(time, "process_time", lambda: next(ticks))
    clock = Clock()
    with clock.measure("a"):
        pass
    with pytest.raises(KeyError), clock.measure("b"):
        raise KeyError
    with clock.measure("a"):
        pass
    clock.add({"b": 1.0, "c": 3.0})
    assert clock.seconds == {"a": 0.75, "b": 3.0, "c": 3.0}
