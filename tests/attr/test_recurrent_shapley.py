"""Shapley values of a network against the enumeration of all sub-texts."""

import itertools
import math

import pytest
import torch
from scipy.stats import spearmanr

from captum_rnn import AdjointDeltaAttribution, RecurrentShapleyAttribution
from captum_rnn.attr import shapley_draws
from captum_rnn.functional.shapley import complementary_sets, mean_and_error, weighted_scores
from captum_rnn.text import TextClassifier, held_out_reviews, load_corpus
from removal_models import IDS, LENGTHS, Reader
from unrolled import make_step


def exact(model, ids=IDS, target=1):
    """The definition, over all orders of each row's tokens."""
    scores = torch.zeros(ids.shape, dtype=torch.float64)
    for row, padded in enumerate(ids.tolist()):
        words = [word for word in padded if word]
        values = {
            places: float(model.of_words([words[place] for place in places])[target])
            for size in range(len(words) + 1)
            for places in itertools.combinations(range(len(words)), size)
        }
        for order in itertools.permutations(range(len(words))):
            before = ()
            for place in order:
                grown = tuple(sorted((*before, place)))
                scores[row, place] += values[grown] - values[before]
                before = grown
        scores[row] /= math.factorial(len(words))
    return scores


def change(model, target=1):
    whole = [model.of_words([word for word in ids if word])[target] for ids in IDS.tolist()]
    return torch.stack(whole) - model.empty()[target]


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return Reader(bidirectional=True)


@pytest.fixture(scope="module")
def truth(model):
    return exact(model)


def shapley(model, forward=None):
    return RecurrentShapleyAttribution(forward or model, model.layer)


@pytest.fixture
def only_draws(monkeypatch):
    """Texts as short as these are otherwise enumerated."""
    monkeypatch.setattr(shapley_draws._Text, "is_enumerated", lambda *_: False)


def test_short_texts_are_enumerated(model, truth):
    runs = []

    def counted(ids):
        runs.append(len(ids))
        return model(ids)

    method = shapley(model, counted)
    for options in ({}, {"tolerance": 0.5}, {"tolerance": 1e-9, "n_samples": 12}):
        scores, errors = method.attribute(IDS, target=1, return_standard_error=True, **options)
        torch.testing.assert_close(scores, truth, rtol=0, atol=1e-12)
        assert (errors == 0).all()
    runs.clear()
    method.attribute(IDS[:1], target=1)
    enumerated = sum(runs)
    runs.clear()
    method.attribute(IDS[:1], target=1, n_samples=6)
    assert enumerated - sum(runs) == 30 - 6 * 4


@pytest.mark.usefixtures("only_draws")
def test_permutations_come_to_the_definition(model, truth):
    scores, errors = shapley(model).attribute(
        IDS, target=1, n_samples=4000, return_standard_error=True, seed=5
    )
    assert errors.max() < 0.02
    assert ((scores - truth).abs() <= 4 * errors + 1e-9).all()
    assert (scores[IDS == 0] == 0).all()
    assert (errors[IDS == 0] == 0).all()
    torch.testing.assert_close(scores[2, 0], change(model)[2])  # a single token has all of it


@pytest.mark.usefixtures("only_draws")
def test_permutations_are_unbiased_and_their_errors_honest(model, truth):
    found, inside = [], []
    for seed in range(150):
        scores, errors = shapley(model).attribute(
            IDS[:1], target=1, n_samples=12, seed=seed, return_standard_error=True
        )
        found.append(scores)
        inside.append(((scores - truth[:1]).abs() < 2 * errors).double())
    found = torch.cat(found)
    far = (found.mean(0) - truth[0]).abs() / (found.std(0) / 150**0.5)
    assert far.max() < 4
    # By Student's t, 90 % lie within two errors from six pairs.
    assert 0.84 < torch.cat(inside).mean() < 0.96


@pytest.mark.parametrize("estimator", ["permutations", "scans"])
def test_the_sum_is_the_change_of_the_output(model, estimator):
    scores, delta = shapley(model).attribute(
        IDS, target=1, n_samples=4, estimator=estimator, return_convergence_delta=True
    )
    torch.testing.assert_close(scores.sum(1), change(model), rtol=0, atol=1e-12)
    assert delta.abs().max() < 1e-12
    again = shapley(model).compute_convergence_delta(scores, IDS, target=1)
    assert again.abs().max() < 1e-12


