"""The ablation for the terminal: effects of the options, the best and the worst cells."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from captum_rnn.benchmark.ablation.labels import (
    AXIS_NAMES,
    BETTER,
    cell_name,
    option_name,
)
from captum_rnn.benchmark.ablation.measures import MEASURES

SHOWN = 10
_HEADINGS = (("comprehen-", "siveness"), ("", "sufficiency"), ("Spearman with", "leave-one-out"))
_AGREEMENT = ("same order", "as first")
_COLUMN = 13

Result = Mapping[str, Any]


def ablation_text(results: Result) -> str:
    """Tables of at most 80 columns; each mean stands above its 95 % interval over the texts.

    Args:
        results: The answer of `captum_rnn.benchmark.ablate`.

    Returns:
        Lines without a line break at the end.
    """
    cells = _distinct(results["cells"])
    ranked = sorted(cells, key=lambda cell: -(cell["comprehensiveness"]["mean"] or 0.0))
    best, worst = ranked[:SHOWN], ranked[SHOWN:][-SHOWN:]
    parts = [f"{len(results['cells'])} cells, {len(cells)} distinct, {results['texts']} texts"]
    if results["effects"]:
        parts.append(_effects_table(results))
    parts.append(_cells_table("Every axis at its first option", cells[:1], results))
    parts.append(_cells_table(f"The best {len(best)} by comprehensiveness", best, results))
    if worst:
        parts.append(_cells_table(f"The worst {len(worst)}, the worst last", worst, results))
    if results["accuracy"]:
        parts.append(_accuracy_line(results["accuracy"]))
    parts.append(_work_line(results["work"]))
    return "\n\n".join(parts)


def _distinct(cells: Sequence[Result]) -> list[Result]:
    """The first of the cells that rank all texts alike, and so have the same numbers."""
    first: dict[tuple[Any, ...], Result] = {}
    for cell in cells:
        numbers = tuple(tuple(cell[measure].values()) for measure in MEASURES)
        first.setdefault(numbers, cell)
    return list(first.values())


def _effects_table(results: Result) -> str:
    width = 18
    lines = [
        "Mean effect of an option against the first of its axis, all else equal",
        *_head(width, (*_HEADINGS, _AGREEMENT), ("", *BETTER.values(), "")),
    ]
    for axis, options in results["axes"].items():
        effects = [effect for effect in results["effects"] if effect["axis"] == axis]
        if effects:
            lines.append(f"{AXIS_NAMES[axis]}, first: {option_name(axis, options[0])}")
        for effect in effects:
            entries = [effect[measure] for measure in MEASURES]
            numbers = [*(_number(entry["mean"], "+.3f") for entry in entries)]
            numbers.append(_number(effect["agreement"]["mean"], ".3f"))
            ends = [_interval(entry) for entry in [*entries, effect["agreement"]]]
            lines += [
                _line("  " + option_name(axis, effect["option"]), numbers, width),
                _line("", ends, width),
            ]
    return "\n".join(lines)


def _cells_table(title: str, cells: Sequence[Result], results: Result) -> str:
    width = 34
    lines = [title, *_head(width, _HEADINGS, ("", *BETTER.values()))]
    for cell in cells:
        name = textwrap.wrap(cell_name(cell, results["axes"]), width)
        entries = [cell[measure] for measure in MEASURES]
        numbers = [
            [_number(entry["mean"], ".3f") for entry in entries],
            [_interval(entry) for entry in entries],
        ]
        for place in range(max(2, len(name))):
            label = name[place] if place < len(name) else ""
            lines.append(_line(label, numbers[place] if place < 2 else [], width))
    return "\n".join(lines)


def _head(width: int, headings: Sequence[tuple[str, str]], better: Sequence[str]) -> list[str]:
    rows = [["", *(heading[place] for heading in headings)] for place in range(2)]
    rows.append(["better is" if any(better) else "", *better[1:]])
    lines = [_line(row[0], row[1:], width) for row in rows]
    return [*lines, "-" * max(map(len, lines))]


def _line(label: str, numbers: Sequence[str], width: int) -> str:
    return "  ".join([f"{label:<{width}}", *(f"{text:>{_COLUMN}}" for text in numbers)]).rstrip()


def _number(value: float | None, form: str) -> str:
    """A mean without its leading zero; a dash where there is none."""
    if value is None:
        return "–"
    # Adding zero turns the negative zero that rounding can leave into the positive one.
    return format(round(value, 3) + 0.0, form).replace("0.", ".", 1)


def _interval(entry: Result) -> str:
    if entry["low"] is None:
        return ""
    return f"[{_number(entry['low'], '.3f')},{_number(entry['high'], '.3f')}]"


def _accuracy_line(accuracy: Result) -> str:
    difference, changed = accuracy["difference"], accuracy["predictions_changed"]
    return textwrap.fill(
        f"Accuracy on {accuracy['trained']['texts']} texts: {accuracy['trained']['accuracy']:.3f} "
        f"with the trained word vectors, {accuracy['l2']['accuracy']:.3f} with vectors of equal "
        f"length; difference {difference['mean']:+.3f} [{difference['low']:+.3f}, "
        f"{difference['high']:+.3f}]; {changed['mean']:.1%} [{changed['low']:.1%}, "
        f"{changed['high']:.1%}] of the predictions change.",
        80,
    )


def _work_line(work: Result) -> str:
    seconds = work["seconds"] + work["summary_seconds"]
    return textwrap.fill(
        f"{work['share_of_perturbed_forwards']:.0%} of {seconds:.1f} s went into forward passes of "
        f"{work['perturbed_texts']} distinct perturbed texts; {work['rankings']} of "
        f"{work['rankings_of_texts']} rankings were distinct.",
        80,
    )
