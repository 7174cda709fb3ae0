import pytest

from captum_rnn.jobs.rows import EMPTY, INVALID_UTF8, NOT_TEXT, Row, row_of


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("好", None),
        (None, NOT_TEXT),
        (3.5, NOT_TEXT),
        (["好"], NOT_TEXT),
        (True, NOT_TEXT),
        ("", EMPTY),
        (" \t\u3000\n", EMPTY),
        ("好\udcb4", INVALID_UTF8),
        ("\ud83d", INVALID_UTF8),
    ],
)
def test_why_a_row_has_no_text(text, problem):
    assert row_of(4, "a", text) == Row(4, "a", text if problem is None else None, problem)


@pytest.mark.parametrize(
    ("given", "kept"),
    [(None, None), (17, "17"), ("a7", "a7"), ("", ""), ("x\udcff", "x\\udcff")],
)
def test_an_id_is_always_valid_text(given, kept):
    row = row_of(0, given, "好")
    assert row.id == kept
    (kept or "").encode("utf-8")
