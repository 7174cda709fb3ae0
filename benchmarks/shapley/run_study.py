"""Rank correlation with converged Shapley values of removal, against cost in forward passes.

What only runs the model is counted: the words that it reads, as a share of the whole text. What
scans back is timed, on a batch of copies of a text, beside a forward pass on that batch. Of long
texts fewer pairs of permutations are drawn, as each takes two passes for every word.

python benchmarks/shapley/run_study.py [--texts 10 --pairs 300]
"""

import argparse
import json
import math
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import torch
from captum.attr import KernelShap, ShapleyValueSampling
from scipy.stats import spearmanr
from torch import Tensor
from tqdm import tqdm

from captum_rnn import (
    AdjointDeltaAttribution,
    LeaveOneOutAttribution,
    RecurrentDeepLiftAttribution,
    RecurrentShapleyAttribution,
)
from captum_rnn.benchmark.cost import single_thread
from captum_rnn.benchmark.environment import machine, versions
from captum_rnn.evaluation import mean_interval
from captum_rnn.states.modes import evaluation_mode
from captum_rnn.text import RecurrentClassifier, TextClassifier, load_corpus
from captum_rnn.text.split import held_out_reviews

LENGTHS = (10, 20, 80, 300)
WORDS_OF_PAIRS = 12_000
PERMUTATIONS, SUBTEXTS, ORDERS = (2, 4, 6, 10), (8, 16, 32), (1, 2, 4, 8)
SCANNING = (*(f"scans, {number}" for number in SUBTEXTS), "adjoint delta", "DeepLIFT")
AT_ONCE, COPIES = 512, 32


@dataclass
class Counting:
    """The model's margin, and how many words it has read."""

    model: RecurrentClassifier
    read: int = 0

    def __call__(self, ids: Tensor) -> Tensor:
        """Margins (batch,) of ids (batch, time), for the second class."""
        self.read += int((ids != 0).sum())
        logits = self.model(ids)
        margins: Tensor = logits[:, 1] - logits[:, 0]
        return margins


def texts_of(classifier: TextClassifier, words: int, number: int) -> list[Tensor]:
    """Held-out reviews of so many known words, joined and cut where it takes several."""
    reviews = held_out_reviews(classifier.trained_on, load_corpus())
    encoded = classifier.encode([review.text for review in reviews]).ids
    texts, begun = [], torch.zeros(0, dtype=encoded.dtype)
    for row in encoded:
        begun = torch.cat([begun, row[row != 0]])
        if len(begun) >= words:
            texts.append(begun[:words].unsqueeze(0))
            begun = begun[:0]
        if len(texts) == number:
            return texts
    raise ValueError(f"there are {len(texts)} held-out texts of {words} words, not {number}")


def estimates(margin: Counting, words: int) -> dict[str, Callable[[Tensor], Tensor]]:
    """Every estimate by name, as a function of ids (1, time)."""
    layer = margin.model.rnn
    shapley = RecurrentShapleyAttribution(margin, layer)
    sampling = ShapleyValueSampling(margin)
    found: dict[str, Callable[[Tensor], Tensor]] = {}
    for number in PERMUTATIONS:
        found[f"permutations, {number}"] = partial(
            shapley.attribute, estimator="permutations", n_samples=number, seed=1
        )
    for number in SUBTEXTS:
        found[f"scans, {number}"] = partial(
            shapley.attribute, estimator="scans", n_samples=number, seed=1
        )
    for number in ORDERS:
        found[f"Captum's ShapleyValueSampling, {number}"] = partial(
            sampling.attribute, baselines=0, n_samples=number, perturbations_per_eval=AT_ONCE
        )
        found[f"Captum's KernelShap, {number * words}"] = partial(
            KernelShap(margin).attribute,
            baselines=0,
            n_samples=number * words,
            perturbations_per_eval=AT_ONCE,
        )
    found["leave-one-out"] = LeaveOneOutAttribution(margin, layer).attribute
    found["adjoint delta"] = AdjointDeltaAttribution(margin, layer).attribute
    found["DeepLIFT"] = RecurrentDeepLiftAttribution(margin, layer).attribute
    return found


