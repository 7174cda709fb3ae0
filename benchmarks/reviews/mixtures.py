"""Trials of mixtures: is there a method of at most six forward passes that equals IG everywhere?

Each candidate is a mean of the scores of two or three methods, all in units of the margin, or a
method with other settings. They run through the comparison of `compare_methods.py`, on texts,
documents and sequences that nothing was fitted on, against Integrated Gradients on the same texts.

    python benchmarks/reviews/mixtures.py [--texts 100] [--kinds lstm gru …] [--seeds 0 1]
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))  # where `benchmarks` is

from benchmarks.reviews.compare_methods import run
from benchmarks.reviews.subjects import CORPORA
from benchmarks.reviews.tables import gain_table, subject_table, task_differences
from captum_rnn.benchmark.ground_truth.tasks.kinds import KINDS
from captum_rnn.benchmark.methods import METHODS
from captum_rnn.benchmark.methods.mixture import MeanOfMethods
from captum_rnn.benchmark.methods.state_methods import CalibratedDelta
from captum_rnn.files import write_text

HERE = Path(__file__).parent
RELEVANCE, ADJOINT, LOCAL = "relevance-propagation", "adjoint-delta", "local-delta"
REPLACED, CALIBRATED = "adjoint-delta-replaced", "calibrated-delta-by-distance"
MIDPOINT = "integrated-gradients-midpoint"
SINGLE = ("integrated-gradients", "random", RELEVANCE, ADJOINT, LOCAL, REPLACED, CALIBRATED)
PAIRS = (
    (RELEVANCE, ADJOINT),
    (RELEVANCE, REPLACED),
    (RELEVANCE, MIDPOINT),
    (RELEVANCE, LOCAL),
    (RELEVANCE, CALIBRATED),
    (ADJOINT, CALIBRATED),
    (ADJOINT, LOCAL),
    (REPLACED, LOCAL),
    (ADJOINT, MIDPOINT),
    (LOCAL, CALIBRATED),
    (RELEVANCE, ADJOINT, LOCAL),
    (RELEVANCE, MIDPOINT, LOCAL),
)


def register_candidates() -> list[str]:
    """Adds the candidates to the registry; the names of all methods to run."""
    calibrated = METHODS["calibrated-delta"]
    assert isinstance(calibrated, CalibratedDelta)
    with_cells = CalibratedDelta(
        name="calibrated-delta-by-distance-cells",
        label="calibrated delta, by distance, with cells",
        passes="1 + a scan",
        by_distance=True,
        with_cells=True,
        teacher=calibrated.teacher,
    )
    METHODS[with_cells.name] = with_cells
    names = [*SINGLE, MIDPOINT, with_cells.name]
    for parts in PAIRS:
        mixture = MeanOfMethods(
            name="+".join(parts),
            label=" + ".join(METHODS[part].label for part in parts),
            passes="those of the parts",
            parts=tuple(METHODS[part] for part in parts),
        )
        METHODS[mixture.name] = mixture
        names.append(mixture.name)
    return names


def tables(results: dict[str, Any]) -> str:
    """What each candidate gains or loses against Integrated Gradients, as Markdown."""
    subjects = results["subjects"]
    methods = [
        name for name in subjects[0]["methods"] if name not in ("integrated-gradients", "random")
    ]
    parts = [task_differences(results["known_answers"], methods)]
    for corpus in dict.fromkeys(entry["corpus"] for entry in subjects):
        parts.append(gain_table(subjects, corpus, methods))
        for place, caption in (("top", "highest"), ("bottom", "lowest")):
            found = subject_table(subjects, corpus, "hybrids", place)
            parts.append(f"Hybrid documents, {caption}-scoring word, {corpus}:\n\n{found}")
    return "\n\n".join(parts) + "\n"


def main() -> None:
    """Runs the trials and writes their figures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--texts", type=int, default=100)
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), choices=KINDS)
    parser.add_argument("--corpora", nargs="+", default=list(CORPORA), choices=CORPORA)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1])
    parser.add_argument("--seed", type=int, default=0, help="of the texts' perturbations")
    parser.add_argument("--work", type=Path, default=Path("mixtures-work"))
    parser.add_argument("--output", type=Path, default=HERE / "mixtures.json")
    parser.add_argument("--tables", type=Path, default=HERE / "mixtures.txt")
    options = parser.parse_args()
    options.methods, options.metrics = register_candidates(), ("deletion",)
    options.marks = {}
    results = run(options)
    write_text(json.dumps(results, ensure_ascii=False, indent=1) + "\n", options.output)
    write_text(tables(results), options.tables)
    print(tables(results))


if __name__ == "__main__":
    main()
