import io
import re

import pytest
from matplotlib import rcParams
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from captum_rnn.visualization import fonts
from captum_rnn.visualization.fonts import cjk_fonts, readable_text

needs_font = pytest.mark.skipif(not cjk_fonts(), reason="no font for Chinese text")


@pytest.fixture
def found_anew():
    """The fonts are looked for again in this test, and again after it."""
    cjk_fonts.cache_clear()
    yield
    cjk_fonts.cache_clear()


@pytest.fixture
def of_the_extra_alone(monkeypatch, found_anew):
    if fonts.importlib.util.find_spec("zhplot") is None:
        pytest.skip("the extra `fonts` is not installed")
    monkeypatch.setattr(fonts, "_INSTALLED", ())


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


@pytest.mark.parametrize("text", ["好", "ひ", "カ", "，", "𠀀", "한국어", "\u1112\u1161\u11ab"])
def test_without_a_font_a_warning_says_what_to_install(monkeypatch, text):
    monkeypatch.setattr(fonts, "cjk_fonts", lambda: ())
    with pytest.warns(UserWarning, match=r"captum-rnn\[benchmark\]"), readable_text("a", text):
        pass


def test_the_extra_has_simplified_traditional_and_kana_but_no_korean(of_the_extra_alone):
    shown = "汉语漢語，。「」ひらがなカタカナ、ー"
    assert len(set(shapes_of(shown))) == len(set(shown))
    with pytest.warns(UserWarning, match="Glyph 54620 .*missing from"):
        shapes_of("한")


def test_latin_text_needs_no_font(monkeypatch):
    monkeypatch.setattr(fonts, "cjk_fonts", lambda: ())

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


def test_the_package_font_is_found_before_one_of_the_system(of_the_extra_alone, monkeypatch):
    assert cjk_fonts() == ("Noto Sans SC",)
    monkeypatch.setattr(fonts, "_INSTALLED", ("DejaVu Sans",))
    cjk_fonts.cache_clear()
    assert cjk_fonts() == ("Noto Sans SC", "DejaVu Sans")


def test_fonts_of_the_system_are_found(monkeypatch, found_anew):
    monkeypatch.setattr(fonts, "_PACKAGE", "no_such_package")
    monkeypatch.setattr(fonts, "_INSTALLED", ("No Such Font", "DejaVu Sans"))

    assert cjk_fonts() == ("DejaVu Sans",)