def converged(margin: Counting, ids: Tensor, pairs: int) -> tuple[Tensor, float]:
    """The mean of two independent estimates (time,), and how their ranks agree."""
    shapley = RecurrentShapleyAttribution(margin, margin.model.rnn)
    halves = [
        shapley.attribute(ids, estimator="permutations", n_samples=2 * pairs, seed=seed)[0]
        for seed in (101, 102)
    ]
    return (halves[0] + halves[1]) / 2, rank_correlation(halves[0], halves[1])


def rank_correlation(first: Tensor, second: Tensor) -> float:
    """Spearman's."""
    return float(spearmanr(first.detach().numpy(), second.detach().numpy())[0])


def passes_by_time(
    margin: Counting, ids: Tensor, estimate: Callable[[Tensor], Tensor], repeats: int = 5
) -> float:
    """The median of paired ratios to a forward pass, both on copies of a text."""
    batch = ids.expand(COPIES, -1).contiguous()
    margin(batch), estimate(batch)
    ratios = []
    for _ in range(repeats):
        seconds = []
        for run in (margin, estimate):
            start = time.perf_counter()
            with torch.no_grad():
                run(batch)
            seconds.append(time.perf_counter() - start)
        ratios.append(seconds[1] / seconds[0])
    return statistics.median(ratios)


def measure(classifier: TextClassifier, words: int, number: int, pairs: int) -> dict[str, Any]:
    """All estimates on texts of one length."""
    margin = Counting(classifier.model)
    texts = texts_of(classifier, words, number)
    timed = {
        name: passes_by_time(margin, texts[0], estimate)
        for name, estimate in estimates(margin, words).items()
        if name in SCANNING
    }
    agreement: list[float] = []
    correlations: dict[str, list[float]] = {}
    costs: dict[str, list[float]] = {}
    for ids in tqdm(texts, desc=f"{words} words"):
        truth, halves = converged(margin, ids, pairs)
        agreement.append(halves)
        for name, estimate in estimates(margin, words).items():
            torch.manual_seed(1)
            margin.read = 0
            with torch.no_grad():
                scores = estimate(ids)[0]
            passes = timed.get(name, margin.read / words)
            correlations.setdefault(name, []).append(rank_correlation(scores, truth))
            costs.setdefault(name, []).append(passes)
    rows = []
    for name, found in correlations.items():
        interval = mean_interval(torch.tensor(found), seed=0)
        mean = {"mean": interval.mean, "low": interval.low, "high": interval.high}
        rows.append({"estimate": name, "forwards": statistics.mean(costs[name]), "spearman": mean})
    return {
        "words": words,
        "texts": number,
        "pairs": pairs,
        "halves_agree": statistics.mean(agreement),
        "estimates": rows,
    }


def print_table(table: dict[str, Any]) -> None:
    """One table as Markdown."""
    print(
        f"\n{table['words']} words, {table['texts']} texts; converged: 2 × {table['pairs']} pairs "
        f"of permutations, whose halves agree at {table['halves_agree']:.3f}\n"
    )
    print("| estimate | forward passes | Spearman with the converged values |")
    print("|---|---|---|")
    for row in sorted(table["estimates"], key=lambda row: row["forwards"]):
        found = row["spearman"]
        interval = f"{found['mean']:.3f} ({found['low']:.3f}–{found['high']:.3f})"
        print(f"| {row['estimate']} | {math.ceil(row['forwards'])} | {interval} |")


def main() -> None:
    """Measures, prints and saves."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--texts", type=int, default=10, help="texts of each length")
    parser.add_argument(
        "--pairs", type=int, default=300, help="of each half of what has converged, at most"
    )
    parser.add_argument("--output", type=Path, default=Path(__file__).with_name("results.json"))
    options = parser.parse_args()
    classifier = TextClassifier.load()
    with evaluation_mode(classifier.model), single_thread():
        tables = [
            measure(classifier, n, options.texts, min(options.pairs, WORDS_OF_PAIRS // n))
            for n in LENGTHS
        ]
    for table in tables:
        print_table(table)
    result = {
        "date": date.today().isoformat(),
        "machine": machine(torch.device("cpu")),
        "versions": versions(),
        "tables": tables,
    }
    options.output.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(f"\nsaved to {options.output}")


if __name__ == "__main__":
    main()
