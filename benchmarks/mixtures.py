"""Trials of mixtures: is there a method of at most six forward passes that equals IG everywhere?

Each candidate is a mean of the scores of two or three methods, all in units of the margin, or a
method with other settings. They run through the comparison of benchmarks/compare_methods.py, on
texts, documents and sequences that nothing was fitted on, against Integrated Gradients on the same
texts.

    python benchmarks/mixtures.py [--texts 100] [--kinds lstm gru …] [--seeds 0 1]
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import torch
from torch import Tensor

from captum_rnn.benchmark.environment import machine, versions
from captum_rnn.benchmark.methods import METHODS, ExplainedModel, Method
from captum_rnn.benchmark.methods.gradient_methods import IntegratedGradientsFromZero
from captum_rnn.benchmark.methods.state_methods import CalibratedDelta
from captum_rnn.benchmark.results import write_text
from captum_rnn.benchmark.subjects import CORPORA, KINDS, recipes
from captum_rnn.benchmark.timing import single_thread
from compare_methods import TABLES, compare_on_tasks, compare_subject, subject_table, task_table

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


@dataclass(frozen=True, kw_only=True)
class Mixture(Method):
    """The mean of the scores of several methods.

    Attributes:
        parts: The methods.
    """

    parts: tuple[Method, ...]
    passes: str = "those of the parts"
    ours: bool = True

    def __call__(self, model: ExplainedModel, ids: Tensor, target: Tensor) -> Tensor:
        """Scores every token of a batch; see `Method`."""
        return torch.stack([part(model, ids, target) for part in self.parts]).mean(0)

    def fit(self, model: ExplainedModel, texts: Sequence[Tensor]) -> Method:
        """Lets the parts learn; see `Method`."""
        return replace(self, parts=tuple(part.fit(model, texts) for part in self.parts))

    def seeded(self, seed: int) -> Method:
        """The same mixture with the parts' randomness from another seed."""
        return replace(self, parts=tuple(part.seeded(seed) for part in self.parts))


def register_candidates() -> list[str]:
    """Adds the candidates to the registry; the names of all methods to run."""
    midpoint = IntegratedGradientsFromZero(
        name=MIDPOINT, label="Integrated Gradients, midpoint", passes="1 + 1 backward", steps=1
    )
    with_cells = CalibratedDelta(
        name="calibrated-delta-by-distance-cells",
        label="calibrated delta, by distance, with cells",
        passes="1 + a scan",
        by_distance=True,
        with_cells=True,
        teacher=METHODS["calibrated-delta"].teacher,
    )
    METHODS.update({midpoint.name: midpoint, with_cells.name: with_cells})
    names = [*SINGLE, MIDPOINT, with_cells.name]
    for parts in PAIRS:
        mixture = Mixture(
            name="+".join(parts),
            label=" + ".join(METHODS[part].label for part in parts),
            parts=tuple(METHODS[part] for part in parts),
        )
        METHODS[mixture.name] = mixture
        names.append(mixture.name)
    return names


def main() -> None:
    """Runs the trials and writes their figures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--texts", type=int, default=100)
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), choices=KINDS)
    parser.add_argument("--corpora", nargs="+", default=list(CORPORA), choices=CORPORA)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1])
    parser.add_argument("--seed", type=int, default=0, help="of the texts' perturbations")
    parser.add_argument("--work", type=Path, default=Path("mixtures-work"))
    parser.add_argument(
        "--output", type=Path, default=Path(__file__).parent / "results" / "mixtures.json"
    )
    options = parser.parse_args()
    options.methods, options.metrics = register_candidates(), ("deletion",)
    options.marks = {}
    tasks = compare_on_tasks(options)
    print(task_table(tasks), flush=True)
    subjects = []
    for recipe in recipes(options.kinds, options.corpora, options.seeds):
        subjects.append(compare_subject(recipe, options))
        print(f"{recipe.name}: done", flush=True)
    for corpus in options.corpora:
        for measure, section in TABLES[:4]:
            print(f"\n{subject_table(subjects, corpus, measure, section)}")
    with single_thread():
        measured_on = machine(torch.device("cpu"))
    results = {
        "date": date.today().isoformat(),
        "machine": measured_on,
        "versions": versions(),
        "texts": options.texts,
        "seed": options.seed,
        "subjects": subjects,
        "known_answers": tasks,
    }
    write_text(json.dumps(results, ensure_ascii=False, indent=1) + "\n", options.output)


if __name__ == "__main__":
    main()
