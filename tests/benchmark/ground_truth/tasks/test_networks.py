from pathlib import Path

import pytest
import torch

from captum_rnn.benchmark.ground_truth.tasks import networks
from captum_rnn.benchmark.ground_truth.tasks.keywords import AdditiveTask
from captum_rnn.benchmark.ground_truth.tasks.kinds import network_settings
from captum_rnn.benchmark.ground_truth.tasks.networks import task_network
from captum_rnn.text.training import TrainingSettings

EASY = AdditiveTask(shortest=2, longest=4, fillers=3, density=0.9, clearance=6)
SMALL = TrainingSettings(embedding_dim=16, hidden_size=16, dropout=0.0)


@pytest.fixture(autouse=True)
def _cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CAPTUM_RNN_CACHE", str(tmp_path))


def test_a_net_learns_an_easy_task_and_says_so() -> None:
    network = networks.train_network(EASY, network_settings("gru", SMALL), most_steps=1_000)
    record = network.trained_on
    known = EASY.sample(1_000, seed=0)
    right = (network.model(known.ids).argmax(dim=1) == known.labels).float().mean()
    assert right >= 0.99
    assert record["solved"] is True
    assert record["fresh"]["accuracy"] >= 0.99
    assert record["steps"] < 1_000
    assert network.vocabulary.encode(["w1", "+3c"]) == [1, EASY.id_of("+3c")]
    assert (network.classes, network.model.training) == (EASY.classes, False)


def test_a_net_that_fails_is_reported() -> None:
    network = networks.train_network(EASY, SMALL, most_steps=1)
    assert network.trained_on["solved"] is False
    assert network.trained_on["fresh"]["accuracy"] < 0.99
    assert network.trained_on["steps"] == 1


def test_trained_once_for_each_task_kind_and_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(networks, "_MOST_STEPS", 2)
    monkeypatch.setattr(networks, "_FINALLY_CHECKED", 50)
    train_network, trained = networks.train_network, []

    def counting(task, settings, **options):  # type: ignore[no-untyped-def]
        trained.append((task.name, settings.kind, settings.seed))
        return train_network(task, settings, most_steps=2, **options)

    monkeypatch.setattr(networks, "train_network", counting)
    first = task_network(EASY, "rnn", 3)
    again = task_network(EASY, "rnn", 3)
    assert trained == [("additive", "rnn", 3)]
    ids = torch.tensor([[1, 4, 0]])
    assert torch.equal(first.model(ids), again.model(ids))
    task_network(EASY, "rnn", 4)
    task_network(AdditiveTask(shortest=2, longest=5), "rnn", 3)
    assert len(trained) == 3


def test_the_programs_random_numbers_are_left_alone() -> None:
    torch.manual_seed(9)
    expected = torch.rand(2)
    torch.manual_seed(9)
    networks.train_network(EASY, SMALL, most_steps=1)
    assert torch.equal(torch.rand(2), expected)
