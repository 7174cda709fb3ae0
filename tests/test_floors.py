"""Data flows one way: the floors in CONTRIBUTING.md, held for every import of the package."""

import ast
import re
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "captum_rnn"
FLOOR_OF = {
    room: int(floor)
    for floor, room in re.findall(
        r"^\| (\d) \| `(\w+)/` \|", (ROOT / "CONTRIBUTING.md").read_text("utf-8"), re.MULTILINE
    )
}
BELOW_ALL = {"_captum", "baselines", "extras", "files", "processes"}
"""Files that every room may import, and that import none."""
NOT_IN_THE_PACKAGE = {"benchmarks", "tests", "gensim", "pickle"}


def imported(source: str) -> Iterator[str]:
    """The full names of all that some code imports, inside functions too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def climbs(room: str, source: str) -> list[str]:
    """What code of a room imports and may not."""
    found = []
    for name in imported(source):
        top, _, rest = name.partition(".")
        other = rest.partition(".")[0]
        if top in NOT_IN_THE_PACKAGE or (
            top == "captum_rnn"
            and other != room
            and other not in BELOW_ALL
            and not FLOOR_OF.get(other, 9) < FLOOR_OF.get(room, -1)
        ):
            found.append(name)
    return found


def test_the_table_of_floors_names_every_room() -> None:
    rooms = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert set(FLOOR_OF) == rooms | {"benchmarks"}
    files = {path.stem for path in PACKAGE.glob("*.py")}
    assert files == BELOW_ALL | {"__init__", "__main__"}


@pytest.mark.parametrize("room", [*sorted(set(FLOOR_OF) - {"benchmarks"}), *sorted(BELOW_ALL)])
def test_no_import_climbs(room: str) -> None:
    files = [*(PACKAGE / room).rglob("*.py"), *PACKAGE.glob(f"{room}.py")]
    assert files
    found = {str(file): climbs(room, file.read_text("utf-8")) for file in files}
    assert {file: names for file, names in found.items() if names} == {}


def test_no_modules_import_each_other_in_a_circle() -> None:
    modules = {
        ".".join(("captum_rnn", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(
            ".__init__"
        ): path
        for path in PACKAGE.rglob("*.py")
    }
    graph = {
        module: {
            name if name in modules else name.rpartition(".")[0]
            for name in imported(path.read_text("utf-8"))
            if name.startswith("captum_rnn")
        }
        for module, path in modules.items()
    }
    assert {name for names in graph.values() for name in names} <= set(modules)
    TopologicalSorter(graph).prepare()


@pytest.mark.parametrize(
    "source",
    [
        "from captum_rnn.attr import HiddenStateDeltaAttribution",
        "def later():\n    import captum_rnn.attr.recurrent",
        "from captum_rnn import HiddenStateDeltaAttribution",
        "from benchmarks.targets import Tag",
        "import pickle",
    ],
)
def test_a_climb_is_seen(source: str) -> None:
    assert len(climbs("states", source)) == 1
    assert climbs("states", "from captum_rnn.functional import x\nimport captum_rnn.files") == []


@pytest.mark.parametrize("folder", ["src", "tests", "benchmarks"])
def test_a_file_is_read_in_one_sitting(folder: str) -> None:
    lengths = {path: len(path.read_bytes().splitlines()) for path in (ROOT / folder).rglob("*.py")}
    assert lengths
    assert [str(path) for path, length in lengths.items() if length > 320] == []
