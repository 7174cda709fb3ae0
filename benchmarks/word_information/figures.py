"""The figures of the four studies."""

from pathlib import Path
from typing import Any, TypeAlias

import torch
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch import Tensor

from benchmarks.word_information.measures import Measured
from benchmarks.word_information.reverse import LENGTH
from benchmarks.word_information.subjects import Subject
from captum_rnn.visualization.fonts import readable_text
from captum_rnn.visualization.heat_map import save_heat_map

Stages: TypeAlias = dict[str, dict[str, Measured]]

_COLOURS = ("#b3590f", "#2b6ca3", "#4f8a3c", "#7a4f9a")
_DPI = 90


def draw_all(
    folder: Path,
    subjects: list[Subject],
    measured: Stages,
    forgotten: dict[str, dict[str, Any]],
    steps: dict[str, dict[str, Tensor]],
    points: list[list[float]],
) -> None:
    """Writes every figure into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    draw_forgetting(folder / "layers.png", forgotten)
    longest = max(range(len(subjects[0].words)), key=lambda row: len(subjects[0].words[row]))
    draw_text(folder, subjects, measured, longest)
    draw_coherence(folder / "coherence.png", subjects, measured, longest)
    draw_reverse(folder / "reverse.png", steps)
    draw_beside(folder / "deltas.png", points)


def draw_forgetting(path: Path, forgotten: dict[str, dict[str, Any]]) -> None:
    """Study 1: nats a word over the stages, for each classifier."""
    figure, axes = blank(6.6, 3.8)
    for colour, (name, stages) in zip(_COLOURS, forgotten.items(), strict=False):
        figures = [stage["information"] for stage in stages.values()]
        means = [found["mean"] for found in figures]
        axes.errorbar(
            range(len(means)),
            means,
            yerr=[
                [found["mean"] - found["low"] for found in figures],
                [found["high"] - found["mean"] for found in figures],
            ],
            label=name,
            color=colour,
            marker="o",
            capsize=3,
        )
        axes.set_xticks(range(len(means)), list(stages))
    axes.set_ylabel("information kept of a word (nats)")
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False)
    figure.savefig(path, dpi=_DPI)


def draw_text(folder: Path, subjects: list[Subject], measured: Stages, row: int) -> None:
    """Study 1: one text, token by layer, each layer against its own mean word."""
    for subject in subjects:
        if subject.name not in ("LSTM", "BERT-style"):
            continue
        words, stages = subject.words[row], measured[subject.name]
        values = torch.stack([stage.information[row, : len(words)] for stage in stages.values()], 1)
        save_heat_map(
            folder / f"text-{subject.name.lower()}.png",
            words,
            list(stages),
            values - values.mean(0),
            title=f"{subject.name}: more (orange) or less (blue)\nthan the mean word of the layer",
        )


def draw_coherence(path: Path, subjects: list[Subject], measured: Stages, row: int) -> None:
    """Study 3: each word's value over the stages, by three measures, for one text."""
    words = subjects[0].words[row]
    with readable_text(*words):
        figure = Figure(figsize=(8.4, 5.4), layout="constrained")
        FigureCanvasAgg(figure)
        chosen = [subject for subject in subjects if subject.name in ("LSTM", "BERT-style")]
        grid = figure.subplots(len(chosen), 3, squeeze=False)
        for line, subject in zip(grid, chosen, strict=True):
            stages = measured[subject.name]
            for axes, (name, log) in zip(
                line,
                (("information", False), ("gradient", True), ("perturbation", True)),
                strict=True,
            ):
                values = torch.stack([getattr(stage, name)[row] for stage in stages.values()])
                axes.plot(values[:, : len(words)].numpy(), linewidth=0.9, color=_COLOURS[1])
                axes.set_xticks(
                    range(len(stages)), [stage.replace("layer ", "") for stage in stages]
                )
                axes.set_title(f"{subject.name}: {name}", fontsize=10)
                if log:
                    axes.set_yscale("log")
        figure.savefig(path, dpi=_DPI)


def draw_reverse(path: Path, steps: dict[str, dict[str, Tensor]]) -> None:
    """Study 2: mean over sequences of each measure, symbol by step."""
    figure = Figure(figsize=(8.4, 5.4), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(len(steps), 3)
    for line, (part, maps) in zip(grid, steps.items(), strict=True):
        for axes, (name, values) in zip(line, maps.items(), strict=True):
            axes.imshow(values.mean(1).t(), cmap="Oranges", origin="upper", vmin=0)
            axes.set_title(f"{part}: {name}", fontsize=10)
            axes.set_xlabel("step")
            axes.set_ylabel("symbol")
            axes.set_xticks(range(LENGTH), range(1, LENGTH + 1))
            axes.set_yticks(range(LENGTH), range(1, LENGTH + 1))
    figure.savefig(path, dpi=_DPI)


def draw_beside(path: Path, points: list[list[float]]) -> None:
    """Study 4: how the words of a text rank by information and by the projection delta."""
    figure, axes = blank(4.6, 4.2)
    kept, credited = zip(*points, strict=True)
    *_, image = axes.hist2d(kept, credited, bins=10, range=[[0, 1], [0, 1]], cmap="Oranges")
    figure.colorbar(image, ax=axes, label="words")
    axes.set_xlabel("rank by word information (1: most kept)")
    axes.set_ylabel("rank by |projection delta| (1: most credited)")
    figure.savefig(path, dpi=_DPI)


def blank(width: float, height: float) -> tuple[Figure, Axes]:
    """A figure with one pair of axes."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes
