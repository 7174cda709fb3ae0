import dataclasses

import pytest
import torch

from captum_rnn.attr import (
    AdjointDeltaAttribution,
    HiddenStateDeltaAttribution,
    LocalDeltaAttribution,
    LogitDeltaAttribution,
    RecurrentDeepLiftAttribution,
    RecurrentLRPAttribution,
)
from captum_rnn.benchmark.methods import METHODS, ExplainedModel, Method
from captum_rnn.benchmark.methods.state_methods import StateMethod, lengths_to_tell
from foreign_models import (
    KINDS,
    RECURRENT_KINDS,
    explained_model,
    margin_of_text,
    words_of,
)

STATE_METHODS = [name for name, method in METHODS.items() if isinstance(method, StateMethod)]


def fitted(name: str, model: ExplainedModel) -> Method:
    """The method after learning from texts that are not explained."""
    generator = torch.Generator().manual_seed(0)
    texts = [torch.randint(1, 12, (8, 5), generator=generator) for _ in range(3)]
    return METHODS[name].fit(model, texts)


def alone(
    model: ExplainedModel, words: list[int], label: int, attribution, **options
) -> torch.Tensor:
    """Scores of one text without padding, by an attribution of the bare logits."""
    arguments = (torch.tensor([len(words)]),) if model.takes_lengths else None
    scores = attribution.attribute(
        torch.tensor([words]), target=label, additional_forward_args=arguments, **options
    )
    return scores[0].detach()


@pytest.mark.parametrize("distance", ["l2", "l1", "linf", "cosine", "projection"])
@pytest.mark.parametrize("kind", RECURRENT_KINDS)
def test_hidden_state_delta_is_the_attribution_of_each_text(kind: str, distance: str) -> None:
    model, ids = explained_model(kind), KINDS[kind].ids
    target = torch.arange(len(ids)) % 2
    method = METHODS[f"hidden-state-delta-{distance}"]
    scores = method(model, ids, target)
    attribution = HiddenStateDeltaAttribution(
        model.model, model.layer, distance=distance, readout=model.readout
    )
    for row, words in enumerate(words_of(ids)):
        expected = alone(model, words, int(target[row]), attribution)
        torch.testing.assert_close(scores[row][ids[row] != 0], expected)
    torch.testing.assert_close(method.total(model, ids, target), torch.ones(len(ids)).double())
    torch.testing.assert_close(scores.sum(1), torch.ones(len(ids)).double())


@pytest.mark.parametrize("kind", RECURRENT_KINDS)
def test_class_aware_methods_are_the_attribution_of_half_the_margin(kind: str) -> None:
    """With two classes the margin is the difference of the logits, so scores are one more."""
    model, ids = explained_model(kind), KINDS[kind].ids
    target = torch.arange(len(ids)) % 2
    attributions = {
        "logit-delta": LogitDeltaAttribution(model.model, model.layer),
        "local-delta": LocalDeltaAttribution(model.model, model.layer),
        "adjoint-delta": AdjointDeltaAttribution(model.model, model.layer),
        "adjoint-delta-replaced": AdjointDeltaAttribution(model.model, model.layer),
        "relevance-propagation": RecurrentLRPAttribution(model.model, model.layer),
        "recurrent-deep-lift": RecurrentDeepLiftAttribution(model.model, model.layer),
        "recurrent-deep-lift-word": RecurrentDeepLiftAttribution(model.model, model.layer),
    }
    baselines = {
        "local-delta": {"baselines": model.embedding.weight[1:].mean(0)},
        "adjoint-delta-replaced": {"baselines": 1},
        "recurrent-deep-lift-word": {"baselines": 1},
    }
    for name, attribution in attributions.items():
        scores = METHODS[name](model, ids, target)
        options = baselines.get(name, {})
        for row, words in enumerate(words_of(ids)):
            label = int(target[row])
            expected = alone(model, words, label, attribution, **options)
            expected = expected - alone(model, words, 1 - label, attribution, **options)
            torch.testing.assert_close(scores[row][ids[row] != 0], expected)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("kind", RECURRENT_KINDS)
def test_logit_delta_sums_to_the_margin_without_the_bias(kind: str, classes: int) -> None:
    model, ids = explained_model(kind, classes), KINDS[kind].ids
    target = torch.arange(len(ids)) % classes
    method = METHODS["logit-delta"]
    bias = model.model.head.bias.tolist()
    change = []
    for words, label in zip(words_of(ids), target.tolist(), strict=True):
        others = bias[:label] + bias[label + 1 :]
        at_rest = bias[label] - sum(others) / len(others)
        change.append(margin_of_text(model, words, label) - at_rest)
    expected = torch.tensor(change, dtype=torch.float64)
    torch.testing.assert_close(method.total(model, ids, target), expected)
    torch.testing.assert_close(method(model, ids, target).sum(1), expected)


