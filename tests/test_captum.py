"""Captum's private names stand in one place."""

import re
from pathlib import Path

import pytest

import captum_rnn
from captum_rnn._captum import logged

PACKAGE = Path(captum_rnn.__file__).parent
PRIVATE = re.compile(r"^\s*(?:from|import) captum(?:\.\w+)*\.(?:_\w+|log)\b", re.MULTILINE)


def test_no_other_file_imports_them():
    found = {p.relative_to(PACKAGE) for p in PACKAGE.rglob("*.py") if PRIVATE.search(p.read_text())}
    assert found == {Path("_captum.py")}


def test_a_logged_method_keeps_what_noise_tunnel_calls():
    def attribute(self, inputs):
        return inputs + 1

    assert logged(attribute).__wrapped__ is attribute
    assert logged(attribute)(None, 1) == 2
    with pytest.raises(TypeError):
        logged(attribute)(None)
