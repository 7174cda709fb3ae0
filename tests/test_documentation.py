"""The Python code in the README and the documentation runs as printed, page by page."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md"))]
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_code_of_a_page_runs(page):
    names: dict[str, object] = {}
    for block in BLOCK.findall(page.read_text(encoding="utf-8")):
        exec(compile(block, str(page), "exec"), names)


def test_the_pages_have_code():
    with_code = {page.name for page in PAGES if BLOCK.search(page.read_text(encoding="utf-8"))}
    tutorials = {page.name for page in (ROOT / "docs" / "tutorials").glob("*.md")}
    assert {"README.md", "index.md", "models.md"} | tutorials <= with_code


URL = re.compile(r"https://[\w.]+/captum-rnn/captum-rnn/(?:blob/)?main/([\w/.-]+)")


def test_the_absolute_links_of_the_readme_name_files_that_are_there():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    linked = URL.findall(readme)
    assert "docs/index.md" in linked
    assert [path for path in linked if not (ROOT / path).exists()] == []
    assert LINK.findall(readme) == []  # a relative one leads nowhere on a package index


FOLDERS = [
    ROOT,
    *(ROOT / "docs").glob("**/"),
    *(ROOT / "benchmarks").glob("**/"),
    *(ROOT / "src").glob("**/"),
]
WRITTEN = [page for folder in FOLDERS for page in sorted(folder.glob("*.md"))]
LINK = re.compile(r"\]\((?!https?:)([^)#]+)\)")
NAMED = re.compile(r"(?<![\w/.])((?:benchmarks|docs|src|tests)/[\w/.-]+\.\w+)")


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_files_that_a_page_names_are_there(page):
    text = page.read_text(encoding="utf-8")
    named = [page.parent / link for link in LINK.findall(text)]
    named += [ROOT / path for path in NAMED.findall(text)]
    assert [str(file) for file in named if not file.exists()] == []
