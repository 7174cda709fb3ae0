"""What the reverse scans cost: beside their limit, per feature, and as texts and layers grow.

Each figure is the median of paired ratios to one bare forward pass that ran just before. A scan
through all gates cannot cost less than its limit: the forward pass, the gates' product of all steps
and the scan's own product of each step. Relevance has fewer gates, and DeepLIFT and scores of
features one product more.

    python benchmarks/speed/scans.py [--device cuda] [--seconds 1]
"""

import argparse
import itertools
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from captum_rnn import (
    AdjointDeltaAttribution,
    RecurrentDeepLiftAttribution,
    RecurrentLRPAttribution,
)

SIZES = [(64, 100), (1, 30)]
KINDS = {"LSTM": nn.LSTM, "GRU": nn.GRU, "RNN": nn.RNN}
FEATURES = [3, 10, 40]
STEPS, BATCHES, HIDDEN = [30, 100, 300, 1000, 5000], [1, 16, 64, 256], [64, 128, 256, 1024]


class Model(nn.Module):
    """Recurrent layer → last state → linear."""

    def __init__(self, kind: str, features: int, hidden: int):
        super().__init__()
        self.layer = KINDS[kind](features, hidden, batch_first=True)
        self.head = nn.Linear(hidden, 2)

    def forward(self, inputs: Tensor) -> Tensor:
        """Logits (batch, 2) of inputs (batch, time, features)."""
        logits: Tensor = self.head(self.layer(inputs)[0][:, -1])
        return logits


def methods(model: Model, *, per_step: bool) -> dict[str, Callable[[Tensor], object]]:
    """The methods that walk back, of steps or of features."""
    adjoint = AdjointDeltaAttribution(model, model.layer)
    deep_lift = RecurrentDeepLiftAttribution(model, model.layer)
    relevance = RecurrentLRPAttribution(model, model.layer)
    known: dict[str, Callable[[Tensor], object]] = {
        "relevance": lambda x: relevance.attribute(x, target=1, per_step=per_step),
        "DeepLIFT": lambda x: deep_lift.attribute(x, target=1, per_step=per_step),
        "replaced": lambda x: adjoint.attribute(x, 0.0, target=1, per_step=per_step),
    }
    if per_step:
        known["adjoint"] = lambda x: adjoint.attribute(x, target=1, per_step=True)
    return known


def ratio(method: Callable[[], object], forward: Callable[[], object], seconds: float) -> float:
    """The median of the method's time over that of a forward pass just before it."""
    ratios: list[float] = []
    method()
    start = time.perf_counter()
    while len(ratios) < 3 or time.perf_counter() - start < seconds:
        of_forward, of_method = timed(forward), timed(method)
        ratios.append(of_method / of_forward)
    return statistics.median(ratios)


def limit(model: Model, inputs: Tensor, forward: Callable[[], object], seconds: float) -> float:
    """What the forward pass and the products of a scan through all gates cost together."""
    into_inputs, into_states = (weight.detach() for weight in model.layer._flat_weights[:2])
    (batch, time), hidden = inputs.shape[:2], model.layer.hidden_size
    both = torch.cat([into_inputs, into_states], 1).t()
    read, state = inputs.new_zeros(batch * time, len(both)), inputs.new_zeros(batch, hidden)
    gates = inputs.new_zeros(batch, len(into_states))

    def products() -> None:
        torch.mm(read, both)
        for _ in range(time):
            state.addmm_(gates, into_states)

    return 1 + ratio(products, forward, seconds)


def timed(function: Callable[[], object]) -> float:
    """Seconds of one run, the work of a GPU included."""
    start = time.perf_counter()
    function()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start


def row(model: Model, inputs: Tensor, seconds: float, *, per_step: bool) -> dict[str, float]:
    """All methods on one batch."""

    def forward() -> None:
        with torch.no_grad():
            model(inputs)

    forward()
    found = {
        name: ratio(lambda m=method: m(inputs), forward, seconds)  # type: ignore[misc]
        for name, method in methods(model, per_step=per_step).items()
    }
    return {"limit": limit(model, inputs, forward, seconds), **found}


def tables(device: str, seconds: float) -> Iterator[tuple[str, dict[str, float]]]:
    """Rows of all tables, with what they are of."""

    def measured(kind: str, shape: tuple[int, int, int], hidden: int, per_step: bool = True) -> Any:
        torch.manual_seed(0)
        model = Model(kind, shape[2], hidden).to(device).eval()
        return row(model, torch.randn(shape, device=device), seconds, per_step=per_step)

    for kind, (batch, steps) in itertools.product(KINDS, SIZES):
        name = f"{kind} 128 → 128, {batch} × {steps}, per step"
        yield name, measured(kind, (batch, steps, 128), 128)
    for kind, features in itertools.product(KINDS, FEATURES):
        name = f"{kind} {features} → 100, 32 × 50, per feature"
        yield name, measured(kind, (32, 50, features), 100, per_step=False)
    for steps in STEPS:
        yield f"LSTM 128 → 128, 4 × {steps}", measured("LSTM", (4, steps, 128), 128)
    for batch in BATCHES:
        yield f"LSTM 128 → 128, {batch} × 50", measured("LSTM", (batch, 50, 128), 128)
    for hidden in HIDDEN:
        yield f"LSTM 128 → {hidden}, 8 × 50", measured("LSTM", (8, 50, 128), hidden)


def main() -> None:
    """Measures and prints the tables, row by row."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--seconds", type=float, default=1.0, help="for each figure")
    options = parser.parse_args()
    print("| × one forward pass | limit | relevance | adjoint | DeepLIFT | adjoint, replaced |")
    print("|---|---|---|---|---|---|")
    for name, figures in tables(options.device, options.seconds):
        cells = map(figures.get, ("limit", "relevance", "adjoint", "DeepLIFT", "replaced"))
        shown = " | ".join("–" if value is None else f"{value:.2f}" for value in cells)
        print(f"| {name} | {shown} |", flush=True)


if __name__ == "__main__":
    main()
