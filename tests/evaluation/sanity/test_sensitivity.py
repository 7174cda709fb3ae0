import math
from typing import Any

import pytest
import torch
from torch import Tensor

from captum_rnn.evaluation.sanity.sensitivity import max_sensitivity

WEIGHTS = torch.tensor([0.0, 2.0, -1.0, 0.5, 0.25, -0.5, 1.0], dtype=torch.float64)
IDS = torch.tensor([[1, 2, 0, 3, 4, 5], [6, 5, 3, 0, 0, 0], [0, 0, 0, 0, 0, 0]])
TARGET = torch.tensor([1, 1, 0])


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
    with pytest.raises(ValueError, match="samples is 0"):
        max_sensitivity(by_weight, IDS, TARGET, words=range(1, 7), seed=0, samples=0)
    with pytest.raises(ValueError, match="words are 3 ids, pad_id among them"):
        max_sensitivity(by_weight, IDS, TARGET, words=range(3), seed=0)
    with pytest.raises(ValueError, match="words are 1 ids; expected at least two"):
        max_sensitivity(by_weight, IDS, TARGET, words=[4], seed=0)
