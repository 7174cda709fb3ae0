"""How a comparison scores its methods: figures, failures, interruptions."""

import math
from dataclasses import replace

import pytest
import torch
from scipy import stats

from captum_rnn.benchmark import compare_reviews
from captum_rnn.benchmark.checkpoint import UNFINISHED, Checkpoint
from captum_rnn.benchmark.dataset import explained_model
from captum_rnn.benchmark.methods import METHODS, QUICK_METHODS
from captum_rnn.evaluation import (
    PerturbedPredictions,
    comprehensiveness,
    leave_one_out,
    mean_interval,
    sufficiency,
)
from captum_rnn.text.corpus import Review
from made_classifier import made_classifier

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


OTHERS = [Review("好的酒店", 1), Review("热水器差，不好", 0), Review("很推荐的书", 1)]


def comparison(classifier, **options):
    # Half of what is not explained is learnt from: the first three of six others.
    reviews = [*REVIEWS, *OTHERS, *OTHERS]
    return compare_reviews(classifier, reviews, **{"texts": len(REVIEWS), "seed": 5, **options})


def without_times(results):
    """The part of the results that a seed determines."""
    methods = {name: replace(found, cost=None) for name, found in results.methods.items()}
    return replace(results, methods=methods, created="").to_json()


@pytest.fixture(scope="module")
def results():
    return comparison(made_classifier())


def test_every_method_has_its_entry(results):
    assert list(results.methods) == list(QUICK_METHODS)
    for method in results.methods.values():
        assert method.error is None
        assert method.label == METHODS[method.name].label
        assert method.cost.milliseconds_per_text > 0
        assert method.cost.forwards > 0
        for name, interval in method.measures.items():
            values = [value for value in method.per_text[name] if not math.isnan(value)]
            assert interval.texts == len(values)
            assert interval.left_out == len(READABLE) - len(values)
            assert interval.mean == pytest.approx(sum(values) / len(values))
            if len(values) > 1:
                assert interval.low - 1e-12 <= interval.mean <= interval.high + 1e-12


@pytest.mark.parametrize(
    "name", ["hidden-state-delta-projection", "saliency", "input-x-gradient", "random"]
)
def test_the_figures_are_those_of_each_text_alone(classifier, results, name):
    classifier.model.eval()
    entry = results.methods[name]
    for row, review in enumerate(READABLE):
        ids = classifier.encode([review.text]).ids
        predicted = classifier.probabilities(ids).argmax(1)
        scores = METHODS[name].seeded(5)(explained_model(classifier.model), ids, predicted)
        known = ids[0] != 0
        effects = leave_one_out(PerturbedPredictions(classifier.probabilities, ids))[
            0, known
        ].tolist()
        if name == "saliency":  # has no sign, so only the size can agree
            effects = [abs(effect) for effect in effects]
        for metric, function in (
            ("comprehensiveness", comprehensiveness),
            ("sufficiency", sufficiency),
        ):
            alone = function(
                PerturbedPredictions(classifier.probabilities, ids), scores, seed=5
            ).item()
            assert entry.per_text[metric][row] == pytest.approx(alone, abs=1e-6)
        replaced = comprehensiveness(
            PerturbedPredictions(classifier.probabilities, ids, replacement_id=1), scores, seed=5
        ).item()
        assert entry.per_text["comprehensiveness_replaced"][row] == pytest.approx(
            replaced, abs=1e-6
        )
        correlation = entry.per_text["spearman_leave_one_out"][row]
        if int(known.sum()) < 3:
            assert math.isnan(correlation)
        else:
            expected = stats.spearmanr(scores[0, known].tolist(), effects).statistic
            assert correlation == pytest.approx(expected)


def test_texts_are_counted(results, classifier):
    model, dataset = results.model, results.dataset
    assert model.kind == "LSTM"
    assert model.classes == ["negative", "positive"]
    assert model.trained_on == {"corpus": "by hand"}
    assert (dataset.texts, dataset.without_known_words, dataset.truncated) == (6, 1, 0)
    right = sum(
        int(classifier.probabilities(classifier.encode([review.text]).ids).argmax()) == review.label
        for review in READABLE
    )
    assert model.accuracy == pytest.approx(right / 6)


def test_all_texts_but_the_unreadable_one_are_examples(results):
    post, corpus = results.examples[:9], results.examples[9:]
    assert {example.source for example in post} == {"post"}
    assert sorted(example.text for example in corpus) == sorted(r.text for r in READABLE)
    for example in results.examples:
        assert list(example.scores) == list(QUICK_METHODS)
        assert all(len(row) == len(example.tokens) for row in example.scores.values())


def test_methods_correlate_with_themselves(results):
    table = torch.tensor(results.correlations.spearman)
    assert results.correlations.methods == list(QUICK_METHODS)
    torch.testing.assert_close(table.diagonal(), torch.ones(len(QUICK_METHODS)))
    torch.testing.assert_close(table, table.T)


def test_one_seed_gives_one_result(classifier):
    methods = ["random", "gradient-shap", "calibrated-delta"]
    first, again = (comparison(classifier, methods=methods) for _ in range(2))
    assert without_times(first) == without_times(again)
    other = comparison(classifier, methods=methods, seed=6)
    one, another = (
        found.methods["random"].per_text["comprehensiveness"] for found in (first, other)
    )
    assert one != another