@pytest.mark.parametrize("kind", RECURRENT_KINDS)
def test_relevance_has_to_sum_to_the_margin_and_does_where_there_is_no_bias(kind: str) -> None:
    model, ids = explained_model(kind, classes=3), KINDS[kind].ids
    target = torch.arange(len(ids)) % 3
    with torch.no_grad():
        for name, weights in model.model.named_parameters():
            if "bias" in name:
                weights.zero_()
    method = METHODS["relevance-propagation"]
    total = method.total(model, ids, target)
    margins = [
        margin_of_text(model, words, label)
        for words, label in zip(words_of(ids), target.tolist(), strict=True)
    ]
    torch.testing.assert_close(total, torch.tensor(margins, dtype=torch.float64))
    # What is missing is what the rule's ε of 0.001 absorbs.
    assert float((method(model, ids, target).sum(1) - total).abs().max()) < 0.1


@pytest.mark.parametrize("kind", RECURRENT_KINDS)
def test_calibrated_scores_sum_to_their_total(kind: str) -> None:
    model, ids = explained_model(kind, classes=3), KINDS[kind].ids
    target = torch.arange(len(ids)) % 3
    for name in ("calibrated-delta", "calibrated-delta-mean-adjoint"):
        method = fitted(name, model)
        total = method.total(model, ids, target)
        assert float(total.abs().max()) > 0.01
        torch.testing.assert_close(method(model, ids, target).sum(1), total)
    assert fitted("calibrated-local-delta", model).total(model, ids, target) is None
    assert METHODS["adjoint-delta"].total(model, ids, target) is None


def test_the_calibration_learns_one_vector_of_the_steps_for_each_class() -> None:
    """From a teacher whose scores are such a product, ridge regression finds its vector."""
    model = explained_model("masked-mean-rnn", classes=3)
    vectors = torch.randn(3, 5, dtype=torch.float64)

    class Product(Method):
        def __call__(self, model, ids, target):
            with torch.no_grad():
                states = model.layer(model.embedding(ids))[0]
            steps = states.diff(dim=1, prepend=torch.zeros_like(states[:, :1]))
            return torch.einsum("bth,bh->bt", steps, vectors[target])

    teacher = Product(name="teacher", label="teacher", passes="1")
    method = dataclasses.replace(METHODS["calibrated-delta"], teacher=teacher)
    texts = [torch.randint(1, 12, (64, 12)) for _ in range(32)]
    method = method.fit(model, texts)
    ids, target = texts[0][:3], torch.tensor([0, 1, 2])
    scores = method(model, ids, target)
    torch.testing.assert_close(scores, teacher(model, ids, target), atol=0.05, rtol=0.05)


def test_adjoint_delta_estimates_leave_one_out() -> None:
    """To first order: on a classifier whose states hardly move, the two agree."""
    for kind in ("lstm", "gru", "rnn"):
        model = explained_model(kind)
        with torch.no_grad():
            model.embedding.weight.mul_(0.01)
            for name, weights in model.layer.named_parameters():
                if "bias" in name:
                    weights.zero_()
        ids = torch.randint(1, 12, (4, 6))
        target = torch.tensor([0, 1, 0, 1])
        exact = METHODS["leave-one-out"](model, ids, target).double()
        estimate = METHODS["adjoint-delta"](model, ids, target)
        assert torch.corrcoef(torch.stack([exact.flatten(), estimate.flatten()]))[0, 1] > 0.99


@pytest.mark.parametrize("name", STATE_METHODS)
def test_a_model_without_a_recurrent_layer_is_an_error(name: str) -> None:
    model, ids = explained_model("mean-of-words"), KINDS["mean-of-words"].ids
    target = torch.arange(len(ids)) % 2
    message = r"reads the states of a recurrent layer, but the explained model names none; give"
    with pytest.raises(ValueError, match=message):
        fitted(name, model)(model, ids, target)
    wrong = dataclasses.replace(model, layer=model.model.hidden)
    with pytest.raises(TypeError, match="Sequential, which is not recurrent"):
        fitted(name, wrong)(wrong, ids, target)


@pytest.mark.parametrize("name", ["calibrated-delta", "calibrated-local-delta"])
def test_a_calibration_that_was_not_learnt_is_an_error(name: str) -> None:
    model, ids = explained_model("lstm"), KINDS["lstm"].ids
    with pytest.raises(ValueError, match="must be fitted on background texts"):
        METHODS[name].fit(model, [])(model, ids, torch.tensor([0, 1, 0]))


def test_lengths_are_told_only_of_a_layer_that_runs_over_padding() -> None:
    padded, full = KINDS["packed-gru"].ids, KINDS["last-output-lstm"].ids
    assert lengths_to_tell(explained_model("masked-mean-rnn"), padded).tolist() == [5, 3, 4, 1]
    assert lengths_to_tell(explained_model("masked-mean-rnn"), full) is None
    for kind in ("packed-gru", "packed-mean-bilstm", "lstm"):
        assert lengths_to_tell(explained_model(kind), padded) is None
