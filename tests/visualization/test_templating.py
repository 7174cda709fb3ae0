import re
import subprocess
import sys
from pathlib import Path

import pytest
from jinja2 import UndefinedError
from markupsafe import Markup

from captum_rnn.visualization.templating import template_environment

PACKAGE = "captum_rnn.jobs"
ROOT = Path(__file__).parents[2] / "src" / "captum_rnn"


def render(source, **values):
    return template_environment(PACKAGE).from_string(source).render(values)


def test_what_is_filled_in_is_escaped_and_made_visible_but_markup_is_not():
    shown = render("{{ a }}<b title={{ a }}>{{ b }}</b>", a="<i>\n'好", b=Markup("<u>\n</u>"))
    assert shown == "&lt;i&gt;↵&#39;好<b title=&lt;i&gt;↵&#39;好><u>\n</u></b>"


def test_a_blank_string_is_shown_by_signs_only_where_it_is_asked_for():
    assert render("{{ a }}|{{ a|visible }}|{{ b }}|{{ b|visible }}", a=" ", b="") == " |␣||∅"


def test_a_name_that_nobody_gave_is_an_error():
    with pytest.raises(UndefinedError, match="nothing"):
        render("{{ nothing }}")


def test_no_template_takes_the_text_of_a_corpus_as_markup():
    """Trusted are whole fragments that another template has escaped, and the package's files."""
    trusted = {
        (path.name, name)
        for path in ROOT.rglob("templates/*.html")
        for name in re.findall(r"([^\s|]+)\s*\|\s*safe\b", path.read_text("utf-8"))
    }
    of_the_page = {("page.html", name) for name in ("body", "script", "style")}
    assert trusted == of_the_page | {("explanation.html", "tokens")}


def test_no_module_of_pictures_loads_jinja2_before_a_page_is_written():
    code = (
        "import sys, captum_rnn.jobs.report, captum_rnn.visualization\n"
        "assert 'jinja2' not in sys.modules"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=120)
    assert (ended.returncode, ended.stderr) == (0, b"")
