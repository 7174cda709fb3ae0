import re
from dataclasses import replace

import pytest

from ablation_results import effect, entry, made_up_ablation
from captum_rnn.benchmark.ablation.figure import ablation_figure
from captum_rnn.visualization.figure import drawing, figure_bytes


def intervals(axes):
    """Ends and height of each interval, from left to right and top to bottom."""
    return [
        [tuple(point) for point in path.vertices]
        for collection in axes.collections
        for path in collection.get_paths()
    ]


def test_every_measure_has_a_panel_with_the_effects_and_their_intervals():
    with drawing():
        figure = ablation_figure({"lstm": made_up_ablation()})
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == ["comprehensiveness", "sufficiency", "Spearman with leave-one-out"]
    (points,) = intervals(figure.axes[0])
    assert points == [pytest.approx((0.125, 0.0)), pytest.approx((0.375, 0.0))]
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels == ["distance: l1 against l2"]


def test_classifiers_share_the_lines_of_their_common_options_and_a_legend():
    other = made_up_ablation()
    other.effects.append(effect("state", "cell", "hidden", entry(0.5, 0.0)))
    with drawing():
        figure = ablation_figure({"普通": made_up_ablation(), "lstm": other})
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels == ["distance: l1 against l2", "state: cell against hidden"]
    heights = [points[0][1] for points in intervals(figure.axes[0])]
    assert heights == pytest.approx([-0.125, 0.125, 1.125])
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["普通", "lstm"]


def test_the_same_results_make_the_same_file_with_text_as_text():
    files = []
    for _ in range(2):
        with drawing():
            files.append(figure_bytes(ablation_figure({"lstm": made_up_ablation()}), "svg"))
    assert files[0] == files[1]
    assert re.search(rb">effect \(lower is better\)</text>", files[0])


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(ValueError, match="results holds 0 classifiers; expected 1 to 8"):
        ablation_figure({})
    nothing = replace(made_up_ablation(), effects=[])
    with pytest.raises(ValueError, match="no axis has a second option"):
        ablation_figure({"lstm": nothing})
