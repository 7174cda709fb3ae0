import contextlib
import threading

import pytest
import torch
from torch import nn

from captum_rnn.states.modes import WITHOUT_CUDNN, SharedSetting, evaluation_mode


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


@pytest.mark.parametrize("last", [0, 1])
def test_a_shared_setting_is_undone_by_the_last_thread_that_needs_it(last):
    changed: list[str] = []

    @contextlib.contextmanager
    def setting():
        changed.append("made")
        yield
        changed.append("undone")

    shared, leave = SharedSetting(setting), [threading.Event(), threading.Event()]
    inside = threading.Barrier(3)

    def need(number):
        with shared:
            inside.wait()
            leave[number].wait()

    threads = [threading.Thread(target=need, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    inside.wait()
    leave[1 - last].set()
    threads[1 - last].join()
    assert changed == ["made"]
    leave[last].set()
    threads[last].join()
    assert changed == ["made", "undone"]


def test_threads_leave_cudnn_as_it_was():
    before = torch.backends.cudnn.enabled
    with WITHOUT_CUDNN, WITHOUT_CUDNN:
        assert not torch.backends.cudnn.enabled
    assert torch.backends.cudnn.enabled == before
