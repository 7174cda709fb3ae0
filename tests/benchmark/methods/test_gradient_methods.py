import warnings
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from captum_rnn.benchmark.methods import METHODS, ExplainedModel
from captum_rnn.benchmark.methods.gradient_methods import (
    GradientShapFromZero,
    IntegratedGradientsFromZero,
)
from foreign_models import KINDS, explained_model, margin_of_text, words_of

ONE_BACKWARD = ["saliency", "saliency-sum", "input-x-gradient", "layer-gradient-x-activation"]
BY_GRADIENT = [
    *ONE_BACKWARD,
    "integrated-gradients",
    "integrated-gradients-word",
    "gradient-shap",
    "deep-lift",
]


def margins(model: ExplainedModel, embedded: Tensor, ids: Tensor, target: Tensor) -> Tensor:
    """Logit of the target minus the mean of the others, written out."""
    with torch.no_grad():
        logits = model.logits_of_embedded(embedded, ids)
    rows = []
    for row, wanted in zip(logits, target.tolist(), strict=True):
        others = [logit for label, logit in enumerate(row) if label != wanted]
        rows.append(row[wanted] - torch.stack(others).mean())
    return torch.stack(rows)


def numerical_gradient(model: ExplainedModel, ids: Tensor, target: Tensor) -> Tensor:
    """Central differences (batch, time, features) of the margins."""
    embedded = model.embedding(ids).detach()
    gradient = torch.zeros_like(embedded)
    for position in range(embedded.shape[1]):
        for feature in range(embedded.shape[2]):
            nudge = torch.zeros_like(embedded)
            nudge[:, position, feature] = 1e-5
            upper = margins(model, embedded + nudge, ids, target)
            lower = margins(model, embedded - nudge, ids, target)
            gradient[:, position, feature] = (upper - lower) / 2e-5
    return gradient.masked_fill((ids == 0).unsqueeze(2), 0.0)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_gradients_are_the_numerical_ones(kind: str, classes: int) -> None:
    model, ids = explained_model(kind, classes), KINDS[kind].ids
    target = torch.arange(len(ids)) % classes
    gradient = numerical_gradient(model, ids, target)
    times_input = (gradient * model.embedding(ids).detach()).sum(2)
    expected = {
        "saliency": gradient.pow(2).sum(2).sqrt(),
        "saliency-sum": gradient.sum(2),
        "input-x-gradient": times_input,
        "layer-gradient-x-activation": times_input,
    }
    for name in ONE_BACKWARD:
        scores = METHODS[name](model, ids, target)
        torch.testing.assert_close(scores, expected[name], atol=1e-8, rtol=1e-6)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_integrated_gradients_sum_to_the_change_of_the_margin(kind: str, classes: int) -> None:
    model, ids = explained_model(kind, classes), KINDS[kind].ids
    target = torch.arange(len(ids)) % classes
    embedded = model.embedding(ids).detach()
    whole = margins(model, embedded, ids, target)
    change = whole - margins(model, torch.zeros_like(embedded), ids, target)
    assert float(change.abs().max()) > 0.1

    method = METHODS["integrated-gradients"]
    torch.testing.assert_close(method.total(model, ids, target), change)
    torch.testing.assert_close(method(model, ids, target).sum(1), change, atol=1e-4, rtol=1e-4)

    method = METHODS["integrated-gradients-word"]
    change = torch.tensor(
        [
            margin_of_text(model, words, label) - margin_of_text(model, [1] * len(words), label)
            for words, label in zip(words_of(ids), target.tolist(), strict=True)
        ],
        dtype=torch.float64,
    )
    torch.testing.assert_close(method.total(model, ids, target), change)
    torch.testing.assert_close(method(model, ids, target).sum(1), change, atol=1e-4, rtol=1e-4)


def test_integrated_gradients_are_the_integral_of_the_gradient() -> None:
    """By the trapezoidal rule over numerical slopes of the way of each word."""
    model, ids, target = explained_model("gru"), KINDS["gru"].ids, torch.tensor([1, 0, 1])
    embedded = model.embedding(ids).detach()

    def slope(share: float, position: int) -> Tensor:
        word = torch.zeros_like(embedded)
        word[:, position] = 1e-5 * embedded[:, position]
        upper = margins(model, share * embedded + word, ids, target)
        return (upper - margins(model, share * embedded - word, ids, target)) / 2e-5

    scores = METHODS["integrated-gradients"](model, ids, target)
    shares = torch.linspace(0, 1, 201, dtype=torch.float64)
    for position in range(ids.shape[1]):
        slopes = torch.stack([slope(float(share), position) for share in shares])
        expected = torch.trapezoid(slopes, shares, dim=0).masked_fill(ids[:, position] == 0, 0.0)
        torch.testing.assert_close(scores[:, position], expected, atol=1e-4, rtol=1e-3)


