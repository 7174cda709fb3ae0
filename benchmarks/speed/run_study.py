"""What each method costs, as a multiple of one bare forward pass of the same model.

Every run of a method is held against a forward pass under `no_grad` that ran just before it; the
table shows the median of these ratios and the quartiles. Memory is what the method's peak has over
that of the bare forward pass, as a multiple of the states of the recurrent layer.

    python benchmarks/speed/run_study.py [--device cuda]
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import torch
from captum.attr import FeatureAblation, InputXGradient, IntegratedGradients, Saliency
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile
from tqdm import tqdm

from captum_rnn import (
    AdjointDeltaAttribution,
    CalibratedDeltaAttribution,
    HiddenStateDeltaAttribution,
    LocalDeltaAttribution,
    LogitDeltaAttribution,
    RecurrentLRPAttribution,
)
from captum_rnn.benchmark.environment import machine, versions

VOCABULARY, WIDTH, IG_POINTS = 5000, 128, 50
SIZES = [(1, 30), (64, 100)]
LAYERS = {"LSTM": nn.LSTM, "GRU": nn.GRU}
SECONDS_A_METHOD = 1.0
FEWEST_RUNS, MOST_RUNS = 3, 400


class Classifier(nn.Module):
    """Embedding → recurrent layer → last state → linear, the plainest of its kind."""

    def __init__(self, kind: str):
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, WIDTH)
        self.layer = LAYERS[kind](WIDTH, WIDTH, batch_first=True)
        self.head = nn.Linear(WIDTH, 2)

    def forward(self, ids: Tensor) -> Tensor:
        """Logits (batch, 2) of ids (batch, time)."""
        return self.forward_embedded(self.embedding(ids))

    def forward_embedded(self, embedded: Tensor) -> Tensor:
        """Logits (batch, 2) of embedded tokens (batch, time, features)."""
        outputs, _ = self.layer(embedded)
        logits: Tensor = self.head(outputs[:, -1])
        return logits


class Weighted(Classifier):
    """The same with weighted words, whose places only derivatives tell."""

    def __init__(self, kind: str):
        super().__init__(kind)
        self.weights = nn.Parameter(torch.ones(WIDTH))

    def forward(self, ids: Tensor) -> Tensor:
        """Logits (batch, 2) of ids (batch, time)."""
        return self.forward_embedded(self.embedding(ids) * self.weights)


def methods(model: Classifier, ids: Tensor) -> dict[str, Callable[[], object]]:
    """Each method on the same batch, called the way its documentation shows."""
    embedded = model.embedding(ids).detach()
    delta = HiddenStateDeltaAttribution(model, model.layer)
    auto = HiddenStateDeltaAttribution(model, model.layer, readout="auto")
    weighted = Weighted(type(model.layer).__name__).to(ids.device).eval()
    traced = HiddenStateDeltaAttribution(weighted, weighted.layer)
    projection = HiddenStateDeltaAttribution(model, model.layer, distance="projection")
    bare = HiddenStateDeltaAttribution(model.layer)
    cells = {}
    if isinstance(model.layer, nn.LSTM):
        of_cells = HiddenStateDeltaAttribution(model, model.layer, state="cell")
        cells["hidden-state delta (l2), cell states"] = lambda: of_cells.attribute(ids, target=1)
    logit = LogitDeltaAttribution(model, model.layer)
    with_head = LogitDeltaAttribution(model, model.layer, head=model.head)
    local = LocalDeltaAttribution(model, model.layer)
    calibrated = CalibratedDeltaAttribution(model, model.layer)
    calibrated.fit([ids])
    by_distance = CalibratedDeltaAttribution(model, model.layer, by_distance=True)
    by_distance.fit([ids])
    adjoint = AdjointDeltaAttribution(model, model.layer)
    relevance = RecurrentLRPAttribution(model, model.layer)
    saliency = Saliency(model.forward_embedded)
    input_x_gradient = InputXGradient(model.forward_embedded)
    integrated = IntegratedGradients(model.forward_embedded)
    ablation = FeatureAblation(model)

    def gradients(method: Callable[..., Tensor], **options: int) -> Callable[[], Tensor]:
        def run() -> Tensor:
            with torch.backends.cudnn.flags(enabled=False):
                return method(embedded.requires_grad_(), target=1, **options)

        return run

    midpoint = gradients(integrated.attribute, n_steps=1)
    return {
        "hidden-state delta (l2)": lambda: delta.attribute(ids, target=1),
        "hidden-state delta (l2), auto": lambda: auto.attribute(ids, target=1),
        "hidden-state delta (l2), traced": lambda: traced.attribute(ids, target=1),
        "hidden-state delta (projection)": lambda: projection.attribute(ids, target=1),
        "hidden-state delta (l2), bare layer": lambda: bare.attribute(embedded),
        **cells,
        "calibrated delta": lambda: calibrated.attribute(ids, target=1),
        "calibrated delta, by distance": lambda: by_distance.attribute(ids, target=1),
        "logit delta": lambda: logit.attribute(ids, target=1),
        "logit delta, given the head": lambda: with_head.attribute(ids, target=1),
        "local delta": lambda: local.attribute(ids, baselines=0, target=1),
        "adjoint delta": lambda: adjoint.attribute(ids, target=1),
        "relevance propagation": lambda: relevance.attribute(ids, target=1),
        "Saliency": gradients(saliency.attribute),
        "InputXGradient": gradients(input_x_gradient.attribute),
        "IntegratedGradients, midpoint": midpoint,
        "relevance + midpoint": lambda: relevance.attribute(ids, target=1) + midpoint().sum(2),
        f"IntegratedGradients, {IG_POINTS} steps": gradients(
            integrated.attribute, n_steps=IG_POINTS, internal_batch_size=640
        ),
        "FeatureAblation": lambda: ablation.attribute(ids, baselines=0, target=1),
    }


def time_once(function: Callable[[], object], device: torch.device) -> float:
    """Seconds of one run, the work of a GPU included."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    start = time.perf_counter()
    function()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - start


