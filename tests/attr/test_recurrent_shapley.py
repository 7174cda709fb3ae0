"""Shapley values of a network against the enumeration of all sub-texts."""

import itertools
import math

import pytest
import torch

from captum_rnn import AdjointDeltaAttribution, RecurrentShapleyAttribution
from captum_rnn.attr import shapley_draws
from removal_models import IDS, LENGTHS, Reader


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


def test_permutations_come_to_the_definition(model, truth):
    scores, errors = shapley(model).attribute(
        IDS, target=1, n_samples=4000, return_standard_error=True, seed=5
    )
    assert errors.max() < 0.02
    assert ((scores - truth).abs() <= 4 * errors + 1e-9).all()
    assert (scores[IDS == 0] == 0).all()
    assert (errors[IDS == 0] == 0).all()
    torch.testing.assert_close(scores[2, 0], change(model)[2])  # a single token has all of it


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


def test_scans_come_to_the_mean_of_all_scans(model, truth):
    """Every sub-text scanned alone, every size counted the same; and that is near the truth."""
    words = IDS[:1]
    adjoint, sums = AdjointDeltaAttribution(model, model.layer), torch.zeros(5).double()
    for size in range(1, 6):
        holding = torch.zeros(5).double()
        for places in map(list, itertools.combinations(range(5), size)):
            holding[places] += adjoint.attribute(words[:, places], target=1)[0]
        sums += holding / math.comb(4, size - 1) / 5
    limit = sums + (change(model)[0] - sums.sum()) / 5
    scores, errors = shapley(model).attribute(
        words, target=1, n_samples=2000, estimator="scans", return_standard_error=True
    )
    assert errors.max() < 0.1 * truth[0].abs().max()
    assert ((scores[0] - limit).abs() < 4 * errors[0]).all()
    assert torch.corrcoef(torch.stack([limit, truth[0]]))[0, 1] > 0.95


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
