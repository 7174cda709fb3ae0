import math

import pytest
import torch
from captum.metrics import infidelity as captum_infidelity
from torch import Tensor

from captum_rnn.evaluation.draws import text_draws
from captum_rnn.evaluation.faithfulness.infidelity import infidelity
from captum_rnn.evaluation.perturbed import PerturbedPredictions

WEIGHTS = torch.tensor([0.0, 2.0, -1.0, 0.5, 0.25, -0.5, 1.0], dtype=torch.float64)


def additive(ids: Tensor) -> Tensor:
    """A classifier whose output for class 1 is the sum of the words' weights."""
    total = WEIGHTS[ids].sum(dim=1)
    return torch.stack([-total, total], dim=1)


IDS = torch.tensor([[1, 2, 0, 3, 4, 5], [6, 5, 3, 0, 0, 0], [0, 0, 0, 0, 0, 0]])
TARGET = torch.tensor([1, 1, 0])


def test_true_contributions_have_no_infidelity_in_any_unit() -> None:
    for scale in (1.0, 7.0):
        found = infidelity(
            PerturbedPredictions(additive, IDS), scale * WEIGHTS[IDS], TARGET, seed=0
        )
        assert found[:2].tolist() == pytest.approx([0, 0], abs=1e-20)
        assert math.isnan(found[2])


def test_what_a_mask_takes_can_be_a_replacement() -> None:
    """Replaced by word 6, a token's contribution is its weight minus that of word 6."""
    found = infidelity(
        PerturbedPredictions(additive, IDS, replacement_id=6), WEIGHTS[IDS] - 1, TARGET, seed=0
    )
    assert found[:2].tolist() == pytest.approx([0, 0], abs=1e-20)


def test_infidelity_one_token_by_hand() -> None:
    """The one token is always masked; scores of 0 leave the square of the change."""
    ids = torch.tensor([[1]])
    zero = infidelity(
        PerturbedPredictions(additive, ids), torch.zeros(1, 1), torch.tensor([1]), seed=0
    )
    assert zero.item() == pytest.approx(4)


def test_infidelity_all_tokens_masked_by_hand() -> None:
    """Every mask is the whole text, so one scale explains all changes unless the scores cancel."""
    ids, target = torch.tensor([[1, 2]]), torch.tensor([1])
    cancelling = torch.tensor([[1.0, -1.0]])
    assert infidelity(
        PerturbedPredictions(additive, ids), cancelling, target, seed=0, share=1.0
    ).item() == pytest.approx(1)
    skewed = torch.tensor([[5.0, 1.0]])
    assert infidelity(
        PerturbedPredictions(additive, ids), skewed, target, seed=0, share=1.0
    ).item() == pytest.approx(0)


def test_infidelity_grows_with_wrong_scores_and_knows_no_batch() -> None:
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(0, 7, (12, 9), generator=generator)
    target = torch.randint(0, 2, (12,), generator=generator)
    scores = torch.randn(12, 9, generator=generator)
    scores[ids == 0] = torch.nan
    together = infidelity(PerturbedPredictions(additive, ids), scores, target, seed=3, samples=20)
    assert (together > 0).all()
    for budget in (1, 400):
        again = infidelity(
            PerturbedPredictions(additive, ids, token_budget=budget),
            scores,
            target,
            seed=3,
            samples=20,
        )
        assert again.tolist() == pytest.approx(together.tolist())
    alone = infidelity(
        PerturbedPredictions(additive, ids[4:5]), scores[4:5], target[4:5], seed=3, samples=20
    )
    assert alone.item() == pytest.approx(together[4].item())
    other = infidelity(PerturbedPredictions(additive, ids), scores, target, seed=4, samples=20)
    assert other.tolist() != together.tolist()


def saturating(ids: Tensor) -> Tensor:
    """A classifier for which a word counts less the more others there are."""
    return torch.tanh(additive(ids)).exp()


@pytest.mark.parametrize("replacement_id", [None, 6])
def test_infidelity_is_captums_own_on_masked_ids(replacement_id: int | None) -> None:
    ids, target = torch.tensor([[1, 2, 3, 4, 5], [5, 5, 3, 1, 2]]), torch.tensor([1, 0])
    scores = torch.tensor([[0.3, -0.2, 0.1, 0.9, 0.0], [1.0, 0.5, -0.5, 0.2, 0.1]])
    draws = text_draws(ids, seed=7, stream=2, samples=30).reshape(60, 5)
    masked = (draws < 0.4) | (draws == draws.amin(dim=1, keepdim=True))
    expected = captum_infidelity(
        saturating,
        lambda texts: (masked.double(), texts.masked_fill(masked, replacement_id or 0)),
        ids,
        scores.double(),
        target=target,
        n_perturb_samples=30,
        normalize=True,
    )
    found = infidelity(
        PerturbedPredictions(saturating, ids, replacement_id=replacement_id),
        scores,
        target,
        seed=7,
        samples=30,
        share=0.4,
    )
    assert found.tolist() == pytest.approx(expected.tolist())
    assert (found > 1e-3).all()


def test_the_masked_texts_are_predicted_once_for_all_methods() -> None:
    perturbed = PerturbedPredictions(saturating, IDS)
    first = infidelity(perturbed, WEIGHTS[IDS], TARGET, seed=0)
    asked = perturbed.texts_predicted
    second = infidelity(perturbed, WEIGHTS[IDS] ** 2, TARGET, seed=0)
    assert 0 < asked == perturbed.texts_predicted
    for found, scores in ((first, WEIGHTS[IDS]), (second, WEIGHTS[IDS] ** 2)):
        alone = infidelity(PerturbedPredictions(saturating, IDS), scores, TARGET, seed=0)
        assert found[:2].tolist() == pytest.approx(alone[:2].tolist())
    assert first[:2].tolist() != second[:2].tolist()


def test_the_predicted_class_is_explained_unless_another_is_given() -> None:
    perturbed = PerturbedPredictions(saturating, IDS)
    given = infidelity(perturbed, WEIGHTS[IDS], perturbed.predicted, seed=0)
    assert infidelity(perturbed, WEIGHTS[IDS], seed=0)[:2].tolist() == given[:2].tolist()


def test_wrong_arguments_are_refused() -> None:
    scores = WEIGHTS[IDS]
    with pytest.raises(ValueError, match="samples is 0"):
        infidelity(PerturbedPredictions(additive, IDS), scores, TARGET, seed=0, samples=0)
    with pytest.raises(ValueError, match="share is 0"):
        infidelity(PerturbedPredictions(additive, IDS), scores, TARGET, seed=0, share=0)
