import io
import re

import pytest
from matplotlib import rcParams
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from captum_rnn.visualization import fonts
from captum_rnn.visualization.fonts import cjk_font, readable_text

needs_font = pytest.mark.skipif(cjk_font() is None, reason="no font for Chinese text")


def shapes_of(*texts: str) -> list[str]:
    """The outline of each glyph in a figure that shows the texts."""
    with readable_text(*texts):
        figure = Figure(figsize=(3, 1))
        figure.text(0.1, 0.5, " ".join(texts))
        file = io.StringIO()
        FigureCanvasSVG(figure).print_svg(file, metadata={"Date": None})
    return re.findall(r'<path id="[^"]+" d="([^"]+)"', file.getvalue())


@needs_font
def test_chinese_words_are_drawn_as_different_glyphs():
    empty_boxes_would_be_alike = shapes_of("好坏差")

    assert len(set(empty_boxes_would_be_alike)) == 3


@needs_font
def test_latin_letters_keep_the_figures_own_font():
    assert shapes_of("abc")[0] in shapes_of("abc", "好")


@pytest.mark.parametrize("text", ["好", "ひ", "カ", "한", "，", "𠀀"])
def test_without_a_font_a_warning_says_what_to_install(monkeypatch, text):
    monkeypatch.setattr(fonts, "cjk_font", lambda: None)

    with pytest.warns(UserWarning, match=r'pip install "captum-rnn\[fonts\]"'), readable_text(text):
        pass


def test_latin_text_needs_no_font(monkeypatch):
    monkeypatch.setattr(fonts, "cjk_font", lambda: None)

    with readable_text("good", "ρ −1"):
        pass


@needs_font
def test_matplotlibs_settings_are_put_back():
    before = list(rcParams["font.family"])

    def fail():
        with readable_text("好"):
            assert rcParams["font.family"] != before
            raise RuntimeError("inside")

    with pytest.raises(RuntimeError, match="inside"):
        fail()
    assert list(rcParams["font.family"]) == before


def test_the_package_font_is_found_before_one_of_the_system(monkeypatch):
    if fonts.importlib.util.find_spec("zhplot") is None:
        pytest.skip("the extra `fonts` is not installed")
    monkeypatch.setattr(fonts, "_INSTALLED", ())
    cjk_font.cache_clear()

    assert cjk_font() == "Noto Sans SC"


def test_a_font_of_the_system_is_found(monkeypatch):
    monkeypatch.setattr(fonts, "_PACKAGE", "no_such_package")
    monkeypatch.setattr(fonts, "_INSTALLED", ("No Such Font", "DejaVu Sans"))
    cjk_font.cache_clear()
    try:
        assert cjk_font() == "DejaVu Sans"
    finally:
        cjk_font.cache_clear()
