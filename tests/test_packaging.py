import re
from pathlib import Path

import pytest

import captum_rnn

tomllib = pytest.importorskip("tomllib")  # of Python 3.11 and later
ROOT = Path(__file__).parents[1]


def test_the_citation_names_this_version():
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.search(r"^version: (.+)$", citation, re.MULTILINE)[1] == captum_rnn.__version__


def test_every_direct_dependency_is_pinned():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"]]
    for extra in project["optional-dependencies"].values():
        wanted += extra
    names = {re.split(r"[\[><=]", line)[0].lower() for line in wanted} - {"captum-rnn"}
    pinned = {
        line.split("==")[0].lower()
        for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    }
    assert names <= pinned, names - pinned


def test_the_wheel_holds_every_template_style_sheet_and_script():
    wheel = pytest.importorskip("hatchling.builders.wheel")
    held = {file.path for file in wheel.WheelBuilder(str(ROOT)).recurse_included_files()}
    wanted = {
        str(path)
        for path in (ROOT / "src").rglob("*")
        if path.suffix in {".css", ".html", ".js"} or path.name == "py.typed"
    }
    assert {Path(path).parent.parent.name for path in wanted} >= {
        "jobs",
        "report",
        "series",
        "text",
        "visualization",
    }
    assert wanted <= held
