from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from captum_rnn.attr.hidden_state_delta import HiddenStateDeltaAttribution
from captum_rnn.benchmark.gradient_methods import IntegratedGradientsFromZero
from captum_rnn.benchmark.method import Method, margin
from captum_rnn.benchmark.methods import DEFAULT_METHODS, METHODS, find_methods
from captum_rnn.text.classifier import RecurrentClassifier

IDS = torch.tensor([[3, 7, 0, 1, 9], [5, 2, 8, 0, 0], [4, 4, 4, 4, 6]])
TARGET = torch.tensor([1, 0, 2])
GRADIENT_METHODS = ["saliency", "input-x-gradient", "integrated-gradients"]


def classifier(kind: str = "lstm", classes: int = 3) -> RecurrentClassifier:
    """An untrained classifier whose margins differ clearly between texts, in double precision."""
    torch.manual_seed(1)
    model = RecurrentClassifier(10, classes, kind, embedding_dim=6, hidden_size=5)  # type: ignore[arg-type]
    with torch.no_grad():
        model.embedding.weight[1:].normal_()
        model.head.weight.normal_()
    return model.double().eval()


def margins(model: RecurrentClassifier, embedded: Tensor) -> Tensor:
    """Logit of the target minus the mean of the other two, written out."""
    with torch.no_grad():
        logits = model.forward_embedded(embedded, IDS)
    return torch.stack(
        [
            logits[0, 1] - (logits[0, 0] + logits[0, 2]) / 2,
            logits[1, 0] - (logits[1, 1] + logits[1, 2]) / 2,
            logits[2, 2] - (logits[2, 0] + logits[2, 1]) / 2,
        ]
    )


def central_difference(function: Callable[[float], Tensor], step: float = 1e-5) -> Tensor:
    return (function(step) - function(-step)) / (2 * step)


@pytest.mark.parametrize("kind", ["lstm", "gru", "rnn"])
def test_saliency_is_the_norm_of_the_numerical_gradient(kind: str) -> None:
    model = classifier(kind)
    embedded = model.embedding(IDS).detach()
    scores = METHODS["saliency"](model, IDS, TARGET)

    gradient = torch.zeros_like(embedded)
    for position in range(embedded.shape[1]):
        for feature in range(embedded.shape[2]):
            direction = torch.zeros_like(embedded)
            direction[:, position, feature] = 1
            gradient[:, position, feature] = central_difference(
                lambda step, direction=direction: margins(model, embedded + step * direction)
            )
    torch.testing.assert_close(scores, gradient.pow(2).sum(2).sqrt(), atol=1e-8, rtol=1e-6)


@pytest.mark.parametrize("kind", ["lstm", "gru", "rnn"])
def test_input_x_gradient_is_the_slope_of_scaling_one_token(kind: str) -> None:
    model = classifier(kind)
    embedded = model.embedding(IDS).detach()
    scores = METHODS["input-x-gradient"](model, IDS, TARGET)

    for position in range(IDS.shape[1]):
        alone = torch.zeros_like(embedded)
        alone[:, position] = embedded[:, position]
        slope = central_difference(
            lambda step, alone=alone: margins(model, embedded + step * alone)
        )
        torch.testing.assert_close(scores[:, position], slope, atol=1e-8, rtol=1e-6)


@pytest.mark.parametrize("kind", ["lstm", "gru", "rnn"])
def test_integrated_gradients_sum_to_the_change_of_the_margin(kind: str) -> None:
    model = classifier(kind)
    scores = METHODS["integrated-gradients"](model, IDS, TARGET)

    embedded = model.embedding(IDS).detach()
    change = margins(model, embedded) - margins(model, torch.zeros_like(embedded))
    assert float(change.abs().max()) > 0.5
    torch.testing.assert_close(scores.sum(1), change, atol=1e-6, rtol=1e-6)


def test_integrated_gradients_in_small_passes_are_the_same() -> None:
    model = classifier()
    whole = METHODS["integrated-gradients"](model, IDS, TARGET)
    small = IntegratedGradientsFromZero(name="small", label="small", token_budget=30)
    torch.testing.assert_close(small(model, IDS, TARGET), whole, atol=1e-10, rtol=1e-10)


def test_passes_of_integrated_gradients_stay_within_the_budget() -> None:
    model = classifier()
    sizes: list[int] = []
    model.rnn.register_forward_hook(lambda _, inputs, output: sizes.append(len(inputs[0].data)))
    IntegratedGradientsFromZero(name="small", label="small", token_budget=60)(model, IDS, TARGET)
    # 12 known words a row of the batch, 4 steps of the integral at 3 × 5 positions: 48 words.
    assert max(sizes) == 48
    assert sum(sizes) >= 50 * 12


