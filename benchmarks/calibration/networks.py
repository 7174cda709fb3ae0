"""The calibrated delta on networks trained the usual way: plain or by distance, two teachers.

Eight networks of `benchmarks.reviews.usual_networks` for each corpus. The vectors are learnt from
training texts without their labels, and judged on held-out ones of 10 to 100 words:
comprehensiveness compared with Integrated Gradients on the same texts. Every network's figures are
kept in `--work`, so that an interrupted run resumes.

    python benchmarks/calibration/networks.py
        --corpus cosmetics=FILE.jsonl treebank=FOLDER car-views=FOLDER [--texts 200] [--seeds 0]
"""

import argparse
import json
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).parents[2]))  # where `benchmarks` is

from benchmarks.calibration.run_study import TEACHER_POINTS, YARDSTICK, Candidate, judge
from benchmarks.reviews.corpora import named_corpus
from benchmarks.reviews.usual_networks import (
    NETWORKS,
    PADDING,
    UNKNOWN,
    Network,
    Trained,
    batches,
    train_network,
)
from captum_rnn.benchmark.cost import single_thread
from captum_rnn.benchmark.dataset import Dataset
from captum_rnn.benchmark.environment import machine, versions
from captum_rnn.benchmark.methods import METHODS, ExplainedModel
from captum_rnn.benchmark.methods.gradient_methods import IntegratedGradientsFromZero
from captum_rnn.benchmark.methods.state_methods import CalibratedDelta
from captum_rnn.files import write_text
from captum_rnn.states.modes import evaluation_mode
from captum_rnn.text.corpus import Corpus

LEAST_WORDS = 10
_TEACHER = IntegratedGradientsFromZero(name="teacher", label="teacher", steps=TEACHER_POINTS)
VARIANTS = {
    f"{kind}, {taught}": CalibratedDelta(
        name=f"{kind}, {taught}", label=kind, passes="1", by_distance=by_distance, teacher=teacher
    )
    for kind, by_distance in (("plain", False), ("by distance", True))
    for taught, teacher in (("mean adjoint", None), ("Integrated Gradients", _TEACHER))
}
"""What is calibrated, and by which teacher."""


def judge_network(network: Network, corpus: Corpus, seed: int, texts: int) -> dict[str, Any]:
    """The figures of all variants on one network."""
    trained = train_network(network, corpus, seed=seed)
    chosen = [ids for ids in trained.explained if len(ids) >= LEAST_WORDS][:texts]
    model = _explained(trained)
    with evaluation_mode(trained.model):
        learnt = batches(trained.background)
        candidates = [
            Candidate(YARDSTICK, METHODS["integrated-gradients"]),
            Candidate("random", METHODS["random"]),
            *(Candidate(name, method.fit(model, learnt)) for name, method in VARIANTS.items()),
        ]
        methods = judge(candidates, Dataset.of_batches(model, batches(chosen)), seed)
    return {
        "network": network.name,
        "corpus": corpus.name,
        "seed": seed,
        "accuracy": trained.accuracy,
        "texts": len(chosen),
        "learnt_from": len(trained.background),
        "methods": methods,
    }


def _explained(trained: Trained) -> ExplainedModel:
    model = trained.model
    return ExplainedModel(model, model.embedding, model.layer, pad_id=PADDING, neutral_id=UNKNOWN)


def networks_text(records: Sequence[dict[str, Any]]) -> str:
    """Markdown: each network's difference from Integrated Gradients, and how many are below it."""
    names = list(VARIANTS)
    lines = [
        "Comprehensiveness minus that of Integrated Gradients (50 points), paired; * where the "
        "95 % interval leaves out zero.",
        "",
        "| network | corpus | " + " | ".join(names) + " |",
        "|---|---" + "|---" * len(names) + "|",
    ]
    found: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    for record in records:
        of = {entry["name"]: entry["comprehensiveness_minus_first"] for entry in record["methods"]}
        for name in names:
            found[name].append(of[name])
        cells = [f"{of[name]['mean']:+.3f}{'*' * _clear(of[name])}" for name in names]
        lines.append(f"| {record['network']} | {record['corpus']} | " + " | ".join(cells) + " |")
    means = [sum(d["mean"] for d in found[name]) / len(records) for name in names]
    lines.append("| mean | | " + " | ".join(f"{mean:+.3f}" for mean in means) + " |")
    for word, sign in (("below", -1), ("above", 1)):
        counts = [sum(_clear(d) and d["mean"] * sign > 0 for d in found[name]) for name in names]
        shares = [f"{count} of {len(records)}" for count in counts]
        lines.append(f"| measurably {word} | | " + " | ".join(shares) + " |")
    return "\n".join(lines).replace("| -", "| −") + "\n"


def _clear(difference: dict[str, float]) -> bool:
    return difference["low"] > 0 or difference["high"] < 0


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Runs what is not in the folder `--work` yet, and puts all of it together."""
    options.work.mkdir(parents=True, exist_ok=True)
    found = []
    for corpus in map(named_corpus, options.corpus):
        for seed in options.seeds:
            for network in NETWORKS:
                file = options.work / f"{corpus.name}-{network.name}-{seed}-{options.texts}.json"
                if not file.exists():
                    record = judge_network(network, corpus, seed, options.texts)
                    write_text(json.dumps(record), file)
                    print(f"{file.stem}: accuracy {record['accuracy']:.3f}", flush=True)
                found.append(json.loads(file.read_text(encoding="utf-8")))
    return {
        "date": date.today().isoformat(),
        "machine": machine(torch.device("cpu")),
        "versions": versions(),
        "networks": found,
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Trains, calibrates, judges and writes networks.json and networks.txt."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--corpus", nargs="+", required=True, metavar="CORPUS[=PATH]")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--texts", type=int, default=200)
    parser.add_argument("--work", type=Path, default=Path("calibration-work"))
    parser.add_argument("--output", type=Path, default=Path(__file__).with_name("networks.json"))
    options = parser.parse_args(arguments)
    with single_thread():
        results = run(options)
    write_text(json.dumps(results, indent=1) + "\n", options.output)
    text = networks_text(results["networks"])
    write_text(text, options.output.with_suffix(".txt"))
    print(text)


if __name__ == "__main__":
    main()
