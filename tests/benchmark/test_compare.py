import json
import math
from typing import Any

import pytest
import torch
from scipy import stats

from captum_rnn.benchmark.compare import compare
from captum_rnn.benchmark.methods import DEFAULT_METHODS, METHODS
from captum_rnn.evaluation import comprehensiveness, leave_one_out, mean_interval, sufficiency
from captum_rnn.text.corpus import Review
from captum_rnn.text.pipeline import TextClassifier

REVIEWS = [
    Review("很好的书，非常好", 1),
    Review("电脑", 1),
    Review("酒店差，不推荐", 0),
    Review("热水器很好，很推荐", 1),
    Review("手机的热水器非常差", 0),
    Review("不推荐，非常差的书", 0),
    Review("好，推荐", 1),
]
READABLE = [review for review in REVIEWS if review.text != "电脑"]
TIMES = ("milliseconds_per_text", "forwards", "repeats")


def without_times(results: dict[str, Any]) -> dict[str, Any]:
    """The part of the results that a seed determines."""
    methods = [
        {key: value for key, value in method.items() if key not in TIMES}
        for method in results["methods"]
    ]
    return {**results, "methods": methods, "created": None}


@pytest.fixture
def results(classifier: TextClassifier) -> dict[str, Any]:
    return compare(classifier, REVIEWS, seed=5, progress=False)


def test_every_default_method_has_its_entry(results: dict[str, Any]) -> None:
    assert [method["name"] for method in results["methods"]] == list(DEFAULT_METHODS)
    for method in results["methods"]:
        assert method["label"] == METHODS[method["name"]].label
        assert method["milliseconds_per_text"] > 0
        assert method["forwards"] > 0
        for name in ("comprehensiveness", "sufficiency", "spearman_leave_one_out"):
            interval = method[name]
            assert interval["low"] <= interval["mean"] <= interval["high"]
            assert interval["texts"] + interval["left_out"] == len(READABLE)
            values = [value for value in method["per_text"][name] if value is not None]
            assert interval["texts"] == len(values)
            assert interval["mean"] == pytest.approx(sum(values) / len(values))


@pytest.mark.parametrize(
    "name", ["hidden-state-delta-projection", "saliency", "input-x-gradient", "random"]
)
def test_the_figures_are_those_of_each_text_alone(
    classifier: TextClassifier, results: dict[str, Any], name: str
) -> None:
    classifier.model.eval()
    (entry,) = (method for method in results["methods"] if method["name"] == name)
    for row, review in enumerate(READABLE):
        ids = classifier.encode([review.text]).ids
        predicted = classifier.probabilities(ids).argmax(1)
        scores = METHODS[name].seeded(5)(classifier.model, ids, predicted)
        known = ids[0] != 0
        effects = leave_one_out(classifier.probabilities, ids)[0, known].tolist()
        if name == "saliency":  # has no sign, so only the size can agree
            effects = [abs(effect) for effect in effects]
        for metric, function in (
            ("comprehensiveness", comprehensiveness),
            ("sufficiency", sufficiency),
        ):
            alone = function(classifier.probabilities, ids, scores, seed=5).item()
            assert entry["per_text"][metric][row] == pytest.approx(alone, abs=1e-6)
        correlation = entry["per_text"]["spearman_leave_one_out"][row]
        if int(known.sum()) < 3:
            assert correlation is None
        else:
            expected = stats.spearmanr(scores[0, known].tolist(), effects).statistic
            assert correlation == pytest.approx(expected)


def test_texts_are_counted(results: dict[str, Any], classifier: TextClassifier) -> None:
    subject = results["subject"]
    assert subject["kind"] == "lstm"
    assert subject["classes"] == ["negative", "positive"]
    assert subject["trained_on"] == {"corpus": "by hand"}
    assert (subject["texts"], subject["texts_left_out"], subject["texts_cut"]) == (6, 1, 0)
    right = sum(
        int(classifier.probabilities(classifier.encode([review.text]).ids).argmax()) == review.label
        for review in READABLE
    )
    assert subject["accuracy"] == pytest.approx(right / 6)


def test_all_texts_but_the_unreadable_one_are_examples(results: dict[str, Any]) -> None:
    post, corpus = results["examples"][:9], results["examples"][9:]
    assert {example["source"] for example in post} == {"post"}
    assert sorted(example["text"] for example in corpus) == sorted(r.text for r in READABLE)
    for example in results["examples"]:
        assert list(example["scores"]) == list(DEFAULT_METHODS)
        assert all(len(row) == len(example["tokens"]) for row in example["scores"].values())
    assert post[0]["rank_correlation"] is None or set(post[0]["rank_correlation"]) == set(
        DEFAULT_METHODS
    )


def test_json_can_say_all_of_it(results: dict[str, Any]) -> None:
    assert json.loads(json.dumps(results, allow_nan=False)) == results


def test_one_seed_gives_one_result(classifier: TextClassifier, results: dict[str, Any]) -> None:
    again = compare(classifier, REVIEWS, seed=5, progress=False)
    assert without_times(again) == without_times(results)
    other = compare(classifier, REVIEWS, methods=["random"], seed=6, progress=False)
    assert other["methods"][0]["per_text"] != results["methods"][-1]["per_text"]


def test_chosen_methods_on_one_thread_with_the_model_left_as_it_was(
    classifier: TextClassifier, capsys: pytest.CaptureFixture[str]
) -> None:
    classifier.model.train()
    threads = torch.get_num_threads()
    results = compare(
        classifier, REVIEWS, methods=["saliency", "hidden-state-delta-cosine"], progress=True
    )
    assert [method["name"] for method in results["methods"]] == [
        "saliency",
        "hidden-state-delta-cosine",
    ]
    assert [method["signed"] for method in results["methods"]] == [False, True]
    assert classifier.model.training
    assert torch.get_num_threads() == threads
    assert results["machine"]["threads"] == 1
    assert "100%" in capsys.readouterr().err


def test_intervals_are_those_of_the_texts(results: dict[str, Any]) -> None:
    entry = results["methods"][0]
    interval = mean_interval(torch.tensor(entry["per_text"]["sufficiency"]).double(), seed=5)
    assert entry["sufficiency"]["low"] == pytest.approx(interval.low)
    assert entry["sufficiency"]["high"] == pytest.approx(interval.high)
    assert not math.isnan(interval.low)


@pytest.mark.parametrize(
    ("reviews", "message"),
    [
        ([], "there are no reviews"),
        ([Review("电脑", 0), Review("手机", 1), Review("好", 1)], "1 of 3 reviews hold a word"),
    ],
)
def test_too_few_reviews_are_refused(
    classifier: TextClassifier, reviews: list[Review], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        compare(classifier, reviews, progress=False)


def test_an_unknown_method_is_refused_before_the_work(classifier: TextClassifier) -> None:
    with pytest.raises(ValueError, match="'lime' names no method"):
        compare(classifier, REVIEWS, methods=["lime"], progress=False)
