"""The tasks on series: what they call deciding decides, and nothing else does."""

import pytest
import torch

from captum_rnn.benchmark.series import SERIES_TASKS
from captum_rnn.benchmark.series.combination import CombinationTask
from captum_rnn.benchmark.series.spike import SpikeTask
from captum_rnn.benchmark.series.state import StateTask, SwitchFeatureTask


def draw(task, count=400, seed=0):
    return task.draw(count, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("task", SERIES_TASKS, ids=lambda task: task.name)
def test_series_depend_on_the_seed_alone_and_classes_are_balanced(task):
    one, same, other = draw(task), draw(task), draw(task, seed=1)
    assert torch.equal(one.values, same.values)
    assert torch.equal(one.labels, same.labels)
    assert not torch.equal(one.values, other.values)
    assert one.values.shape == (400, task.time, task.features)
    outputs = max(task.classes, 2)
    shares = torch.bincount(one.labels.flatten(), minlength=outputs) / one.labels.numel()
    assert (shares > 0.5 / outputs).all()


@pytest.mark.parametrize("task", SERIES_TASKS, ids=lambda task: task.name)
def test_samples_to_explain_have_deciding_cells(task):
    sample = task.sample(30, seed=3)
    assert len(sample.values) == 30
    assert sample.cells.flatten(1).any(1).all()


def test_a_spike_decides_unless_it_comes_too_late():
    task = SpikeTask(time=20, delay=3)
    sample = draw(task)
    # The rule as one would write it: anything of that height in feature 0, early enough.
    tall = sample.values[:, :, 0] > 1.2
    early = tall[:, : 20 - 3].any(1)
    assert torch.equal(early.long(), sample.labels)
    assert torch.equal(sample.cells.flatten(1).sum(1), sample.labels)
    assert sample.cells[:, 17:].sum() == 0
    assert (sample.values[sample.cells] > 1.2).all()
    assert (sample.values[..., 1:] > 1.2).any()  # spikes that mean nothing


@pytest.mark.parametrize("task", [StateTask(), SwitchFeatureTask()], ids=lambda task: task.name)
def test_the_deciding_feature_predicts_the_label_as_well_as_the_rule_allows(task):
    sample = draw(task, 2000)
    assert torch.equal(sample.cells.sum(2), torch.ones_like(sample.labels))
    decisive = sample.values[sample.cells].view(2000, task.time)
    reached = ((decisive > 0).long() == sample.labels).double().mean().item()
    assert reached == pytest.approx(sample.ceiling, abs=0.01)
    others = sample.values[~sample.cells].view(2000, task.time, 2)
    assert ((others[..., 0] > 0).long() == sample.labels).double().mean() < sample.ceiling - 0.05


def test_the_chain_keeps_its_state_as_often_as_it_says():
    sample = draw(StateTask(stays=0.8), 2000)
    states = sample.cells[..., 2].long()
    kept = (states[:, 1:] == states[:, :-1]).double().mean().item()
    assert kept == pytest.approx(0.8, abs=0.01)


def test_the_directions_of_the_ramps_decide_the_class():
    sample = draw(CombinationTask())
    times = torch.arange(60.0)
    for values, label, cells in zip(sample.values, sample.labels, sample.cells, strict=True):
        rises = []
        for half in (slice(0, 30), slice(30, 60)):
            inside = cells[half].any(1)
            if not inside.any():
                continue
            ((feature,),) = cells[half].any(0).nonzero(as_tuple=True)[0].view(1, -1).tolist()
            ramp, when = values[half, feature][inside], times[half][inside]
            assert 8 <= len(ramp) <= 14
            rises.append(bool(((when - when.mean()) * ramp).sum() > 0))
        expected = {0: [], 1: [True, True], 2: [False, False], 3: [True, False]}
        assert rises == expected[label.item()]