@pytest.mark.parametrize("distance", ["l2", "l1", "linf", "cosine", "projection"])
def test_hidden_state_delta_reads_the_recurrent_layer(distance: str) -> None:
    model = classifier()
    scores = METHODS[f"hidden-state-delta-{distance}"](model, IDS, TARGET)
    expected = HiddenStateDeltaAttribution(model, model.rnn, distance=distance).attribute(IDS)  # type: ignore[arg-type]
    assert torch.equal(scores, expected)


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_unread_tokens_score_zero_and_rows_are_independent(method: Method) -> None:
    model = classifier()
    scores = method(model, IDS, TARGET)

    assert scores.shape == IDS.shape
    assert not scores.requires_grad
    assert (scores[IDS == 0] == 0).all()
    assert (scores[IDS != 0] != 0).all()
    for row, length in enumerate([5, 3, 5]):
        alone = method(model, IDS[row : row + 1, :length], TARGET[row : row + 1])
        torch.testing.assert_close(alone[0], scores[row, :length], atol=1e-7, rtol=1e-5)
    assert method.signed == bool((scores < 0).any())


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_the_model_stays_as_it_was(method: Method) -> None:
    model = classifier()
    with torch.no_grad():
        method(model, IDS, TARGET)
    assert all(parameter.grad is None for parameter in model.parameters())
    assert not model.training
    assert not model.rnn._forward_hooks
    assert torch.backends.cudnn.enabled


@pytest.mark.parametrize("name", GRADIENT_METHODS)
def test_cudnn_is_off_while_gradients_are_taken(name: str) -> None:
    model = classifier()
    enabled: list[bool] = []
    model.rnn.register_forward_hook(lambda *_: enabled.append(torch.backends.cudnn.enabled))
    METHODS[name](model, IDS, TARGET)
    assert enabled
    assert not any(enabled)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_a_gpu_gives_the_same_scores(method: Method) -> None:
    model = classifier()
    expected = method(model, IDS, TARGET)
    on_gpu = method(model.cuda(), IDS.cuda(), TARGET.cuda())
    torch.testing.assert_close(on_gpu.cpu(), expected, atol=1e-6, rtol=1e-5)


def test_random_scores_depend_on_the_seed_alone() -> None:
    model = classifier()
    first, again, other = (
        find_methods(["random"], seed=seed)[0](model, IDS, TARGET) for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert bool(first.abs().max() <= 1)


def test_margin_by_hand() -> None:
    logits = torch.tensor([[1.0, 2.0, 6.0], [3.0, -1.0, 0.0]])
    assert margin(logits, torch.tensor([2, 1])).tolist() == [6 - 1.5, -1 - 1.5]
    assert margin(torch.tensor([[2.0, 5.0]]), torch.tensor([0])).tolist() == [-3]


def test_the_default_methods_are_those_of_the_comparison() -> None:
    assert [method.name for method in find_methods()] == list(DEFAULT_METHODS)
    assert DEFAULT_METHODS == (
        "hidden-state-delta-l2",
        "hidden-state-delta-projection",
        "logit-delta",
        "local-delta",
        "adjoint-delta",
        "relevance-propagation",
        "saliency",
        "input-x-gradient",
        "integrated-gradients",
        "random",
    )


@pytest.mark.parametrize("kind", ["lstm", "gru", "rnn"])
def test_adjoint_delta_estimates_leave_one_out(kind) -> None:
    """To first order: on a classifier whose states hardly move, the two agree."""
    torch.manual_seed(0)
    model = RecurrentClassifier(30, kind=kind, embedding_dim=8, hidden_size=8).eval()
    ids = torch.randint(1, 31, (4, 6))
    target = torch.tensor([0, 1, 0, 1])
    with torch.no_grad():
        exact = torch.stack(
            [
                margin(model(ids), target)
                - margin(model(ids.index_fill(1, torch.tensor([t]), 0)), target)
                for t in range(6)
            ],
            1,
        )
    estimate = METHODS["adjoint-delta"](model, ids, target)
    assert torch.corrcoef(torch.stack([exact.flatten(), estimate.flatten()]))[0, 1] > 0.99


@pytest.mark.parametrize("kind", ["lstm", "gru", "rnn"])
def test_logit_delta_sums_to_the_margin_without_the_bias(kind) -> None:
    model = RecurrentClassifier(30, kind=kind, embedding_dim=8, hidden_size=8).eval()
    ids, target = torch.randint(1, 31, (4, 6)), torch.tensor([0, 1, 0, 1])
    with torch.no_grad():
        change = margin(model(ids), target) - margin(model(torch.zeros_like(ids)), target)
    scores = METHODS["logit-delta"](model, ids, target)
    torch.testing.assert_close(scores.sum(1), change)


def test_a_name_given_twice_counts_once() -> None:
    assert [m.name for m in find_methods(["random", "saliency", "random"])] == [
        "random",
        "saliency",
    ]


def test_an_unknown_name_is_answered_with_the_choices() -> None:
    with pytest.raises(ValueError, match=r"'lime' names no method; choose from .*saliency"):
        find_methods(["saliency", "lime"])
    with pytest.raises(ValueError, match="an empty list names no method"):
        find_methods([])
