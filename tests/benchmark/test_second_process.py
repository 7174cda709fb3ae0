import os
import warnings
from importlib.util import find_spec

import pytest

from captum_rnn.benchmark import second_process
from captum_rnn.benchmark.second_process import SecondProcess
from captum_rnn.benchmark.stages import work_off
from captum_rnn.cli import compare
from two_processes import STAGES, UNITS, Writing

ALL = sorted(f"{stage}-{number}" for stage in STAGES for number in range(UNITS))


def worked_off(writing):
    """Which processes did each unit, and what was warned of."""
    second = SecondProcess(writing.stages)
    with warnings.catch_warnings(record=True) as told, writing.stages() as stages:
        warnings.simplefilter("always")
        for number, stage in enumerate(stages):
            work_off(stage, number, second)
    second.dismiss()
    assert not second._process.is_alive()
    done = {path.name: path.read_text().split() for path in writing.folder.iterdir()}
    return done, [str(warning.message) for warning in told]


def test_two_processes_do_each_unit_once(tmp_path):
    done, told = worked_off(Writing(tmp_path, os.getpid()))
    assert sorted(done) == ALL
    assert all(len(processes) == 1 for processes in done.values())
    of_stages = [{done[name][0] for name in ALL if name.startswith(stage)} for stage in STAGES]
    assert of_stages[0] == of_stages[1]
    assert len(of_stages[0]) == 2
    assert str(os.getpid()) in of_stages[0]
    assert done["one-0"] == [str(os.getpid())]
    assert done["one-11"] != done["one-0"]  # each begins at its own end
    assert told == ["told by the second process"] * len(STAGES)


@pytest.mark.parametrize("deadly", ["one-10", "two-11"])
def test_what_a_process_leaves_when_it_dies_is_done_by_the_first(deadly, tmp_path):
    done, _ = worked_off(Writing(tmp_path, os.getpid(), (deadly,)))
    assert sorted(done) == ALL
    assert all(len(processes) == 1 for processes in done.values())
    assert done[deadly] == [str(os.getpid())]


def test_the_forking_process_imports_modules_that_there_are():
    """The same ones whether the command or Python begins a comparison."""
    assert second_process.PRELOADED == compare._PRELOADED
    assert all(find_spec(name) is not None for name in second_process.PRELOADED)
