"""What all predictions of a tagger cost at once, against a forward pass and against a loop.

    python benchmarks/speed/predictions.py

Hidden-state and logit delta are held against a forward pass under `no_grad` that ran just before.
The adjoint delta is held against a loop over `attribute`, one call for each tag: some of them,
for tags from the first to the last, run just before and stand for all. Medians of the
paired ratios with their quartiles; nothing is written.
"""

import statistics
import time
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn
from tqdm import tqdm

from captum_rnn import (
    AdjointDeltaAttribution,
    HiddenStateDeltaAttribution,
    LogitDeltaAttribution,
)
from captum_rnn.benchmark.environment import machine, versions

VOCABULARY, FEATURES, TAGS, BATCH = 1000, 64, 10, 32
KINDS, WIDTHS, LENGTHS = {"GRU": nn.GRU, "LSTM": nn.LSTM}, (64, 128), (50, 100, 200)
LOOP_LENGTH, CALLS, PAIRS, PAIRS_OF_LOOPS = 100, 5, 7, 5


class Tagger(nn.Module):
    """Embedding → recurrent layer → a linear head after each step."""

    def __init__(self, kind: str, width: int):
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, FEATURES)
        self.layer = KINDS[kind](FEATURES, width, batch_first=True)
        self.head = nn.Linear(width, TAGS)

    def forward(self, ids: Tensor) -> Tensor:
        """Logits (batch, time, tags) of ids (batch, time)."""
        logits: Tensor = self.head(self.layer(self.embedding(ids))[0])
        return logits


def seconds(run: Callable[[], object]) -> float:
    """How long one run takes."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def ratios(
    run: Callable[[], object], other: Callable[[], object], pairs: int, factor: float = 1.0
) -> str:
    """The median of `factor` · time of `run` / time of `other`, run in turn, with the quartiles."""
    run(), other()
    found = [factor * seconds(run) / seconds(other) for _ in range(pairs)]
    low, median, high = statistics.quantiles(found, n=4)
    return f"{median:.1f} ({low:.1f}–{high:.1f})"


def tagging(model: Tagger, ids: Tensor) -> list[str]:
    """Hidden-state and logit delta, × one forward pass."""

    def forward() -> None:
        with torch.no_grad():
            model(ids)

    each = (
        HiddenStateDeltaAttribution(model, model.layer),
        LogitDeltaAttribution(model, model.layer),
        AdjointDeltaAttribution(model, model.layer),
    )
    runs = [partial(method.attribute_predictions, ids, target=1) for method in each]
    return [ratios(run, forward, PAIRS) for run in runs]


def against_the_loop(model: Tagger, ids: Tensor) -> str:
    """How many times the adjoint delta of all tags at once fits into the loop."""
    time = ids.shape[1]
    calls = [
        AdjointDeltaAttribution(lambda ids, number=number: model(ids)[:, number], model.layer)
        for number in torch.linspace(0, time - 1, CALLS).long().tolist()
    ]

    def loop() -> None:
        for call in calls:
            call.attribute(ids, target=1)

    adjoint = AdjointDeltaAttribution(model, model.layer)
    return ratios(
        loop,
        lambda: adjoint.attribute_predictions(ids, target=1),
        PAIRS_OF_LOOPS,
        factor=time / CALLS,
    )


def main() -> None:
    """Prints both tables."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    about, packages = machine(torch.device("cpu")), versions()
    print(
        f"{about['processor']}, {about['cores']} cores, one thread; PyTorch {packages['torch']}, "
        f"Captum {packages['captum']}; batch {BATCH}, {FEATURES} features, {TAGS} tags\n"
    )
    settings = [(kind, width) for kind in KINDS for width in WIDTHS]
    print(f"| layer | {LOOP_LENGTH} calls of `attribute` / all at once |\n|---|---|")
    for kind, width in tqdm(settings, unit="model"):
        model = Tagger(kind, width).eval()
        ids = torch.randint(VOCABULARY, (BATCH, LOOP_LENGTH))
        print(f"| {kind} {width} | {against_the_loop(model, ids)} |", flush=True)
    print("\n| layer | steps | hidden-state delta | logit delta | adjoint delta |")
    print("|---|---|---|---|---|")
    for kind, width in tqdm(settings, unit="model"):
        model = Tagger(kind, width).eval()
        for length in LENGTHS:
            ids = torch.randint(VOCABULARY, (BATCH, length))
            print(f"| {kind} {width} | {length} | {' | '.join(tagging(model, ids))} |", flush=True)


if __name__ == "__main__":
    main()