def test_integrated_gradients_from_a_word_give_that_word_nothing() -> None:
    model, ids = explained_model("lstm"), torch.tensor([[3, 1, 7, 1]])
    scores = METHODS["integrated-gradients-word"](model, ids, torch.tensor([0]))
    assert scores[0, [1, 3]].tolist() == [0, 0]
    assert (scores[0, [0, 2]] != 0).all()


def test_passes_of_integrated_gradients_stay_within_the_budget_and_change_nothing() -> None:
    model, ids, target = explained_model("lstm"), KINDS["lstm"].ids, torch.tensor([1, 0, 1])
    sizes: list[int] = []
    model.layer.register_forward_hook(lambda _, inputs, output: sizes.append(len(inputs[0].data)))
    small = IntegratedGradientsFromZero(name="small", label="small", token_budget=60)
    scores = small(model, ids, target)
    # 11 words a row of the batch, 4 steps of the integral at 3 × 5 positions: 44 words.
    assert max(sizes) == 44
    assert sum(sizes) >= 50 * 11
    torch.testing.assert_close(scores, METHODS["integrated-gradients"](model, ids, target))


def test_gradient_shap_goes_to_integrated_gradients_with_its_samples() -> None:
    model, ids, target = explained_model("gru"), KINDS["gru"].ids, torch.tensor([1, 0, 1])
    exact = METHODS["integrated-gradients"](model, ids, target)

    def error(samples: int) -> float:
        method = GradientShapFromZero(name="shap", label="shap", samples=samples)
        scores = [method.seeded(seed)(model, ids, target) for seed in range(5)]
        return float((torch.stack(scores) - exact).pow(2).mean().sqrt())

    assert error(1600) < 0.05
    # 64 times the samples are an 8th of the error, give or take a factor of 2.
    assert 4 < error(25) / error(1600) < 16


def test_gradient_shap_depends_on_the_seed_alone() -> None:
    model, ids, target = explained_model("gru"), KINDS["gru"].ids, torch.tensor([1, 0, 1])
    method = METHODS["gradient-shap"]
    first = method.seeded(3)(model, ids, target)
    torch.rand(5)
    assert torch.equal(first, method.seeded(3)(model, ids, target))
    assert not torch.allclose(first, method.seeded(4)(model, ids, target))


@pytest.mark.parametrize("kind", KINDS)
def test_deep_lift_is_gradient_times_input_where_a_layer_is_recurrent(kind: str) -> None:
    model, ids = explained_model(kind), KINDS[kind].ids
    target = torch.arange(len(ids)) % 2
    scores = METHODS["deep-lift"](model, ids, target)
    total = METHODS["deep-lift"].total(model, ids, target)
    product = METHODS["input-x-gradient"](model, ids, target)
    if KINDS[kind].recurrent:
        torch.testing.assert_close(scores, product)
        assert float(((scores.sum(1) - total) / total).abs().max()) > 0.3
    else:
        torch.testing.assert_close(scores.sum(1), total)
        assert not torch.allclose(scores, product, rtol=0.01)


def test_deep_lift_lets_other_warnings_through() -> None:
    model, ids = explained_model("gru"), KINDS["gru"].ids
    model.layer.register_forward_hook(lambda *_: warnings.warn("of the model", stacklevel=1))
    with pytest.warns(UserWarning, match="of the model"):
        METHODS["deep-lift"](model, ids, torch.tensor([0, 1, 0]))


@pytest.mark.parametrize("name", BY_GRADIENT)
def test_cudnn_is_off_while_gradients_are_taken(name: str) -> None:
    model, ids = explained_model("lstm"), KINDS["lstm"].ids
    enabled: list[bool] = []
    model.layer.register_forward_hook(lambda *_: enabled.append(torch.backends.cudnn.enabled))
    METHODS[name](model, ids, torch.tensor([0, 1, 0]))
    assert enabled
    assert not any(enabled)
    assert torch.backends.cudnn.enabled


@pytest.mark.parametrize("name", BY_GRADIENT)
def test_two_classes_have_opposite_scores(name: str) -> None:
    model, ids = explained_model("rnn"), KINDS["rnn"].ids
    score: Callable[[int], Tensor] = lambda label: METHODS[name](  # noqa: E731
        model, ids, torch.full((len(ids),), label)
    )
    sign = 1 if name == "saliency" else -1
    torch.testing.assert_close(score(0), sign * score(1))
