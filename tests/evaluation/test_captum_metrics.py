import math
from typing import Any

import pytest
import torch
from captum.metrics import infidelity as captum_infidelity
from torch import Tensor

from captum_rnn.evaluation.captum_metrics import infidelity, infidelity_of, max_sensitivity
from captum_rnn.evaluation.draws import text_draws
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
        found = infidelity(additive, IDS, scale * WEIGHTS[IDS], TARGET, seed=0)
        assert found[:2].tolist() == pytest.approx([0, 0], abs=1e-20)
        assert math.isnan(found[2])


def test_what_a_mask_takes_can_be_a_replacement() -> None:
    """Replaced by word 6, a token's contribution is its weight minus that of word 6."""
    found = infidelity(additive, IDS, WEIGHTS[IDS] - 1, TARGET, seed=0, replacement_id=6)
    assert found[:2].tolist() == pytest.approx([0, 0], abs=1e-20)


def test_infidelity_of_one_token_by_hand() -> None:
    """The one token is always masked; scores of 0 leave the square of the change."""
    ids = torch.tensor([[1]])
    zero = infidelity(additive, ids, torch.zeros(1, 1), torch.tensor([1]), seed=0)
    assert zero.item() == pytest.approx(4)


def test_infidelity_of_all_tokens_masked_by_hand() -> None:
    """Every mask is the whole text, so one scale explains all changes unless the scores cancel."""
    ids, target = torch.tensor([[1, 2]]), torch.tensor([1])
    cancelling = torch.tensor([[1.0, -1.0]])
    assert infidelity(additive, ids, cancelling, target, seed=0, share=1.0).item() == pytest.approx(
        1
    )
    skewed = torch.tensor([[5.0, 1.0]])
    assert infidelity(additive, ids, skewed, target, seed=0, share=1.0).item() == pytest.approx(0)


def test_infidelity_grows_with_wrong_scores_and_knows_no_batch() -> None:
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(0, 7, (12, 9), generator=generator)
    target = torch.randint(0, 2, (12,), generator=generator)
    scores = torch.randn(12, 9, generator=generator)
    scores[ids == 0] = torch.nan
    together = infidelity(additive, ids, scores, target, seed=3, samples=20)
    assert (together > 0).all()
    for budget in (1, 400):
        again = infidelity(additive, ids, scores, target, seed=3, samples=20, token_budget=budget)
        assert again.tolist() == pytest.approx(together.tolist())
    alone = infidelity(additive, ids[4:5], scores[4:5], target[4:5], seed=3, samples=20)
    assert alone.item() == pytest.approx(together[4].item())
    other = infidelity(additive, ids, scores, target, seed=4, samples=20)
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
        saturating,
        ids,
        scores,
        target,
        seed=7,
        samples=30,
        share=0.4,
        replacement_id=replacement_id,
    )
    assert found.tolist() == pytest.approx(expected.tolist())
    assert (found > 1e-3).all()


def test_the_masked_texts_are_predicted_once_for_all_methods() -> None:
    perturbed = PerturbedPredictions(saturating, IDS)
    first = infidelity_of(perturbed, WEIGHTS[IDS], TARGET, seed=0)
    asked = perturbed.texts_predicted
    second = infidelity_of(perturbed, WEIGHTS[IDS] ** 2, TARGET, seed=0)
    assert 0 < asked == perturbed.texts_predicted
    for found, scores in ((first, WEIGHTS[IDS]), (second, WEIGHTS[IDS] ** 2)):
        alone = infidelity(saturating, IDS, scores, TARGET, seed=0)
        assert found[:2].tolist() == pytest.approx(alone[:2].tolist())
    assert first[:2].tolist() != second[:2].tolist()


def by_weight(ids: Tensor, target: Tensor) -> Tensor:
    return WEIGHTS[ids] * torch.where(target == 1, 1, -1).unsqueeze(1)


def test_sensitivity_by_hand() -> None:
    """Of one token, word 1 of weight 2 becomes word 2 of weight -1 in every sample."""
    found = max_sensitivity(
        by_weight, torch.tensor([[0, 1]]), torch.tensor([1]), words=[1, 2], seed=0
    )
    assert found.item() == pytest.approx(3 / 2)


def test_one_token_becomes_another_word_of_the_list() -> None:
    seen: list[Tensor] = []

    def attribute(ids: Tensor, target: Tensor) -> Tensor:
        seen.append(ids)
        return by_weight(ids, target)

    text = [1, 2, 1, 3]
    max_sensitivity(
        attribute, torch.tensor([text]), torch.tensor([0]), words=range(1, 4), seed=0, samples=300
    )
    original, changed = seen
    assert original.tolist() == [text]
    differs = changed != original
    assert differs.sum(dim=1).tolist() == [1] * 300
    assert set(changed.flatten().tolist()) == {1, 2, 3}
    # Binomial(300, 1/4): standard deviation 7.5.
    assert all(45 < count < 105 for count in differs.sum(dim=0).tolist())


def test_scores_that_ignore_the_text_do_not_move() -> None:
    found = max_sensitivity(
        lambda ids, target: torch.ones(ids.shape) * (ids != 0),
        IDS,
        TARGET,
        words=range(1, 7),
        seed=0,
    )
    assert found[:2].tolist() == [0, 0]
    assert math.isnan(found[2])


def test_sensitivity_knows_no_batch_and_gradients_work() -> None:
    embedding = torch.nn.Embedding.from_pretrained(WEIGHTS.unsqueeze(1), freeze=False)

    def gradient_times_input(ids: Tensor, target: Tensor) -> Tensor:
        embedded = embedding(ids)
        output = torch.tanh(embedded.sum(dim=(1, 2)))
        (gradient,) = torch.autograd.grad(output.sum(), embedded)
        return (gradient * embedded).sum(dim=-1)

    options: dict[str, Any] = {"words": range(1, 7), "seed": 1, "samples": 5}
    together = max_sensitivity(gradient_times_input, IDS, TARGET, **options)
    apart = max_sensitivity(gradient_times_input, IDS, TARGET, token_budget=1, **options)
    alone = max_sensitivity(gradient_times_input, IDS[:1], TARGET[:1], **options)
    assert together[:2].tolist() == pytest.approx(apart[:2].tolist())
    assert alone.item() == pytest.approx(together[0].item())


def test_a_text_alone_has_the_sensitivity_that_it_has_in_company() -> None:
    """Captum repeats the classes of several texts for the changed copies, not a single one."""

    def of_class(ids: Tensor, target: Tensor) -> Tensor:
        assert len(target) == len(ids)
        return by_weight(ids, target)

    options: dict[str, Any] = {"words": range(1, 7), "seed": 1, "samples": 3}
    together = max_sensitivity(of_class, IDS[:2], TARGET[:2], **options)
    alone = [max_sensitivity(of_class, IDS[[i]], TARGET[[i]], **options).item() for i in (0, 1)]
    assert together.tolist() == pytest.approx(alone)


def test_wrong_arguments_are_refused() -> None:
    scores = WEIGHTS[IDS]
    with pytest.raises(ValueError, match="samples is 0"):
        infidelity(additive, IDS, scores, TARGET, seed=0, samples=0)
    with pytest.raises(ValueError, match="share is 0"):
        infidelity(additive, IDS, scores, TARGET, seed=0, share=0)
    with pytest.raises(ValueError, match="words are 3 ids, pad_id among them"):
        max_sensitivity(by_weight, IDS, TARGET, words=range(3), seed=0)
    with pytest.raises(ValueError, match="words are 1 ids; expected at least two"):
        max_sensitivity(by_weight, IDS, TARGET, words=[4], seed=0)
