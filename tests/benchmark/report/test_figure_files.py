from dataclasses import replace

from captum_rnn.benchmark.report.figure_files import save_figures
from captum_rnn.benchmark.results import Correlations
from made_up_results import failed, made_up_comparison, made_up_example

EXAMPLE = made_up_example(["很", "好"], {"saliency": [0.25, 0.5]})


def test_every_figure_is_written_twice_and_always_the_same(tmp_path):
    comparison = made_up_comparison(examples=[EXAMPLE])
    written = save_figures(comparison, tmp_path / "new" / "folder")
    assert [path.name for path in written] == [
        "cost.png",
        "cost.svg",
        "curves.png",
        "curves.svg",
        "correlations.png",
        "correlations.svg",
        "example.png",
        "example.svg",
    ]
    again = save_figures(comparison, tmp_path / "again")
    for one, other in zip(written, again, strict=True):
        assert one.read_bytes() == other.read_bytes()
        kind = b"\x89PNG" if one.suffix == ".png" else b"<?xml"
        assert one.read_bytes().startswith(kind)
    assert sorted(path.name for path in (tmp_path / "again").iterdir()) == sorted(
        path.name for path in written
    )


def test_text_is_drawn_as_shapes_so_that_no_font_is_needed(tmp_path):
    for path in save_figures(made_up_comparison(examples=[EXAMPLE]), tmp_path):
        if path.suffix == ".svg":
            assert "<text" not in path.read_text()


def test_what_was_not_measured_is_not_drawn(tmp_path):
    comparison = replace(
        made_up_comparison(),
        methods={"deep-lift": failed()},
        correlations=Correlations([], [], [], []),
    )
    assert save_figures(comparison, tmp_path) == []
