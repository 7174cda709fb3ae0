"""How faithful the calibrated delta is, by teacher, kind of step and number of texts to learn from.

The vectors are learnt from training texts of the shipped classifier, without their labels, and
judged on texts that it was not trained on: comprehensiveness and the rank correlation with exact
leave-one-out, with 95 % bootstrap intervals over the texts, and paired with Integrated Gradients.
Two tables more say what happens on texts of another length or topic than those learnt from.

    python benchmarks/calibration/run_study.py [--texts 300]
"""

import argparse
import functools
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from captum.attr import LayerIntegratedGradients
from torch import Tensor, nn
from tqdm import tqdm

from captum_rnn.attr import (
    AdjointDeltaAttribution,
    HiddenStateDeltaAttribution,
    LocalDeltaAttribution,
    LogitDeltaAttribution,
)
from captum_rnn.attr.calibrated_delta import CalibratedDeltaAttribution
from captum_rnn.attr.calibration import weights_digest
from captum_rnn.attr.recurrent import RecurrentAttribution
from captum_rnn.benchmark.cost import single_thread
from captum_rnn.benchmark.dataset import Dataset
from captum_rnn.benchmark.environment import machine, versions
from captum_rnn.benchmark.methods import METHODS, ExplainedModel
from captum_rnn.benchmark.methods.explained_model import margins
from captum_rnn.evaluation import (
    PerturbedPredictions,
    comprehensiveness,
    leave_one_out,
    mean_interval,
    rank_correlations,
)
from captum_rnn.states.modes import evaluation_mode
from captum_rnn.text import RecurrentClassifier, TextClassifier, load_corpus
from captum_rnn.text.split import held_out_reviews, split_corpus

Choice = Callable[[str, int], bool]

FITTED_ON = (600, 100, 10)
TEACHER_POINTS, PENALTY = 5, 10.0
YARDSTICK = "Integrated Gradients, 50 points"
STEPS: dict[str, dict[str, Any]] = {
    "delta": {},
    "delta of h and c": {"with_cells": True},
    "delta by distance": {"by_distance": True},
    "delta of h and c by distance": {"with_cells": True, "by_distance": True},
    "local delta": {},
}
"""What is calibrated, as the arguments of `CalibratedDeltaAttribution`."""
BASELINES = {"local delta": 0}
"""The id that steps are compared with."""

LEARNABLE = 2_000
TRANSFERRED_STEPS, TRANSFERRED_TEXTS = ("delta", "delta by distance"), 100
SHORT, LONG, HOTEL = 15, 40, "酒店"
TRANSFERS: dict[str, tuple[Choice, Choice]] = {
    f"at most {SHORT} words, judged on {LONG} or more": (
        lambda text, words: words <= SHORT,
        lambda text, words: words >= LONG,
    ),
    "reviews of hotels, judged on others": (
        lambda text, words: HOTEL in text,
        lambda text, words: HOTEL not in text,
    ),
}
"""Which texts are learnt from and which are judged, by text and number of words."""

Score = Callable[[ExplainedModel, Tensor, Tensor], Tensor]


class Margins(nn.Module):
    """The classifier with the margin of every class in place of its logit."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model

    def forward(self, ids: Tensor) -> Tensor:
        """Margins (batch, classes) of ids (batch, time)."""
        return margins(self.model(ids))


@dataclass(frozen=True)
class Candidate:
    """A method to judge, and how it was calibrated if it was."""

    name: str
    score: Score
    fitted: dict[str, Any] | None = None


def yardsticks(model: RecurrentClassifier) -> list[Candidate]:
    """The methods that need no calibration."""
    margins = Margins(model).eval()
    return [
        Candidate(YARDSTICK, METHODS["integrated-gradients"]),
        Candidate("random", METHODS["random"]),
        Candidate(
            "projection delta",
            as_score(HiddenStateDeltaAttribution(margins, model.rnn, distance="projection")),
        ),
        Candidate("logit delta", as_score(LogitDeltaAttribution(margins, model.rnn))),
        Candidate(
            "local delta",
            as_score(LocalDeltaAttribution(margins, model.rnn), baselines=0),
        ),
        Candidate("adjoint delta", as_score(AdjointDeltaAttribution(margins, model.rnn))),
    ]


def as_score(attribution: RecurrentAttribution, **options: Any) -> Score:
    """An attribution on the margins under the call of the benchmark's methods."""
    return lambda _, ids, target: attribution.attribute(ids, target=target, **options)