def test_an_interrupted_run_resumes_to_the_undisturbed_result(classifier, tmp_path, monkeypatch):
    """Interrupted after each finished part in turn, until it comes through."""
    methods = ["logit-delta", "saliency", "random"]
    undisturbed = comparison(classifier, methods=methods)
    put, interruptions = Checkpoint.put, 0

    def put_and_stop(self, name, part):
        kept = put(self, name, part)
        if self._folder is None:  # of what is measured again in no time
            return kept
        raise KeyboardInterrupt

    monkeypatch.setattr(Checkpoint, "put", put_and_stop)
    while True:
        try:
            again = comparison(classifier, methods=methods, folder=tmp_path)
            break
        except KeyboardInterrupt:
            interruptions += 1
    # One batch of texts: a part for each method, one for the measures, one of sanity for each,
    # one of the hybrid documents and one of the sentences of the post.
    assert interruptions == 4 * len(methods) + 1
    assert without_times(again) == without_times(undisturbed)
    assert (tmp_path / UNFINISHED).is_dir()


def test_a_method_that_fails_is_a_row_that_says_why(classifier, results, monkeypatch):
    names = ["logit-delta", "saliency", "random"]

    def fail(self, model, ids, target):
        raise RuntimeError("no backward\nhere")

    monkeypatch.setattr(type(METHODS["saliency"]), "__call__", fail)
    found = comparison(classifier, methods=names)
    entries = found.methods
    assert entries["saliency"].error == "RuntimeError: no backward here"
    assert (entries["saliency"].cost, entries["saliency"].measures) == (None, {})
    assert "saliency" not in found.correlations.methods
    assert "saliency" not in found.examples[0].scores
    undisturbed = results.methods["logit-delta"]
    # In other batches the sums of single precision end otherwise in the eighth digit.
    for key, values in undisturbed.per_text.items():
        again = entries["logit-delta"].per_text[key]
        assert again == pytest.approx(values, abs=1e-6, nan_ok=True), key


def test_scores_that_are_no_numbers_are_a_failure(classifier, monkeypatch):
    monkeypatch.setattr(
        type(METHODS["saliency"]), "__call__", lambda self, m, ids, t: ids * math.nan
    )
    found = comparison(classifier, methods=["saliency", "random"])
    assert found.methods["saliency"].error == "ValueError: its scores hold NaN or infinite numbers"


def test_a_method_that_has_nothing_to_learn_from_says_so(classifier):
    found = compare_reviews(classifier, REVIEWS, methods=["word-lexicon", "random"])
    assert "background" in found.methods["word-lexicon"].error


def test_the_model_and_the_threads_are_left_as_they_were(classifier, capsys):
    classifier.model.train()
    threads = torch.get_num_threads()
    found = comparison(
        classifier, methods=["saliency", "hidden-state-delta-cosine"], show_progress=True
    )
    assert [method.signed for method in found.methods.values()] == [False, True]
    assert classifier.model.training
    assert torch.get_num_threads() == threads
    assert found.machine["threads"] == 1
    assert "100%" in capsys.readouterr().err


def test_intervals_are_those_of_the_texts(results):
    entry = results.methods["saliency"]
    interval = mean_interval(torch.tensor(entry.per_text["sufficiency"]).double(), seed=5)
    assert entry.measures["sufficiency"].low == pytest.approx(interval.low)
    assert entry.measures["sufficiency"].high == pytest.approx(interval.high)


def test_only_what_was_asked_for_is_measured(classifier):
    found = comparison(classifier, methods=["logit-delta"], metrics=["replacement"])
    assert set(found.methods["logit-delta"].measures) == {
        "comprehensiveness_replaced",
        "sufficiency_replaced",
        "spearman_replacement",
        "completeness_error",
        "last_fifth",
    }


@pytest.mark.parametrize(
    ("reviews", "message"),
    [
        ([], "there are no reviews"),
        (
            [Review("电脑", 0), Review("手机", 1), Review("好", 1)],
            "only 1 of 3 texts contains a known word",
        ),
    ],
)
def test_too_few_reviews_are_refused(classifier, reviews, message):
    with pytest.raises(ValueError, match=message):
        compare_reviews(classifier, reviews)


def test_unknown_names_are_refused_before_the_work(classifier):
    with pytest.raises(ValueError, match="'magic' names no method"):
        comparison(classifier, methods=["magic"])
    with pytest.raises(ValueError, match="'magic' names no metric; choose from deletion"):
        comparison(classifier, metrics=["magic"])


class WrongShape(type(METHODS["position"])):
    """Forgets the last column."""

    def __call__(self, model, ids, target):
        return super().__call__(model, ids, target)[:, :-1]


class WithoutTotal(type(METHODS["position"])):
    """Cannot say what its scores have to sum to."""

    def total(self, model, ids, target):
        raise RuntimeError("no total")


def test_a_method_of_another_shape_is_a_row_and_one_without_total_goes_on(classifier, monkeypatch):
    for name, kind in (("position", WrongShape), ("random", WithoutTotal)):
        made = kind(name=name, label=name, passes="0")
        monkeypatch.setitem(METHODS, name, made)
    shape, total, other = comparison(
        classifier,
        methods=["position", "random", "logit-delta"],
        metrics=["deletion"],
        show_progress=True,
    ).methods.values()
    assert "its scores are (6, 6) for ids of shape (6, 7)" in shape.error
    assert total.error is None
    assert other.error is None
    assert "completeness_error" not in total.measures


def test_correlations_and_curves_have_intervals(results):
    correlations = results.correlations
    for place, row in enumerate(correlations.spearman):
        assert correlations.low[place][place] == pytest.approx(row[place])
        for low, mean, high in zip(
            correlations.low[place], row, correlations.high[place], strict=True
        ):
            assert low - 1e-9 <= mean <= high + 1e-9
    for curve in results.methods["saliency"].curves.values():
        for low, mean, high in zip(curve.low, curve.mean, curve.high, strict=True):
            assert low - 1e-9 <= mean <= high + 1e-9
