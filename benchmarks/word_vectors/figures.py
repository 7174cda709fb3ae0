"""The figures of `run_study.py`."""

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from captum_rnn.text import Vocabulary
from captum_rnn.visualization.fonts import readable_text

NAMED = ("的", "很", "不", "好", "酒店", "不错", "失望", "推荐", "垃圾")
GREY, DARK = "0.6", "0.15"


def draw_norms(
    vectors: dict[str, Tensor], counts: Tensor, vocabulary: Vocabulary, path: Path
) -> None:
    """Squared length against −log P(w), a panel for each kind of vector."""
    occurs = (counts > 0).numpy()
    rareness = -np.log(counts.numpy()[occurs] / counts.sum().item())
    with readable_text(*NAMED):
        figure, axes = plt.subplots(1, len(vectors), figsize=(2.6 * len(vectors), 2.9))
        for axis, (name, kind) in zip(axes, vectors.items(), strict=True):
            squares = kind.double().square().sum(1).numpy()
            axis.scatter(rareness, squares[occurs], s=2, color=GREY, linewidths=0, rasterized=True)
            axis.set_yscale("log")
            axis.set_title(name, fontsize=9)
            axis.set_xlabel("−log P(w)", fontsize=8)
            axis.tick_params(labelsize=7, which="both")
            for word in NAMED:
                number = vocabulary.ids.get(word)
                if number is not None and counts[number] > 0:
                    place = -np.log(counts[number].item() / counts.sum().item())
                    axis.annotate(word, (place, squares[number]), fontsize=8, color=DARK)
        axes[0].set_ylabel("squared length of the vector", fontsize=8)
        _save(figure, path)


def draw_errors(truth: list[dict[str, Any]], path: Path) -> None:
    """Each method's error against the true contributions, with its interval."""
    figure, axes = plt.subplots(1, len(truth), figsize=(2.4 * len(truth) + 1.2, 3.2), sharey=True)
    longest = max(truth, key=lambda model: len(model["methods"]))
    names = [entry["name"] for entry in longest["methods"]][::-1]
    for axis, model in zip(axes, truth, strict=True):
        entries = model["methods"]
        places = [names.index(entry["name"]) for entry in entries]
        ends = [[entry["error"][end] for entry in entries] for end in ("low", "high")]
        axis.barh(places, [entry["error"]["mean"] for entry in entries], color=GREY, height=0.6)
        axis.hlines(places, *ends, color=DARK)
        axis.set_yticks(range(len(names)), names, fontsize=7)
        axis.set_xlim(0, 1)
        axis.tick_params(axis="x", labelsize=7)
        axis.set_title(f"{model['vectors']}, {model['pooling']}", fontsize=9)
        axis.set_xlabel("error at the best scale", fontsize=8)
    _save(figure, path)


def _save(figure: Figure, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    for axis in figure.axes:
        axis.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(path, dpi=110, metadata={"Software": None})
    plt.close(figure)
