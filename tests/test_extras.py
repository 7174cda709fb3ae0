from pathlib import Path

import pytest

from captum_rnn.extras import import_extra, install_hint

tomllib = pytest.importorskip("tomllib")  # of Python 3.11 and later


def test_the_hint_works_from_a_clone_and_from_an_index():
    for line in ("pip install '.[demo]'", "pip install 'captum-rnn[demo]'"):
        assert line in install_hint("demo")


def test_a_package_that_is_broken_inside_is_not_called_missing(tmp_path, monkeypatch):
    (tmp_path / "broken_inside.py").write_text("import no_such_dependency")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ImportError, match=r"installed but cannot.*no_such_dependency"):
        import_extra("broken_inside", "demo", "a test")


def test_every_extra_that_a_message_names_exists():
    root = Path(__file__).parents[1]
    extras = tomllib.loads((root / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    for path in (root / "src").rglob("*.py"):
        source = path.read_text(encoding="utf-8")
        for call in source.split("_extra(")[1:] + source.split("install_hint(")[1:]:
            named = [word for word in call.split(")")[0].split('"')[1::2] if word.isalpha()]
            assert not named or extras.keys() & named, (path, call[:80])
