"""The ablation's results as Markdown; `docs/ablation.md` includes them as they are written."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from captum_rnn.benchmark.ablation import Ablation
from captum_rnn.benchmark.ablation.labels import AXIS_NAMES, MEASURE_NAMES, option_name
from captum_rnn.benchmark.records import load_record, to_json
from captum_rnn.evaluation import MeanInterval
from captum_rnn.functional import Distance

DISTANCES: tuple[Distance, ...] = ("l2", "projection")


def load(path: Path) -> dict[str, Ablation]:
    """The ablations that `run_study.py` wrote, by the name of the classifier."""
    found: dict[str, Ablation] = load_record(dict[str, Ablation], path, Ablation.schema, "ablation")
    return found


def json_text(results: Mapping[str, Ablation]) -> str:
    """The content of the file, one line a classifier: indented it would be thirty times as many."""
    content = {"schema": Ablation.schema, **to_json(results)}
    lines = [f"{json.dumps(name)}: {json.dumps(found)}" for name, found in content.items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def tables(results: Mapping[str, Ablation]) -> str:
    """All tables, one below the other.

    Args:
        results: The ablation by the name of the classifier, which ends in its corpus and its seed.
    """
    parts = [
        f"Effect on {MEASURE_NAMES[measure]}:\n\n{effects(results, measure)}"
        for measure in ("comprehensiveness", "sufficiency")
    ]
    parts.append(f"The first cell, and the same with the projection:\n\n{first_cells(results)}")
    parts.append(f"Accuracy with word vectors of equal length:\n\n{accuracy(results)}")
    parts.append(f"Where the time goes:\n\n{work(results)}")
    return "\n\n".join(parts) + "\n"


def effects(results: Mapping[str, Ablation], measure: str) -> str:
    """The mean effect of every option against the first of its axis."""
    rows: dict[str, dict[str, str]] = {}
    for name, found in results.items():
        for effect in found.effects:
            axis = effect.axis
            if axis == "normalize":
                continue
            option, reference = (option_name(axis, x) for x in (effect.option, effect.reference))
            row = rows.setdefault(f"{AXIS_NAMES[axis]}: {option} against {reference}", {})
            row[name] = shown(effect.measures[measure], "+.3f")
    lines = [[label, *(row.get(name, "") for name in results)] for label, row in rows.items()]
    return table(["", *results], lines)


def first_cells(results: Mapping[str, Ablation]) -> str:
    """All measures of the cell of first options, with two distances."""
    rows = []
    for name, found in results.items():
        measures = {of_one.cell: of_one.measures for of_one in found.cells}
        for distance in DISTANCES:
            of_cell = measures[replace(found.cells[0].cell, distance=distance)]
            rows.append([f"{name}, {distance}", *(shown(of_cell[m]) for m in MEASURE_NAMES)])
    return table(["", *MEASURE_NAMES.values()], rows)


def accuracy(results: Mapping[str, Ablation]) -> str:
    """What word vectors of equal length do to the classifier itself."""
    rows = []
    for name, found in results.items():
        of_copy = found.accuracy
        assert of_copy is not None
        equal_length = next(effect for effect in found.effects if effect.axis == "embedding")
        rows.append(
            [
                name,
                f"{of_copy.trained.value:.3f}",
                f"{of_copy.l2.value:.3f}",
                shown(of_copy.difference, "+.3f"),
                shown(of_copy.predictions_changed, ".1%"),
                shown(equal_length.agreement),
            ]
        )
    head = ["trained vectors", "equal length", "difference", "predictions that change"]
    return table(["", *head, "Spearman of the scores"], rows)


def work(results: Mapping[str, Ablation]) -> str:
    """How many texts were perturbed, and which share of the time they took."""
    rows = []
    for name, found in results.items():
        done = found.work
        rows.append(
            [
                name,
                str(len(found.cells)),
                f"{done.rankings:,} of {done.rankings_of_texts:,}",
                f"{done.perturbed_texts:,}",
                f"{done.share_of_forwards:.0%} of {done.total_seconds:.1f} s",
            ]
        )
    head = ["cells", "rankings of texts, distinct", "perturbed texts", "share of forward passes"]
    return table(["", *head], rows)


def shown(entry: MeanInterval, style: str = ".3f") -> str:
    """A mean with its interval."""
    mean, low, high = (format(end, style) for end in (entry.mean, entry.low, entry.high))
    return f"{mean} ({low} to {high})".replace("-", "−")


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
