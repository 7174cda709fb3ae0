import pytest
import torch
from torch import nn

from captum_rnn.evaluation.sanity.randomisation import cascading_randomisation


class Reader(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(7, 3, padding_idx=0)
        self.rnn = nn.LSTM(3, 4, num_layers=2, batch_first=True)
        self.head = nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 2))

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.head(self.rnn(self.embedding(ids))[0][:, -1])
        return logits


def changed(model: nn.Module, other: nn.Module) -> set[str]:
    """The parameters that differ, by name."""
    parameters = dict(other.named_parameters())
    return {
        name
        for name, parameter in model.named_parameters()
        if not torch.equal(parameter, parameters[name])
    }


@pytest.fixture
def model() -> Reader:
    torch.manual_seed(0)
    return Reader().eval()


def test_each_step_randomises_one_more_layer_from_the_output_on(model: Reader) -> None:
    before = {name: value.clone() for name, value in model.state_dict().items()}
    layers = ["head.2", "head.0", "rnn", "embedding"]

    steps = list(cascading_randomisation(model, seed=0))

    assert [name for name, _ in steps] == layers
    for number, (_, randomised) in enumerate(steps, start=1):
        expected = {
            f"{layer}.{name}"
            for layer in layers[:number]
            for name, _ in model.get_submodule(layer).named_parameters()
        }
        assert changed(model, randomised) == expected
        assert not randomised.training
        assert randomised(torch.tensor([[1, 2]])).shape == (1, 2)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_a_later_step_keeps_what_earlier_ones_drew(model: Reader) -> None:
    (_, first), *_, (_, last) = cascading_randomisation(model, seed=0)
    assert torch.equal(first.head[2].weight, last.head[2].weight)
    assert last.embedding.weight[0].tolist() == [0, 0, 0]


def test_the_seed_decides_and_the_callers_random_state_stays(model: Reader) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    one, again, other = (
        [randomised for _, randomised in cascading_randomisation(model, seed=seed)][-1]
        for seed in (1, 1, 2)
    )
    assert torch.equal(torch.rand(3), expected)
    assert changed(one, again) == set()
    assert len(changed(one, other)) == len(list(model.parameters()))


def test_given_layers_are_taken_in_their_order(model: Reader) -> None:
    steps = cascading_randomisation(model, seed=0, layers=["rnn", "head.0"])
    assert [name for name, _ in steps] == ["rnn", "head.0"]


def test_parameters_without_a_scheme_keep_their_mean_and_spread(model: Reader) -> None:
    model.query = nn.ParameterList([2 + 3 * torch.randn(20_000)])
    name, randomised = next(iter(cascading_randomisation(model, seed=0)))
    assert name == "query"
    (drawn,) = randomised.query
    assert drawn.mean().item() == pytest.approx(2, abs=0.1)
    assert drawn.std().item() == pytest.approx(3, abs=0.1)
    both = torch.stack([drawn, model.query[0]])
    assert abs(torch.corrcoef(both)[0, 1].item()) < 0.03


def test_a_module_without_parameters_is_named(model: Reader) -> None:
    with pytest.raises(ValueError, match=r"layer 'decoder' .* out of embedding, rnn, head\.0"):
        cascading_randomisation(model, seed=0, layers=["decoder"])
    with pytest.raises(ValueError, match=r"layer 'head\.1' is no module of the model with"):
        cascading_randomisation(model, seed=0, layers=["head.1"])
