"""What Captum's own suites ask of every class: hooks come off whatever fails and where."""

import pytest
import torch
from torch import nn

from attribution_methods import FEATURES, RECURRENT, VOCABULARY
from models import Classifier, hooks


class Failing(nn.Module):
    """No recurrent layer, with an error of its own."""

    def __init__(self):
        super().__init__()
        self.inner = nn.ReLU()

    def forward(self, *args):
        raise AssertionError("an error of the model")


PLACES = {
    "a module of its own": (Failing, "an error of the model"),
    "a scripted one": (lambda: torch.jit.script(nn.Linear(2, 2)), None),
    "no module": (lambda: len, None),
}


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")
@pytest.mark.parametrize("place", PLACES)
def test_the_model_runs_before_the_layer_is_judged(method, model, ids, place):
    make, words = PLACES[place]
    attribution, runs = method.make(model, model.layer), []
    attribution.layer = make()

    def failing(*args):
        runs.append(1)
        return attribution.layer() if words else model(*args)

    attribution.forward_func = failing
    expected = pytest.raises(AssertionError, match=words) if words else pytest.raises(TypeError)
    with expected:
        attribution.attribute(ids, target=1)
    assert runs
    assert hooks(model) == 0


@pytest.mark.parametrize("kind", [Failing, lambda: nn.Sequential(Failing())])
def test_a_failing_module_alone(kind):
    module = kind()
    with pytest.raises(AssertionError, match="an error of the model"):
        RECURRENT["hidden_state"].make(module).attribute(torch.randn(2, 3, 4))
    assert hooks(module) == 0


TARGETS = {
    "list": [0, 1, 0],
    "tensor": torch.tensor([1, 0, 1]),
    "one number": 1,
    "tensor of one": torch.tensor([1]),
}


@pytest.mark.parametrize("form", TARGETS)
def test_rows_with_targets_of_their_own_score_as_alone(method, form):
    layer = nn.LSTM(FEATURES, 6, num_layers=2, batch_first=True)
    model = Classifier(layer, VOCABULARY).double()
    ids, target = torch.randint(1, VOCABULARY, (3, 7)), TARGETS[form]
    attribution = method.make(model, layer)
    scores = attribution.attribute(ids, target=target)
    for row in range(3):
        each = target[row] if form in ("list", "tensor") else target
        torch.testing.assert_close(
            attribution.attribute(ids[row : row + 1], target=each), scores[row : row + 1]
        )
        if form in ("list", "tensor"):
            one = attribution.attribute(ids[row : row + 1], target=target[row : row + 1])
            torch.testing.assert_close(one, scores[row : row + 1])


def test_a_target_far_out_of_range_leaves_no_hooks(any_method, model, ids):
    with pytest.raises(AssertionError):
        any_method.make(model, model.layer).attribute(ids, target=(9999,) * 20)
    assert hooks(model) == 0
