"""The ablation's results as Markdown; `docs/ablation.md` includes them as they are written."""

from collections.abc import Mapping, Sequence
from typing import Any

from captum_rnn.benchmark.ablation.labels import AXIS_NAMES, MEASURE_NAMES, option_name

Result = Mapping[str, Any]
DISTANCES = ("l2", "projection")


def tables(results: Mapping[str, Result]) -> str:
    """All tables, one below the other.

    Args:
        results: The answer of `captum_rnn.benchmark.ablate` by the name of the classifier, which
            ends in its corpus and its seed.
    """
    parts = [
        f"Effect on {MEASURE_NAMES[measure]}:\n\n{effects(results, measure)}"
        for measure in ("comprehensiveness", "sufficiency")
    ]
    parts.append(f"The first cell, and the same with the projection:\n\n{first_cells(results)}")
    parts.append(f"Accuracy with word vectors of equal length:\n\n{accuracy(results)}")
    parts.append(f"Where the time goes:\n\n{work(results)}")
    return "\n\n".join(parts) + "\n"


def effects(results: Mapping[str, Result], measure: str) -> str:
    """The mean effect of every option against the first of its axis."""
    rows: dict[str, dict[str, str]] = {}
    for name, found in results.items():
        for effect in found["effects"]:
            axis = effect["axis"]
            if axis == "normalize":
                continue
            option, reference = (option_name(axis, effect[k]) for k in ("option", "reference"))
            row = rows.setdefault(f"{AXIS_NAMES[axis]}: {option} against {reference}", {})
            row[name] = shown(effect[measure], "+.3f")
    lines = [[label, *(row.get(name, "") for name in results)] for label, row in rows.items()]
    return table(["", *results], lines)


def first_cells(results: Mapping[str, Result]) -> str:
    """All measures of the cell of first options, with two distances."""
    rows = []
    for name, found in results.items():
        first = found["cells"][0]
        for distance in DISTANCES:
            wanted = {axis: first[axis] for axis in found["axes"]} | {"distance": distance}
            cell = next(c for c in found["cells"] if {axis: c[axis] for axis in wanted} == wanted)
            rows.append([f"{name}, {distance}", *(shown(cell[m]) for m in MEASURE_NAMES)])
    return table(["", *MEASURE_NAMES.values()], rows)


def accuracy(results: Mapping[str, Result]) -> str:
    """What word vectors of equal length do to the classifier itself."""
    rows = []
    for name, found in results.items():
        of_copy = found["accuracy"]
        equal_length = next(e for e in found["effects"] if e["axis"] == "embedding")
        rows.append(
            [
                name,
                f"{of_copy['trained']['accuracy']:.3f}",
                f"{of_copy['l2']['accuracy']:.3f}",
                shown(of_copy["difference"], "+.3f"),
                shown(of_copy["predictions_changed"], ".1%"),
                shown(equal_length["agreement"]),
            ]
        )
    head = ["trained vectors", "equal length", "difference", "predictions that change"]
    return table(["", *head, "Spearman of the scores"], rows)


def work(results: Mapping[str, Result]) -> str:
    """How many texts were perturbed, and which share of the time they took."""
    rows = []
    for name, found in results.items():
        done = found["work"]
        rows.append(
            [
                name,
                str(len(found["cells"])),
                f"{done['rankings']:,} of {done['rankings_of_texts']:,}",
                f"{done['perturbed_texts']:,}",
                f"{done['share_of_perturbed_forwards']:.0%} of "
                f"{done['seconds'] + done['summary_seconds']:.1f} s",
            ]
        )
    head = ["cells", "rankings of texts, distinct", "perturbed texts", "share of forward passes"]
    return table(["", *head], rows)


def shown(entry: Result, style: str = ".3f") -> str:
    """A mean with its interval."""
    mean, low, high = (format(entry[key], style) for key in ("mean", "low", "high"))
    return f"{mean} ({low} to {high})".replace("-", "−")


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
