import pytest
import torch

from captum_rnn.benchmark.ground_truth.tasks.bag_of_vectors import (
    BagOfVectors,
    BagOfVectorsTask,
    train_bag_of_vectors,
)
from captum_rnn.benchmark.ground_truth.tasks.keywords import AdditiveTask
from captum_rnn.benchmark.ground_truth.tasks.known_answer_task import TaskNetwork
from captum_rnn.benchmark.methods import METHODS
from captum_rnn.benchmark.methods.explained_model import margin_of
from captum_rnn.evaluation import pearson_correlations


@pytest.fixture(scope="module")
def network() -> TaskNetwork:
    (network,) = BagOfVectorsTask().networks(["lstm", "gru"], [3])
    return network


def without(ids: torch.Tensor, position: int) -> torch.Tensor:
    """The sequences without one position; those that end before it stay as they are."""
    return torch.cat([ids[:, :position], ids[:, position + 1 :]], dim=1)


def test_one_net_a_seed_that_has_learnt_the_rule(network: TaskNetwork) -> None:
    known = AdditiveTask().sample(1_000, seed=0)
    right = (network.model.logits(known.ids).argmax(dim=1) == known.labels).float().mean()
    assert right >= 0.99
    assert network.solved
    assert network.accuracy["accuracy"] >= 0.99
    assert (network.kind, network.seed) == ("linear-rnn", 3)


def test_the_state_is_the_running_sum_of_the_word_vectors(network: TaskNetwork) -> None:
    ids = network.sample(50, seed=1).ids
    vectors = network.model.embedding(ids)
    assert vectors.min() == 0
    assert vectors[ids == 0].eq(0).all()
    states, _ = network.model.model.rnn(vectors)  # type: ignore[operator, union-attr]
    torch.testing.assert_close(states, vectors.cumsum(dim=1), rtol=0, atol=1e-4)


def test_padding_changes_nothing(network: TaskNetwork) -> None:
    ids = network.sample(50, seed=1).ids
    longer = torch.cat([ids, torch.zeros(50, 5, dtype=torch.long)], dim=1)
    torch.testing.assert_close(network.model.logits(longer), network.model.logits(ids))


@pytest.mark.parametrize("explained", [0, 1])
def test_a_contribution_is_what_the_margin_loses_without_the_token(
    network: TaskNetwork, explained: int
) -> None:
    ids = network.sample(60, seed=1).ids
    targets = torch.full((60,), explained)
    contributions = network.model.model.contributions(ids, targets)  # type: ignore[operator]
    whole = margin_of(network.model.logits(ids), targets)
    for position in range(ids.shape[1]):
        change = whole - margin_of(network.model.logits(without(ids, position)), targets)
        torch.testing.assert_close(contributions[:, position], change, rtol=0, atol=1e-5)


def test_a_contribution_to_one_of_several_classes() -> None:
    torch.manual_seed(0)
    model = BagOfVectors(vocabulary_size=6, classes=3).double()
    ids, targets = torch.tensor([[4, 2, 6, 4, 0]] * 3), torch.arange(3)
    contributions = model.contributions(ids, targets)
    for position in range(5):
        logits, others = model(ids), model(without(ids, position))
        for c in range(3):
            rest = [other for other in range(3) if other != c]
            change = (logits - others)[c, c] - (logits - others)[c, rest].mean()
            assert contributions[c, position].item() == pytest.approx(change.item(), abs=1e-12)


def test_what_is_sampled_is_the_rules_with_the_nets_contributions(network: TaskNetwork) -> None:
    known, of_rule = network.sample(40, seed=7), AdditiveTask().sample(40, seed=7)
    assert torch.equal(known.ids, of_rule.ids)
    assert torch.equal(known.targets, of_rule.labels)
    bias = network.model.model.head.bias  # type: ignore[union-attr]
    margin = network.model.margin(known.ids, known.targets)
    at_rest = margin_of(bias.expand(40, 2), known.targets)  # type: ignore[operator]
    torch.testing.assert_close(known.contributions.sum(dim=1) + at_rest, margin, rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", ["logit-delta", "input-x-gradient", "integrated-gradients"])
def test_exact_methods_find_the_contributions(network: TaskNetwork, name: str) -> None:
    known = network.sample(40, seed=1)
    scores = METHODS[name](network.model, known.ids, known.targets)
    assert pearson_correlations(known.ids, scores, known.contributions).min() >= 0.9999


def test_the_l2_delta_does_not(network: TaskNetwork) -> None:
    known = network.sample(40, seed=1)
    scores = METHODS["hidden-state-delta-l2"](network.model, known.ids, known.targets)
    assert pearson_correlations(known.ids, scores, known.contributions).mean() < 0.9


def test_the_seed_decides_and_the_programs_random_numbers_are_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("captum_rnn.benchmark.ground_truth.tasks.bag_of_vectors._STEPS", 3)
    torch.manual_seed(9)
    expected = torch.rand(2)
    torch.manual_seed(9)
    first, again, other = (train_bag_of_vectors(AdditiveTask(), seed) for seed in (1, 1, 2))
    assert torch.equal(torch.rand(2), expected)
    assert torch.equal(first.embedding.weight, again.embedding.weight)
    assert not torch.equal(first.embedding.weight, other.embedding.weight)
    assert not first.training
