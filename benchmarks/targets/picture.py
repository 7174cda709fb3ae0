"""Draws sentences of our own, each target in its own colour; see `run_study.py`."""

import os
from collections.abc import Collection
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.patches import Rectangle

from benchmarks.targets import Span, TargetFinder, encode_characters
from benchmarks.targets.attribution import METHODS
from benchmarks.targets.tags import target_spans
from captum_rnn.visualization.fonts import readable_text

METHOD = "adjoint delta"
SENTENCES = (
    "我喜欢本田，我不喜欢丰田。",
    "本田的座椅很舒服，丰田的座椅让我失望。",
    "飞度省油又灵活，思域的油耗就高了。",
    "比起速腾，我觉得朗逸更值得买。",
    "帕萨特的内饰很漂亮，雅阁的内饰太难看了。",
    "开过途观以后，再开逍客感觉动力不足。",
    "邻居买了宝来，我买了高尔夫，非常满意。",
    "捷达的做工粗糙，桑塔纳的做工好得多。",
    "汉兰达空间大，可是锐界的配置更丰富。",
    "我试驾了昂科威和途胜，昂科威的底盘很扎实。",
    "福克斯的操控很精准，轩逸开起来没有激情。",
    "朋友的奥迪总出毛病，我的宝马一直很稳定。",
)
# Blue, orange, green and purple of Okabe and Ito (2008), told apart with any colour vision.
_COLOURS = ("#56b4e9", "#e69f00", "#009e73", "#cc79a7")
_LABEL_WIDTH, _ROW_HEIGHT, _GAP = 9.0, 1.35, 0.6
_SIGNS = {"POSITIVE": "+", "NEUTRAL": "0", "NEGATIVE": "−"}


def draw_sentences(finder: TargetFinder, names: Collection[str], path: Path) -> None:
    """Writes a picture with one line for each target that the tagger finds.

    The shade of a character is its positive score over the line's highest outside the target.
    """
    found = finder.find(SENTENCES, names)
    lines: list[tuple[str, str, list[Span], torch.Tensor, str] | None] = []
    for text, targets in zip(SENTENCES, found, strict=True):
        ordered = sorted(targets, key=lambda target: text.index(target.name))
        for number, spans in enumerate(target_spans(text, ordered)):
            label = f"{ordered[number].name} {_SIGNS[ordered[number].polarity.name]}"
            lines.append((text, label, spans, _scores(finder, text, spans), _COLOURS[number % 4]))
        if not ordered:
            lines.append((text, "none found", [], torch.zeros(len(text)), _COLOURS[0]))
        lines.append(None)
    width = _LABEL_WIDTH + max(map(len, SENTENCES))
    height = sum(_ROW_HEIGHT if line else _GAP for line in lines)
    with readable_text(*SENTENCES):
        figure, axes = plt.subplots(figsize=(width * 0.24, height * 0.24))
        axes.set_xlim(0, width)
        axes.set_ylim(height, 0)
        axes.set_axis_off()
        top = 0.0
        for line in lines:
            if line is not None:
                _draw_line(axes, top, *line)
            top += _ROW_HEIGHT if line else _GAP
        unfinished = path.with_name(f".{path.name}.unfinished")
        figure.savefig(unfinished, format="png", dpi=130, bbox_inches="tight")
        plt.close(figure)
    os.replace(unfinished, path)


def _scores(finder: TargetFinder, text: str, spans: list[Span]) -> torch.Tensor:
    """Scores (characters,) of the method for a target with the polarity that was found."""
    characters = torch.zeros(1, len(text), dtype=torch.bool)
    for span in spans:
        characters[0, span.start : span.stop] = True
    ids, tag = encode_characters(finder.vocabulary, [text]), torch.tensor([int(spans[0].tag)])
    return METHODS[METHOD](finder.tagger, ids, characters, tag)[0]


def _draw_line(
    axes: Axes,
    top: float,
    text: str,
    label: str,
    spans: list[Span],
    scores: torch.Tensor,
    colour: str,
) -> None:
    own = {place for span in spans for place in range(span.start, span.stop)}
    positive = [
        0.0 if place in own else max(score, 0.0) for place, score in enumerate(scores.tolist())
    ]
    full = max(positive) or 1.0
    middle = top + _ROW_HEIGHT / 2
    axes.text(_LABEL_WIDTH - 0.8, middle, label, ha="right", va="center", fontsize=11)
    for place, character in enumerate(text):
        left = _LABEL_WIDTH + place
        shade = [1 - positive[place] / full * (1 - part) for part in to_rgb(colour)]
        axes.add_patch(Rectangle((left, top), 1, _ROW_HEIGHT, facecolor=shade))
        if place in own:
            axes.add_patch(Rectangle((left, top + _ROW_HEIGHT - 0.18), 1, 0.18, facecolor=colour))
        axes.text(left + 0.5, middle, character, ha="center", va="center", fontsize=12)
