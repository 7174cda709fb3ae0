import time

import pytest

from captum_rnn.jobs.clock import Clock


def test_seconds_add_up_by_purpose_also_after_an_error(monkeypatch):
    ticks = iter([1.0, 1.5, 2.0, 4.0, 5.0, 5.25])
    monkeypatch.setattr(time, "process_time", lambda: next(ticks))
    clock = Clock()
    with clock.measure("a"):
        pass
    with pytest.raises(KeyError), clock.measure("b"):
        raise KeyError
    with clock.measure("a"):
        pass
    clock.add({"b": 1.0, "c": 3.0})
    assert clock.seconds == {"a": 0.75, "b": 3.0, "c": 3.0}