def teachers(model: RecurrentClassifier) -> dict[str, Callable[..., Tensor] | None]:
    """What the vectors can be learnt from, by name."""
    margins = Margins(model).eval()
    integrated = LayerIntegratedGradients(margins, model.embedding)
    return {
        "mean adjoint": None,
        "adjoint delta": AdjointDeltaAttribution(margins, model.rnn).attribute,
        "Integrated Gradients": functools.partial(integrated.attribute, n_steps=TEACHER_POINTS),
    }


def calibrate(
    model: RecurrentClassifier, batches: list[Tensor], texts: int, teacher: str, step: str
) -> Candidate:
    """Learns the vectors of one variant from some batches of ids."""
    calibrated = CalibratedDeltaAttribution(Margins(model).eval(), model.rnn, **STEPS[step])
    compared: dict[str, Any] = {"baselines": BASELINES[step]} if step in BASELINES else {}
    teach = teachers(model)[teacher]
    start = time.perf_counter()
    calibrated.fit(batches, teacher=teach, penalty=PENALTY, **compared)
    fitted = {
        "texts": texts,
        "teacher": teacher,
        "step": step,
        "seconds": time.perf_counter() - start,
    }
    return Candidate(
        f"calibrated {step}, {teacher}, {texts} texts", as_score(calibrated, **compared), fitted
    )


def calibrated_variants(classifier: TextClassifier, texts: list[str]) -> list[Candidate]:
    """Every teacher and kind of step on every number of texts."""
    variants = []
    names = list(teachers(classifier.model))
    with tqdm(total=len(STEPS) * len(names) * len(FITTED_ON), desc="calibrating") as progress:
        for number in FITTED_ON:
            dataset = Dataset.of(classifier, texts[:number])
            batches = [dataset.batch_ids(rows) for rows in dataset.batches()]
            for step in STEPS:
                for teacher in names:
                    variants.append(calibrate(classifier.model, batches, number, teacher, step))
                    progress.update()
    return variants


def transfers(
    classifier: TextClassifier, dataset: Dataset, texts: list[str], seed: int
) -> dict[str, Any]:
    """What the vectors are worth on other texts than they were learnt from, by kind of transfer."""
    learnable = Dataset.of(classifier, texts)
    found = {}
    for name, (learnt, judged) in TRANSFERS.items():
        rows = [row for row in learnable.readable if learnt(*_described(learnable, row))]
        kinds = {"such texts": rows, "any texts": learnable.readable}
        candidates = yardsticks(classifier.model)[:2]
        for kind, chosen in kinds.items():
            some = learnable.select(chosen[:TRANSFERRED_TEXTS])
            batches = [some.batch_ids(rows) for rows in some.batches()]
            for step in TRANSFERRED_STEPS:
                candidate = calibrate(
                    classifier.model, batches, len(some.texts), "Integrated Gradients", step
                )
                candidates.append(replace(candidate, name=f"calibrated {step}, {kind}"))
        others = [row for row in dataset.readable if judged(*_described(dataset, row))]
        found[name] = judge(candidates, dataset.select(others), seed)
        share_over_random(found[name])
    return found


def _described(dataset: Dataset, row: int) -> tuple[str, int]:
    return dataset.texts[row], int((dataset.ids[row] != 0).sum())


