"""The figures of `run_study.py`."""

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from captum_rnn.visualization.fonts import readable_text

GREY, DARK = "0.6", "0.15"
MEASURES = {
    "spearman_leave_one_out": "Spearman with leave-one-out",
    "comprehensiveness": "comprehensiveness",
}


def draw_agreement(studies: list[dict[str, Any]], path: Path) -> None:
    """Both measures of each method on halves of one review, a column for each encoder."""
    figure, axes = plt.subplots(
        len(MEASURES), len(studies), figsize=(2.7 * len(studies), 6.0), squeeze=False
    )
    names = [entry["name"] for entry in studies[-1]["same_review"]][::-1]
    for column, found in enumerate(studies):
        of = {entry["name"]: entry for entry in found["same_review"]}
        for row, (measure, label) in enumerate(MEASURES.items()):
            axis, shown = axes[row, column], [name for name in names if name in of]
            values = [of[name][measure] for name in shown]
            places = [names.index(name) for name in shown]
            axis.barh(places, [value["mean"] for value in values], color=GREY, height=0.6)
            ends = [[value[end] for value in values] for end in ("low", "high")]
            axis.hlines(places, *ends, color=DARK)
            axis.axvline(0, color=DARK, linewidth=0.5)
            axis.set_yticks(range(len(names)), names if column == 0 else [], fontsize=7)
            axis.tick_params(axis="x", labelsize=7)
            axis.set_xlabel(label, fontsize=7)
            axis.spines[["top", "right"]].set_visible(False)
        axes[0, column].set_title(f"{found['kind'].upper()}, {found['head']}", fontsize=9)
    _save(figure, path)


def draw_example(example: dict[str, Any], path: Path) -> None:
    """The words of one pair under several methods, each scaled to its largest score."""
    words = [*example["words"][0], *example["words"][1]]
    cut = len(example["words"][0])
    rows = np.array(
        [np.array(scores) / np.abs(scores).max() for scores in example["scores"].values()]
    )
    rows = np.insert(rows, cut, np.nan, axis=1)
    words.insert(cut, "")
    with readable_text(*words):
        figure, axis = plt.subplots(figsize=(0.42 * len(words) + 1.8, 0.34 * len(rows) + 1.0))
        axis.imshow(rows, cmap="RdBu", vmin=-1, vmax=1, aspect="auto")
        axis.set_xticks(range(len(words)), words, fontsize=8, rotation=60)
        axis.set_yticks(range(len(rows)), list(example["scores"]), fontsize=8)
        axis.tick_params(length=0)
        axis.spines[:].set_visible(False)
        _save(figure, path)


def _save(figure: Figure, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.tight_layout()
    figure.savefig(path, dpi=110, metadata={"Software": None})
    plt.close(figure)
