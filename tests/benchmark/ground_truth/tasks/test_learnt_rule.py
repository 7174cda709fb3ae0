from types import SimpleNamespace

import pytest
import torch

from captum_rnn.benchmark.ground_truth.tasks import learnt_rule
from captum_rnn.benchmark.ground_truth.tasks.learnt_rule import LearntRule
from captum_rnn.benchmark.ground_truth.tasks.second_class import SecondClassTask
from captum_rnn.evaluation.plausibility.marks import AVERAGE_PRECISION
from captum_rnn.text.classifier import RecurrentClassifier


def test_a_net_of_each_kind_and_seed_and_the_truth_of_the_rule(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []

    def untrained(rule, kind, seed, *, show_progress):  # type: ignore[no-untyped-def]
        asked.append((rule, kind, seed, show_progress))
        record = {"fresh": {"accuracy": 0.75}, "solved": False}
        model = RecurrentClassifier(len(rule.words), 5, kind, 4, 4)
        return SimpleNamespace(model=model, trained_on=record)

    monkeypatch.setattr(learnt_rule, "task_network", untrained)
    rule = SecondClassTask(longest=13)
    task = LearntRule(rule)
    networks = list(task.networks(["gru", "rnn"], [0, 4]))

    expected = [("gru", 0), ("gru", 4), ("rnn", 0), ("rnn", 4)]
    assert asked == [(rule, kind, seed, False) for kind, seed in expected]
    assert [(network.kind, network.seed) for network in networks] == expected
    assert [type(network.model.layer) for network in networks[1:3]] == [torch.nn.GRU, torch.nn.RNN]
    assert (networks[0].accuracy, networks[0].solved) == ({"accuracy": 0.75}, False)
    known, of_rule = networks[0].sample(5, seed=2), rule.sample(5, seed=2)
    assert torch.equal(known.contributions, of_rule.contributions)
    assert (task.name, task.classes, task.measure) == (
        "second-class",
        ("a", "b", "c", "d", "e"),
        AVERAGE_PRECISION,
    )