def change_by_putting_in(model, words, word, place):
    """The derivative along the step that a word would be, through unrolled cells."""
    share = torch.zeros((), dtype=torch.float64, requires_grad=True)
    ends = []
    for direction in (0, 1):
        step = make_step(model.layer, 0, direction)
        order, here = (words, place) if direction == 0 else (words[::-1], len(words) - place)
        state = cell = torch.zeros(model.layer.hidden_size, dtype=torch.float64)
        for number in range(len(order) + 1):
            if number == here:
                then = step(model.embedding.weight[word], state, cell)
                state, cell = (
                    old + share * (new - old) for old, new in zip((state, cell), then, strict=True)
                )
            if number < len(order):
                state, cell = step(model.embedding.weight[order[number]], state, cell)
        ends.append(state)
    value = model.out(model.head(torch.cat(ends)))[1]
    return torch.autograd.grad(value, share)[0]


def mean_changes(model, words):
    """By removing from all sets of a size, and by adding to them (size, tokens)."""
    adjoint, count = AdjointDeltaAttribution(model, model.layer), len(words)
    removed, added = torch.zeros(2, count + 1, count, dtype=torch.float64)
    for size in range(1, count + 1):
        for places in map(list, itertools.combinations(range(count), size)):
            removed[size, places] += adjoint.attribute(torch.tensor([words])[:, places], target=1)[
                0
            ] / math.comb(count - 1, size - 1)
            kept = [words[place] for place in places]
            for other in set(range(count)) - set(places):
                before = sum(place < other for place in places)
                change = change_by_putting_in(model, kept, words[other], before)
                added[size, other] += change / math.comb(count - 1, size)
    return removed, added


def test_scans_come_to_the_mean_over_all_sets(model, truth):
    """Of removing from sets and adding to their complements, every size counted the same."""
    removed, added = mean_changes(model, IDS[0].tolist())
    parts = [(removed[size] + added[5 - size]) / 2 for size in range(1, 5)]
    sums = torch.stack([*parts, removed[5]]).sum(0) / 5
    limit = sums + (change(model)[0] - sums.sum()) / 5
    scores, errors = shapley(model).attribute(
        IDS[:1], target=1, n_samples=2000, estimator="scans", return_standard_error=True
    )
    assert errors.max() < 0.1 * truth[0].abs().max()
    assert ((scores[0] - limit).abs() < 4 * errors[0]).all()
    assert torch.corrcoef(torch.stack([limit, truth[0]]))[0, 1] > 0.85


