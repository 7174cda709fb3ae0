"""The figures that `docs/derivation.md` works out by hand are those of the package."""

from fractions import Fraction
from pathlib import Path

import pytest
import torch
from captum.attr import IntegratedGradients
from torch import nn

from captum_rnn import (
    AdjointDeltaAttribution,
    CalibratedDeltaAttribution,
    HiddenStateDeltaAttribution,
    LocalDeltaAttribution,
    LogitDeltaAttribution,
    RecurrentDeepLiftAttribution,
    RecurrentLRPAttribution,
)

PAGE = Path(__file__).parents[1] / "docs" / "derivation.md"
TEXT, RESET, SATURATED = ([8.0, 2.0, 1.0], [8.0, -9.0, 1.0], [2.0, 0.0])
NOTHING = torch.zeros(1, dtype=torch.float64)


def table(corner):
    """The rows of the page's table with this corner, as numbers by their names."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    start = next(at for at, line in enumerate(lines) if line.startswith(f"| {corner} | $t=1$ |"))
    rows = {}
    for line in lines[start + 2 :]:
        if not line:
            return rows
        name, *numbers = (cell.strip() for cell in line.strip("|").split("|"))
        rows[name] = [float(Fraction(number.replace("−", "-"))) for number in numbers]
    raise AssertionError("the page ends within a table")


class OneUnit(nn.Module):
    """f = weight · h_n, or of the mean of all h; h_t = φ(recurrent · h_{t−1} + x_t)."""

    def __init__(self, recurrent=0.5, weight=2.0, nonlinearity="relu", pooled=False):
        super().__init__()
        self.rnn = nn.RNN(1, 1, nonlinearity=nonlinearity, bias=False, batch_first=True).double()
        nn.init.constant_(self.rnn.weight_ih_l0, 1.0)
        nn.init.constant_(self.rnn.weight_hh_l0, recurrent)
        self.weight, self.pooled = weight, pooled

    def forward(self, inputs):
        return self.weight * self.read(self.rnn(inputs)[0])

    def read(self, outputs):
        return outputs.mean(1) if self.pooled else outputs[:, -1]


def batch(numbers):
    return torch.tensor(numbers, dtype=torch.float64).reshape(1, -1, 1)


def fitted(model, **options):
    calibrated = CalibratedDeltaAttribution(model, model.rnn, **options)
    return calibrated.fit([batch(TEXT)], show_progress=False)


def left_out(model, numbers):
    """The change of the output without each number in turn."""
    whole = model(batch(numbers)).item()
    return [
        whole - model(batch(numbers[:place] + numbers[place + 1 :])).item()
        for place in range(len(numbers))
    ]


def skipped(model, numbers):
    """The same with the state before the token in the place of that after it."""
    scores = []
    for place in range(len(numbers)):
        states, state = [], torch.zeros(1, 1, 1, dtype=torch.float64)
        for at, number in enumerate(numbers):
            state = state if at == place else model.rnn(batch([number]), state)[1]
            states.append(state)
        changed = model.weight * model.read(torch.cat(states, 1))
        scores.append((model(batch(numbers)) - changed).item())
    return scores


METHODS = {
    "hidden-state delta": lambda m: HiddenStateDeltaAttribution(m, m.rnn),
    "hidden-state delta, projection": lambda m: HiddenStateDeltaAttribution(
        m, m.rnn, distance="projection"
    ),
    "logit delta": lambda m: LogitDeltaAttribution(m, m.rnn),
    "local delta": lambda m: LocalDeltaAttribution(m, m.rnn),
    "calibrated delta": fitted,
    "calibrated delta, by distance": lambda m: fitted(m, by_distance=True),
    "adjoint delta": lambda m: AdjointDeltaAttribution(m, m.rnn),
    "adjoint delta, replaced": lambda m: AdjointDeltaAttribution(m, m.rnn),
    "relevance propagation": lambda m: RecurrentLRPAttribution(m, m.rnn, epsilon=1e-12),
    "DeepLIFT of the layer": lambda m: RecurrentDeepLiftAttribution(m, m.rnn),
    "Integrated Gradients": IntegratedGradients,
}


def scores_of(name, model, numbers):
    if name in ("left out", "step skipped"):
        return left_out(model, numbers) if name == "left out" else skipped(model, numbers)
    compared = {"baselines": 0} if name in ("local delta", "adjoint delta, replaced") else {}
    return METHODS[name](model).attribute(batch(numbers), target=0, **compared).flatten().tolist()


@pytest.mark.parametrize(
    ("corner", "model", "numbers", "rows"),
    [
        ("score", OneUnit(), TEXT, [*METHODS, "left out"]),
        (
            "score after a reset",
            OneUnit(),
            RESET,
            [
                "logit delta",
                "calibrated delta",
                "adjoint delta",
                "relevance propagation",
                "DeepLIFT of the layer",
                "left out",
            ],
        ),
        (
            "score of the mean",
            OneUnit(pooled=True),
            TEXT,
            ["logit delta", "adjoint delta", "step skipped", "left out"],
        ),
    ],
)
def test_the_tables_of_the_page(corner, model, numbers, rows):
    printed = table(corner)
    assert list(printed) == rows
    for name, (*expected, total) in printed.items():
        assert scores_of(name, model, numbers) == pytest.approx(expected, abs=1e-7), name
        assert sum(expected) == pytest.approx(total), name


def test_the_saturated_network():
    model = OneUnit(recurrent=4.0, weight=1.0, nonlinearity="tanh")
    printed = table("score of the saturated network")
    *methods, last = printed
    assert methods == ["adjoint delta", "relevance propagation", "DeepLIFT of the layer"]
    assert last == "left out"
    for name, (expected,) in printed.items():
        assert scores_of(name, model, SATURATED)[0] == pytest.approx(expected, abs=5e-5), name


def test_where_the_nets_end():
    """The outputs that the page names, and the mean adjoint that it takes for calibrated."""
    assert OneUnit()(batch(TEXT)).item() == 8
    assert OneUnit()(batch(RESET)).item() == 2
    assert OneUnit(pooled=True)(batch(TEXT)).item() == pytest.approx(12)
    assert fitted(OneUnit()).calibration.vectors.flatten().tolist() == pytest.approx([7 / 6])