def judge(candidates: list[Candidate], dataset: Dataset, seed: int) -> list[dict[str, Any]]:
    """Both measures of each candidate, alone and minus those of the first one."""
    predict, ids = dataset.model.probabilities, dataset.ids
    alone = leave_one_out(PerturbedPredictions(predict, ids, probabilities=dataset.probabilities))
    first: dict[str, Tensor] = {}
    entries = []
    for candidate in tqdm(candidates, desc="judging"):
        scores = dataset.score(candidate.score)
        measures = {
            "comprehensiveness": comprehensiveness(
                PerturbedPredictions(predict, ids, probabilities=dataset.probabilities),
                scores,
                seed=seed,
            ),
            "spearman_leave_one_out": rank_correlations(ids, scores, alone),
        }
        first = first or measures
        entry = {"name": candidate.name, "fitted": candidate.fitted}
        for name, values in measures.items():
            entry[name] = asdict(mean_interval(values, seed=seed))
            difference = mean_interval(values - first[name], seed=seed)
            entry[f"{name}_minus_first"] = asdict(difference)
        entries.append(entry)
    return entries


def share_over_random(entries: list[dict[str, Any]]) -> None:
    """Adds how much of the first method's gain over random scores each method reaches."""
    means = {entry["name"]: entry["comprehensiveness"]["mean"] for entry in entries}
    best, floor = means[YARDSTICK], means["random"]
    for entry in entries:
        entry["share_of_first_over_random"] = (means[entry["name"]] - floor) / (best - floor)


def print_table(entries: list[dict[str, Any]]) -> None:
    """The table as Markdown, as docs/calibration.md shows it."""
    print(
        "\n| method | comprehensiveness | minus IG-50, paired | share of IG-50 over random "
        "| Spearman with leave-one-out |\n|---|---|---|---|---|"
    )
    for entry in entries:
        found, spearman = entry["comprehensiveness"], entry["spearman_leave_one_out"]
        less = entry["comprehensiveness_minus_first"]
        print(
            f"| {entry['name']} "
            f"| {found['mean']:.3f} ({found['low']:.3f}–{found['high']:.3f}) "
            f"| {less['mean']:+.3f} ({less['low']:+.3f} to {less['high']:+.3f}) "
            f"| {entry['share_of_first_over_random']:.0%} "
            f"| {spearman['mean']:.3f} ({spearman['low']:.3f}–{spearman['high']:.3f}) |"
        )


def main() -> None:
    """Calibrates, judges, prints and saves."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--texts", type=int, default=300, help="held-out texts to judge on")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=Path(__file__).with_name("results.json"))
    options = parser.parse_args()
    classifier, corpus = TextClassifier.load(), load_corpus().distinct()
    held_out = held_out_reviews(classifier.trained_on, corpus)
    training = split_corpus(corpus, seed=classifier.trained_on["split_seed"]).train
    with evaluation_mode(classifier.model), single_thread():
        dataset = Dataset.of(classifier, [review.text for review in held_out])
        dataset = dataset.select(dataset.readable[: options.texts])
        texts = [review.text for review in training[: max(FITTED_ON)]]
        candidates = yardsticks(classifier.model) + calibrated_variants(classifier, texts)
        entries = judge(candidates, dataset, options.seed)
        more = [review.text for review in training[:LEARNABLE]]
        transferred = transfers(classifier, dataset, more, options.seed)
        measured_on = machine(dataset.ids.device)
    share_over_random(entries)
    print_table(entries)
    for name, of_transfer in transferred.items():
        print(f"\nLearnt from {name}:")
        print_table(of_transfer)
    content = {
        "date": date.today().isoformat(),
        "machine": measured_on,
        "versions": versions(),
        "weights_digest": weights_digest(classifier.model, classifier.model.rnn),
        "seed": options.seed,
        "texts": len(dataset.texts),
        "teacher_points": TEACHER_POINTS,
        "penalty": PENALTY,
        "methods": entries,
        "transfers": transferred,
    }
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(
        json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8"
    )
    print(f"\nsaved to {options.output}")


if __name__ == "__main__":
    main()