def of_removals(model, layer, words, sub_texts, seed):
    """What the estimator makes of removals alone, by the same draws (tokens,)."""
    count = words.shape[1]
    sets = complementary_sets(count, sub_texts // 2, torch.Generator().manual_seed(seed))
    held, adjoint = torch.zeros(sets.shape).double(), AdjointDeltaAttribution(model, layer)
    for number, kept in enumerate(sets):
        if kept.any():
            held[number, kept] = adjoint.attribute(words[:, kept], target=1)[0].double()
    mean, _ = mean_and_error(*weighted_scores(sets, held, torch.zeros_like(sets)))
    return mean


def test_on_long_texts_a_few_scans_rank_words_better_than_removals_alone():
    classifier = TextClassifier.load()
    model, layer = classifier.model, classifier.model.rnn
    reviews = held_out_reviews(classifier.trained_on, load_corpus())
    encoded = classifier.encode([review.text for review in reviews]).ids
    words = encoded[(encoded != 0).sum(1) >= 60][:1, :60]
    method = RecurrentShapleyAttribution(model, layer)
    found = method.attribute(words, target=1, seed=1)[0]
    removals = of_removals(model, layer, words, 16, seed=1)
    truth = method.attribute(words, target=1, estimator="permutations", n_samples=60, seed=2)[0]
    agreement = spearmanr(found.detach(), truth.detach())[0]
    assert agreement > 0.95
    assert agreement > spearmanr(removals.detach(), truth.detach())[0] + 0.01


class Placed(Reader):
    """The vectors of the words hold their places."""

    def forward(self, ids):
        places = torch.arange(ids.shape[1]).double().cos().unsqueeze(1)
        return self.read(self.embedding(ids) + places)


class Beside(Reader):
    """The words reach the output beside the layer."""

    def forward(self, ids):
        vectors = self.embedding(ids)
        return self.read(vectors) + vectors.sum((1, 2)).unsqueeze(1)


class Backwards(Reader):
    """The layer reads from the end."""

    def forward(self, ids):
        return self.read(self.embedding(ids).flip(1))


@pytest.mark.parametrize("kind", [Placed, Beside, Backwards])
def test_where_other_words_cannot_be_put_in_what_is_held_is_scored(kind):
    torch.manual_seed(3)
    model, words = kind(), IDS[:1]
    empty = None if kind is Backwards else (lambda target: float(model.empty()[target]))
    method = RecurrentShapleyAttribution(model, model.layer, empty=empty)
    scores = method.attribute(words, target=1, n_samples=6, estimator="scans", seed=4)
    mean = of_removals(model, model.layer, words, 6, seed=4)
    whole, none = model(words)[0, 1], model.empty()[1]
    expected = mean + (whole - none - mean.sum()) / 5
    torch.testing.assert_close(scores[0], expected.detach(), rtol=0, atol=1e-12)


@pytest.mark.usefixtures("only_draws")
def test_a_tolerance_is_met_or_the_limit_reached(model):
    method = shapley(model)
    scores, errors = method.attribute(
        IDS, target=1, tolerance=0.02, return_standard_error=True, n_samples=5000
    )
    assert errors.max() <= 0.02
    _, early = method.attribute(
        IDS, target=1, tolerance=1e-6, return_standard_error=True, n_samples=8
    )
    assert early.max() > 1e-6
    torch.testing.assert_close(scores.sum(1), change(model), rtol=0, atol=1e-12)


@pytest.mark.parametrize("estimator", ["permutations", "scans"])
def test_rows_depend_on_the_seed_alone(model, estimator):
    def scores(ids, seed=0, **options):
        return shapley(model).attribute(
            ids, target=1, n_samples=6, estimator=estimator, seed=seed, **options
        )

    together = scores(IDS)
    assert torch.equal(together, scores(IDS))
    assert (together - scores(IDS, seed=1)).abs().max() > 1e-6
    for row in range(len(IDS)):
        alone = scores(IDS[row : row + 1, : LENGTHS[row]])
        torch.testing.assert_close(alone[0], together[row, : LENGTHS[row]], rtol=0, atol=1e-12)
    torch.testing.assert_close(scores(IDS, internal_batch_size=2), together, rtol=0, atol=1e-12)


@pytest.mark.parametrize("estimator", ["permutations", "scans"])
def test_lengths_and_masks_are_cut_with_the_text(model, estimator):
    options = {"target": 1, "n_samples": 6, "estimator": estimator}
    expected = shapley(model).attribute(IDS, **options)
    packed = shapley(model, model.packed).attribute(IDS, additional_forward_args=LENGTHS, **options)
    torch.testing.assert_close(packed, expected, rtol=0, atol=1e-12)
    marked = shapley(model, model.marked).attribute(
        IDS, additional_forward_args=(IDS != 0, torch.ones(4).double()), **options
    )
    torch.testing.assert_close(marked, expected, rtol=0, atol=1e-12)


def test_long_texts_are_scanned_unless_said_otherwise(model, monkeypatch):
    monkeypatch.setattr(shapley_draws, "SCANS_FROM", 5)
    options = {"target": 1, "n_samples": 6}
    found = shapley(model).attribute(IDS, **options)
    scans, permutations = (
        shapley(model).attribute(IDS, estimator=name, **options)
        for name in ("scans", "permutations")
    )
    torch.testing.assert_close(found[0], scans[0])  # five tokens
    torch.testing.assert_close(found[1:], permutations[1:])
    assert (found[0] - permutations[0]).abs().max() > 1e-6


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"n_samples": 1}, "n_samples is 1; expected at least 2"),
        ({"tolerance": 0.0}, "tolerance is 0.0"),
        ({"estimator": "kernel"}, "estimator is 'kernel'"),
    ],
)
def test_numbers_out_of_range(model, options, words):
    with pytest.raises(ValueError, match=words):
        shapley(model).attribute(IDS, target=1, **options)


def test_progress_on_demand(model, capsys):
    shapley(model).attribute(IDS, target=1)
    assert capsys.readouterr().err == ""
    shapley(model).attribute(IDS, target=1, show_progress=True)
    assert "drawing" in capsys.readouterr().err
