"""The ablation for the terminal: effects of the options, the best and the worst cells."""

import math
import textwrap
from collections.abc import Mapping, Sequence

from captum_rnn.benchmark.ablation.grid import AXES
from captum_rnn.benchmark.ablation.labels import (
    AXIS_NAMES,
    BETTER,
    cell_name,
    option_name,
)
from captum_rnn.benchmark.ablation.results import AblationData, EqualLengths, MeasuredCell, Work
from captum_rnn.evaluation import MeanInterval
from captum_rnn.visualization.terminal import aligned_text

SHOWN = 10
_WIDTH = 80
_NAME_WIDTH = 34
_HEADINGS = (("comprehen-", "siveness"), ("", "sufficiency"), ("Spearman with", "leave-one-out"))
_AGREEMENT = ("same order", "as first")


def ablation_text(ablation: AblationData) -> str:
    """Tables of at most 80 columns; each mean stands above its 95 % interval over the texts.

    Returns:
        Lines without a line break at the end.
    """
    cells = _distinct(ablation.cells)
    ranked = sorted(cells, key=_comprehensiveness, reverse=True)
    best, worst = ranked[:SHOWN], ranked[SHOWN:][-SHOWN:]
    parts = [f"{len(ablation.cells)} cells, {len(cells)} distinct, {ablation.texts} texts"]
    if ablation.effects:
        parts.append(_effects_table(ablation))
    parts.append(_cells_table("Every axis at its first option", cells[:1], ablation))
    parts.append(_cells_table(f"The best {len(best)} by comprehensiveness", best, ablation))
    if worst:
        parts.append(_cells_table(f"The worst {len(worst)}, the worst last", worst, ablation))
    if ablation.accuracy:
        parts.append(_accuracy_line(ablation.accuracy))
    parts.append(_work_line(ablation.work))
    return "\n\n".join(parts)


def _distinct(cells: Sequence[MeasuredCell]) -> list[MeasuredCell]:
    """The first of the cells that rank all texts alike, and so have the same numbers."""
    first: dict[str, MeasuredCell] = {}
    for found in cells:
        first.setdefault(repr(found.measures), found)
    return list(first.values())


def _comprehensiveness(found: MeasuredCell) -> float:
    mean = found.measures["comprehensiveness"].mean
    return 0.0 if math.isnan(mean) else mean


def _effects_table(ablation: AblationData) -> str:
    rows = _head((*_HEADINGS, _AGREEMENT), (*BETTER.values(), ""))
    head = len(rows)
    for axis in AXES:
        effects = [effect for effect in ablation.effects if effect.axis == axis]
        if effects:
            rows.append(_row(AXIS_NAMES[axis]))
            rows.append(_row(f"  {option_name(axis, effects[0].reference)}, first"))
        for effect in effects:
            shown = [_number(entry.mean, "+.3f") for entry in effect.measures.values()]
            shown.append(_number(effect.agreement.mean, ".3f"))
            rows.append(["  " + option_name(axis, effect.option), *shown])
            rows.append(["", *_intervals(effect.measures), _interval(effect.agreement)])
    title = "Mean effect of an option against the first of its axis, all else equal"
    return f"{title}\n{aligned_text(rows, head=head)}"


def _cells_table(title: str, cells: Sequence[MeasuredCell], ablation: AblationData) -> str:
    rows = _head(_HEADINGS, tuple(BETTER.values()))
    head = len(rows)
    for found in cells:
        name, *more = textwrap.wrap(cell_name(found.cell, ablation.grid), _NAME_WIDTH)
        rows.append([name, *(_number(entry.mean, ".3f") for entry in found.measures.values())])
        rows.append([more[0] if more else "", *_intervals(found.measures)])
        rows += [[line, *[""] * len(_HEADINGS)] for line in more[1:]]
    return f"{title}\n{aligned_text(rows, head=head)}"


def _head(headings: Sequence[tuple[str, str]], better: Sequence[str]) -> list[list[str]]:
    first, second = zip(*headings, strict=True)
    return [["", *first], ["", *second], ["direction", *better]]


def _row(label: str) -> list[str]:
    return [label, *[""] * (len(_HEADINGS) + 1)]


def _number(value: float, form: str) -> str:
    """A mean without its leading zero; a dash where there is none."""
    if math.isnan(value):
        return "–"
    # Adding zero turns the negative zero that rounding can leave into the positive one.
    return format(round(value, 3) + 0.0, form).replace("0.", ".", 1)


def _intervals(measures: Mapping[str, MeanInterval]) -> list[str]:
    return [_interval(entry) for entry in measures.values()]


def _interval(entry: MeanInterval) -> str:
    if math.isnan(entry.low):
        return ""
    return f"[{_number(entry.low, '.3f')},{_number(entry.high, '.3f')}]"


def _accuracy_line(accuracy: EqualLengths) -> str:
    difference, changed = accuracy.difference, accuracy.predictions_changed
    return textwrap.fill(
        f"Accuracy on {accuracy.trained.total} texts: {accuracy.trained.value:.3f} "
        f"with the trained word vectors, {accuracy.l2.value:.3f} with vectors of equal "
        f"length; difference {difference.mean:+.3f} [{difference.low:+.3f}, "
        f"{difference.high:+.3f}]; {changed.mean:.1%} [{changed.low:.1%}, "
        f"{changed.high:.1%}] of the predictions change.",
        _WIDTH,
    )


def _work_line(work: Work) -> str:
    return textwrap.fill(
        f"{work.share_of_forwards:.0%} of {work.total_seconds:.1f} s went into forward passes of "
        f"{work.perturbed_texts} distinct perturbed texts; {work.rankings} of "
        f"{work.rankings_of_texts} rankings were distinct.",
        _WIDTH,
    )
