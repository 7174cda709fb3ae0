import subprocess
import sys

import matplotlib as mpl
import pytest

from captum_rnn.visualization.figure import drawing, empty_figure, figure_bytes, inline_svg


@pytest.fixture
def figure():
    with drawing():
        figure = empty_figure(2, 1, 'a "small" <figure>')
        figure.text(0.1, 0.5, "$5 & <b>")
        yield figure


def test_an_inline_element_is_described_and_holds_no_date(figure):
    svg = inline_svg(figure)
    assert svg.startswith('<svg role="img" aria-label="a &quot;small&quot; &lt;figure&gt;"')
    assert svg.endswith("</svg>")
    assert "<metadata" not in svg
    assert "$5 &amp; &lt;b&gt;" in svg


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_the_same_figure_gives_the_same_file(kind, figure):
    with drawing():
        again = empty_figure(2, 1, 'a "small" <figure>')
        again.text(0.1, 0.5, "$5 & <b>")
        assert figure_bytes(again, kind) == figure_bytes(figure, kind)


def test_a_png_has_200_dots_an_inch(figure):
    header = figure_bytes(figure, "png")[16:24]
    assert (int.from_bytes(header[:4]), int.from_bytes(header[4:])) == (400, 200)


def test_text_becomes_shapes_when_that_is_asked_for():
    with drawing("好", text_as_shapes=True):
        figure = empty_figure(2, 1, 'a "small" <figure>')
        figure.text(0.1, 0.5, "好")
        assert b"<text" not in figure_bytes(figure, "svg")


def test_matplotlib_s_own_settings_are_left_alone():
    before = dict(mpl.rcParams)
    with drawing("好"):
        assert mpl.rcParams["text.parse_math"] is False
    assert dict(mpl.rcParams) == before


def test_no_module_of_the_package_loads_matplotlib_torch_or_scipy():
    code = (
        "import importlib, pkgutil, sys, captum_rnn.visualization as room\n"
        "names = [module.name for module in pkgutil.iter_modules(room.__path__)]\n"
        "assert 'chart' in names\n"
        "for name in names: importlib.import_module(f'{room.__name__}.{name}')\n"
        "loaded = {'matplotlib', 'torch', 'scipy'} & set(sys.modules)\n"
        "assert not loaded, loaded"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=120)
    assert (ended.returncode, ended.stderr) == (0, b"")
