import pytest
from torch import nn

from captum_rnn.states.modes import evaluation_mode


def fail_while_evaluating(model):
    with evaluation_mode(model):
        assert not any(module.training for module in model.modules())
        raise KeyError


def test_every_module_returns_to_its_own_mode_also_after_an_error():
    model = nn.Sequential(nn.Linear(2, 2), nn.Dropout(), nn.Sequential(nn.Dropout()))
    model[1].eval()
    before = [module.training for module in model.modules()]
    with pytest.raises(KeyError):
        fail_while_evaluating(model)
    assert [module.training for module in model.modules()] == before
    assert before.count(False) == 1
