import json

from captum_rnn.benchmark.full_comparison import full_comparison
from captum_rnn.benchmark.marked_texts import MarkedText
from captum_rnn.text.corpus import Review

POSITIVE = ["很好的书，非常好", "热水器很好，很推荐", "好，推荐，很好", "非常好的酒店，好"]
NEGATIVE = ["酒店差，不推荐", "不推荐，非常差的书", "差，差，不好", "非常差的热水器，差"]
REVIEWS = [
    review
    for good, bad in zip(POSITIVE, NEGATIVE, strict=True)
    for review in (Review(good, 1), Review(bad, 0))
]


def test_all_sections_hold_the_same_methods(classifier):
    marked = [MarkedText("很好的书，非常差", ((0, 2, 1), (5, 8, -1)))]
    results = full_comparison(
        classifier,
        REVIEWS,
        texts=4,
        methods=["logit-delta", "calibrated-delta-mean-adjoint", "random"],
        metrics=["deletion"],
        marked=marked,
        progress=False,
    )
    names = [method["name"] for method in results["methods"]]
    for section in ("hybrids", "marks", "lexicon"):
        assert list(results[section]["methods"]) == names
        assert {m["error"] for m in results[section]["methods"].values()} == {None}
    assert results["known_answers"] is None
    assert results["hybrids"]["documents"] == 4
    assert results["subject"]["texts"] == 4
    assert json.loads(json.dumps(results, allow_nan=False)) == results


def test_sections_that_cannot_be_had_are_none(classifier):
    results = full_comparison(
        classifier, REVIEWS[:4], texts=4, methods=["random"], metrics=["deletion"], progress=False
    )
    assert results["hybrids"] is None
    assert results["marks"] is None
