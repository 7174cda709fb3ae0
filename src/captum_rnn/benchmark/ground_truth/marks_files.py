"""Texts in which people marked the words that carry an opinion."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_LEAF = re.compile(r"\((\d) ([^()\s]+)\)")
_NEUTRAL = 2
_ESCAPED = {"-LRB-": "(", "-RRB-": ")"}


@dataclass(frozen=True)
class MarkedText:
    """A text with its opinion words.

    Attributes:
        text: The text.
        spans: Start, end (exclusive) in characters, and polarity 1 or −1 of each opinion word.
    """

    text: str
    spans: tuple[tuple[int, int, int], ...]


def read_marked_texts(path: str | Path) -> list[MarkedText]:
    """Reads texts with marked words.

    Args:
        path: A file of JSON lines with `text` and `spans` (`[[start, end, polarity], …]`,
            polarity 1, −1 or 0 for a word without), or a
            treebank in bracket format (any other ending than .jsonl) whose words are labelled 0 to
            4: 0 and 1 are negative words, 3 and 4 positive ones.

    Returns:
        The texts with at least one marked word, in the order of the file.

    Raises:
        OSError: The file is missing or cannot be read.
        ValueError: It is not UTF-8, a line is not of that form, or no text has a marked word.
    """
    path = Path(path)
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8; convert it first") from error
    read = _of_json if path.suffix == ".jsonl" else _of_tree
    texts = []
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                texts.append(read(line))
            except (KeyError, RecursionError, TypeError, ValueError) as error:
                raise ValueError(
                    f"line {number} of {path} is no text with marked words ({error}); expected "
                    '{"text": …, "spans": [[start, end, polarity], …]} in a .jsonl file, or else a '
                    "sentence as a tree in brackets"
                ) from error
    marked = [text for text in texts if text.spans]
    if not marked:
        raise ValueError(f"no text of {path} has a marked word")
    return marked


def _of_json(line: str) -> MarkedText:
    entry: Any = json.loads(line)
    text = entry["text"]
    spans = tuple((int(start), int(end), int(polarity)) for start, end, polarity in entry["spans"])
    for start, end, polarity in spans:
        if not 0 <= start < end <= len(text) or polarity not in (-1, 0, 1):
            raise ValueError(f"a span is {[start, end, polarity]}")
    return MarkedText(text, tuple(span for span in spans if span[2] != 0))


def _of_tree(line: str) -> MarkedText:
    leaves = _LEAF.findall(line)
    if not leaves:
        raise ValueError("it has no words in brackets")
    return MarkedText(
        " ".join(_unescaped(word) for _, word in leaves),
        tuple(_spans((int(label), _unescaped(word)) for label, word in leaves)),
    )


def _spans(words: Iterator[tuple[int, str]]) -> Iterator[tuple[int, int, int]]:
    start = 0
    for label, word in words:
        if label != _NEUTRAL:
            yield start, start + len(word), 1 if label > _NEUTRAL else -1
        start += len(word) + 1


def _unescaped(word: str) -> str:
    return _ESCAPED.get(word, word).replace("\\/", "/")