def paired_ratios(
    method: Callable[[], object], forward: Callable[[], object], device: torch.device
) -> tuple[list[float], list[float]]:
    """Ratios of the method's time to that of a forward pass just before it, and the latter."""
    method()
    ratios: list[float] = []
    forward_seconds: list[float] = []
    spent = 0.0
    while len(ratios) < FEWEST_RUNS or (spent < SECONDS_A_METHOD and len(ratios) < MOST_RUNS):
        forward_seconds.append(time_once(forward, device))
        seconds = time_once(method, device)
        ratios.append(seconds / forward_seconds[-1])
        spent += seconds
    return ratios, forward_seconds


def peak_memory(function: Callable[[], object], device: torch.device) -> int:
    """Most bytes that torch held at once beyond what it held before."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        function()
        return torch.cuda.max_memory_allocated(device) - before
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        function()
    changes = [
        (event.start_ns(), event.nbytes())
        for event in profiler.profiler.kineto_results.events()
        if event.name() == "[memory]"
    ]
    held = most = 0
    for _, change in sorted(changes):
        held += change
        most = max(most, held)
    return most


def measure(kind: str, batch: int, steps: int, device: torch.device) -> dict[str, Any]:
    """One table: every method on one model and one batch."""
    torch.manual_seed(0)
    model = Classifier(kind).to(device).eval()
    ids = torch.randint(1, VOCABULARY, (batch, steps), device=device)
    embedded = model.embedding(ids).detach()

    def forward() -> Tensor:
        with torch.no_grad():
            logits: Tensor = model(ids)
        return logits

    def forward_of_layer() -> object:
        with torch.no_grad():
            return model.layer(embedded)

    states_bytes = batch * (steps + 1) * WIDTH * 4
    rows = []
    described = f"{kind}, batch {batch}, {steps} steps"
    for name, method in tqdm(methods(model, ids).items(), desc=described):
        reference = forward_of_layer if "bare" in name else forward
        ratios, forward_seconds = paired_ratios(method, reference, device)
        low, median, high = statistics.quantiles(ratios, n=4)
        extra = peak_memory(method, device) - peak_memory(reference, device)
        rows.append(
            {
                "method": name,
                "forwards": median,
                "quartiles": [low, high],
                "runs": len(ratios),
                "forward_milliseconds": 1000 * statistics.median(forward_seconds),
                "extra_memory_in_states": extra / states_bytes,
            }
        )
    return {"layer": kind, "batch": batch, "steps": steps, "methods": rows}


def print_table(table: dict[str, Any]) -> None:
    """One table as Markdown, as docs/cost.md shows it."""
    forward = table["methods"][0]["forward_milliseconds"]
    print(
        f"\n{table['layer']} {WIDTH} → {WIDTH}, batch {table['batch']}, {table['steps']} steps;",
        end=" ",
    )
    print(f"one forward pass: {forward:.2f} ms\n")
    print("| method | × one forward (quartiles) | extra memory, × the states |")
    print("|---|---|---|")
    for row in table["methods"]:
        low, high = row["quartiles"]
        digits = 2 if row["forwards"] < 10 else 0
        ratio = f"{row['forwards']:.{digits}f} ({low:.{digits}f}–{high:.{digits}f})"
        print(f"| {row['method']} | {ratio} | {row['extra_memory_in_states']:.2f} |")


def main() -> None:
    """Measures, prints and saves all tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--output", type=Path, default=Path(__file__).with_name("results.json"))
    options = parser.parse_args()
    device = torch.device(options.device)
    tables = [measure(kind, *size, device) for kind in LAYERS for size in SIZES]
    for table in tables:
        print_table(table)
    result = {
        "date": date.today().isoformat(),
        "machine": machine(device),
        "versions": versions(),
        "tables": tables,
    }
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(f"\nsaved to {options.output}")


if __name__ == "__main__":
    main()
