import pytest
import torch

from captum_rnn.benchmark.methods import (
    ALL_METHODS,
    METHODS,
    QUICK_METHODS,
    ExplainedModel,
    Method,
    find_methods,
)
from captum_rnn.benchmark.methods.mixture import MeanOfMethods
from captum_rnn.benchmark.methods.registry import CEILINGS
from captum_rnn.benchmark.methods.state_methods import StateMethod, WordInformation
from foreign_models import KINDS, explained_model


def fitted(method: Method, model: ExplainedModel) -> Method:
    generator = torch.Generator().manual_seed(0)
    return method.fit(model, [torch.randint(1, 12, (4, 5), generator=generator)]).seeded(5)


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("kind", ["mean-bidirectional", "packed-gru", "masked-mean-rnn"])
def test_padding_scores_zero_and_rows_are_independent(kind: str, name: str) -> None:
    model, ids = explained_model(kind, classes=3), KINDS[kind].ids
    target = torch.arange(len(ids)) % 3
    method = fitted(METHODS[name], model)
    with torch.no_grad():
        scores = method(model, ids, target)

    assert scores.shape == ids.shape
    assert not scores.requires_grad
    assert scores.isfinite().all()
    assert (scores[ids == 0] == 0).all()
    assert (scores[ids != 0] != 0).sum() > (ids != 0).sum() / 2
    assert method.signed or not (scores < 0).any()
    for row in (1, 2):
        end = int((ids[row] != 0).nonzero().max()) + 1
        alone = method(model, ids[row : row + 1, :end], target[row : row + 1])
        # A search with a stopping rule: rounding may end it a step earlier.
        atol = 0.02 if name == "word-information" else 1e-5
        torch.testing.assert_close(alone[0], scores[row, :end], atol=atol, rtol=1e-4)


@pytest.mark.parametrize("name", METHODS)
def test_the_model_stays_as_it_was(name: str) -> None:
    model, ids = explained_model("packed-gru"), KINDS["packed-gru"].ids
    before = {key: value.clone() for key, value in model.model.state_dict().items()}
    numbers = torch.get_rng_state()
    target = torch.arange(len(ids)) % 2
    method = fitted(METHODS[name], model)
    method(model, ids, target)
    method.total(model, ids, target)

    assert all(parameter.grad is None for parameter in model.model.parameters())
    for module in model.model.modules():
        assert not module.training
        assert not module._forward_hooks
        assert not module._forward_pre_hooks
        assert not module._backward_hooks
    for key, value in model.model.state_dict().items():
        assert torch.equal(value, before[key])
    assert torch.equal(torch.get_rng_state(), numbers)
    assert torch.backends.cudnn.enabled


@pytest.mark.parametrize("name", METHODS)
def test_class_aware_methods_alone_look_at_the_class(name: str) -> None:
    model, ids = explained_model("lstm", classes=3), KINDS["lstm"].ids
    method = fitted(METHODS[name], model)
    first, second = (
        method(model, ids, torch.full((len(ids),), label, dtype=torch.long)) for label in (0, 1)
    )
    if method.class_aware:
        assert not torch.allclose(first, second, atol=1e-3)
    elif name != "saliency":
        # The length of a class's gradient depends on the class, but does not speak for or against.
        assert torch.equal(first, second)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("kind", ["lstm", "packed-gru", "masked-mean-rnn"])
def test_a_gpu_gives_the_same_scores(kind: str, name: str) -> None:
    model, ids = explained_model(kind), KINDS[kind].ids
    target = torch.arange(len(ids)) % 2
    expected = fitted(METHODS[name], model)(model, ids, target)
    model.model.cuda()
    method = METHODS[name].fit(model, [torch.randint(1, 12, (4, 5)).cuda()])
    if method is METHODS[name]:
        on_gpu = method.seeded(5)(model, ids.cuda(), target.cuda())
        torch.testing.assert_close(on_gpu.cpu(), expected, atol=1e-3, rtol=1e-3)
    else:
        assert method(model, ids.cuda(), target.cuda()).is_cuda


def test_names_and_labels_name_one_method_each() -> None:
    assert all(method.name == name for name, method in METHODS.items())
    assert len({method.label for method in METHODS.values()}) == len(METHODS)
    assert set(QUICK_METHODS) < set(ALL_METHODS) < set(METHODS)
    assert set(METHODS) - set(ALL_METHODS) == set(CEILINGS)


def test_the_methods_of_this_package_are_those_that_read_states() -> None:
    for method in METHODS.values():
        assert method.ours == isinstance(method, (StateMethod, WordInformation, MeanOfMethods))


def test_methods_are_found_by_name_each_once_with_the_seed() -> None:
    found = find_methods(["random", "saliency", "random"], seed=7)
    assert [method.name for method in found] == ["random", "saliency"]
    assert found[0] == METHODS["random"].seeded(7)
    assert found[1] is METHODS["saliency"]
    assert [method.name for method in find_methods()] == list(QUICK_METHODS)


def test_an_unknown_name_is_answered_with_the_choices() -> None:
    with pytest.raises(ValueError, match=r"'shap' names no method; choose from .*saliency"):
        find_methods(["saliency", "shap"])
    with pytest.raises(ValueError, match="an empty list names no method"):
        find_methods([])
