import pytest

from captum_rnn.benchmark.ground_truth.marks_files import MarkedText, read_marked_texts


def test_json_lines_keep_the_words_with_a_polarity(tmp_path):
    file = tmp_path / "marks.jsonl"
    file.write_text(
        '{"text": "很好，但是贵", "spans": [[0, 2, 1], [3, 5, 0], [5, 6, -1]]}\n\n'
        '{"text": "无", "spans": []}\n',
        encoding="utf-8",
    )
    assert read_marked_texts(file) == [MarkedText("很好，但是贵", ((0, 2, 1), (5, 6, -1)))]


def test_a_line_of_json_ends_with_a_line_feed_alone(tmp_path):
    file = tmp_path / "marks.jsonl"
    file.write_text('{"text": "好\u2028\x85贵", "spans": [[0, 1, 1]]}\n', encoding="utf-8")
    assert read_marked_texts(file) == [MarkedText("好\u2028\x85贵", ((0, 1, 1),))]


def test_a_treebank_marks_the_words_that_are_not_neutral(tmp_path):
    file = tmp_path / "trees.txt"
    file.write_text("(3 (2 (2 A) (4 great)) (1 (0 awful) (2 -LRB-)))\n(2 (2 It) (2 is))\n")
    (marked,) = read_marked_texts(file)
    assert marked.text == "A great awful ("
    assert [(marked.text[a:b], sign) for a, b, sign in marked.spans] == [
        ("great", 1),
        ("awful", -1),
    ]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", '{"text": "好"}', r"line 1 of .* is no text with marked words \('spans'\)"),
        ("a.jsonl", '{"text": "好", "spans": [[0, 2, 1]]}', r"a span is \[0, 2, 1\]"),
        ("a.jsonl", '{"text": "好", "spans": [[0, 1, 2]]}', r"a span is \[0, 1, 2\]"),
        ("a.jsonl", "{", "line 1"),
        ("a.txt", "no tree", "it has no words in brackets"),
        ("a.jsonl", '{"text": "好", "spans": []}', "no text of .* has a marked word"),
    ],
)
def test_another_form_is_refused(tmp_path, name, content, message):
    file = tmp_path / name
    file.write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        read_marked_texts(file)


def test_another_encoding_is_refused(tmp_path):
    file = tmp_path / "a.jsonl"
    file.write_bytes('{"text": "好", "spans": [[0, 1, 1]]}'.encode("gb18030"))
    with pytest.raises(ValueError, match="is not UTF-8"):
        read_marked_texts(file)
