"""Sentences with labelled targets: the contest's three files, and a few of our own."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.targets.tags import Tag, Target

_OPINIONS = {"pos": Tag.POSITIVE, "neu": Tag.NEUTRAL, "neg": Tag.NEGATIVE}
_CONTEST_FILES = ("Train.csv", "Label.csv", "View.csv")
_TENTHS_HELD_OUT, _TENTHS_VALIDATION = 2, 1


@dataclass(frozen=True)
class Sentence:
    """A sentence and its targets.

    Attributes:
        text: The sentence.
        targets: What it speaks about, in the order of the labels; none, one or several.
    """

    text: str
    targets: tuple[Target, ...]

    @property
    def is_mixed(self) -> bool:
        """Whether its targets differ in polarity."""
        return len({target.polarity for target in self.targets}) > 1


@dataclass(frozen=True)
class TargetCorpus:
    """Sentences and the names that are known to be targets.

    Attributes:
        sentences: The sentences, in the order of their source, copies included.
        names: Known names, whether or not a sentence holds them.
    """

    sentences: tuple[Sentence, ...]
    names: frozenset[str]


@dataclass(frozen=True)
class SentenceSplit:
    """The three parts of distinct sentences; none stands in two of them.

    Attributes:
        train: 70 %: vocabulary, weights and transition scores come from these alone.
        validation: 10 %: for choices.
        held_out: 20 %: for the figures that are reported.
    """

    train: tuple[Sentence, ...]
    validation: tuple[Sentence, ...]
    held_out: tuple[Sentence, ...]


def read_contest(folder: str | Path) -> TargetCorpus:
    """Reads the training data of the contest "汽车行业用户观点主题及情感识别", CCF BDCI 2016.

    Tab-separated UTF-8, each with a header: `Train.csv` (id, sentence), `Label.csv` (sentence's id,
    name, opinion pos, neu or neg), `View.csv` (number, known name).

    Args:
        folder: The folder of the three files.

    Raises:
        FileNotFoundError: One of them is missing.
        ValueError: A file is not UTF-8, a row has another number of fields, an opinion is unknown
            or a label is of a sentence that is not there.
    """
    folder = Path(folder)
    missing = [name for name in _CONTEST_FILES if not (folder / name).is_file()]
    if missing:
        raise FileNotFoundError(
            f"{folder} lacks {' and '.join(missing)}; give the folder that holds the contest's "
            f"{', '.join(_CONTEST_FILES)}"
        )
    texts = {row[0]: row[1] for row in _rows(folder / "Train.csv", 2)}
    targets: dict[str, list[Target]] = {number: [] for number in texts}
    for number, name, opinion in _rows(folder / "Label.csv", 3):
        if number not in texts or opinion not in _OPINIONS:
            raise ValueError(
                f"{folder / 'Label.csv'} says {opinion!r} of {name!r} in sentence {number}; "
                f"expected one of {', '.join(_OPINIONS)} and a sentence of Train.csv"
            )
        targets[number].append(Target(name, _OPINIONS[opinion]))
    return TargetCorpus(
        tuple(Sentence(text, tuple(targets[number])) for number, text in texts.items()),
        frozenset(name for _, name in _rows(folder / "View.csv", 2)),
    )


def own_sentences() -> TargetCorpus:
    """Three dozen short sentences written for this package, for tests and a first try.

    Example:
        >>> corpus = own_sentences()
        >>> corpus.sentences[0].text, sorted(corpus.names)[:2]
        ('我喜欢本田，我不喜欢丰田。', ['丰田', '大众'])
    """
    file = Path(__file__).with_name("own_sentences.json")
    entries = json.loads(file.read_text(encoding="utf-8"))
    sentences = tuple(
        Sentence(
            entry["text"],
            tuple(Target(name, _OPINIONS[opinion]) for name, opinion in entry["targets"].items()),
        )
        for entry in entries
    )
    names = {target.name for sentence in sentences for target in sentence.targets}
    return TargetCorpus(sentences, frozenset(names))


def copies(sentences: Iterable[Sentence]) -> list[list[Sentence]]:
    """Groups the sentences that are equal in letters, characters and digits.

    Args:
        sentences: The sentences.

    Returns:
        The groups, in the order of their first sentences, which is also the order inside.

    Example:
        >>> [len(group) for group in copies([Sentence(t, ()) for t in ("很好！", "差", "很 好")])]
        [2, 1]
    """
    groups: dict[str, list[Sentence]] = {}
    for sentence in sentences:
        key = alphanumeric(sentence.text) or sentence.text
        groups.setdefault(key, []).append(sentence)
    return list(groups.values())


def alphanumeric(text: str) -> str:
    """What is left of a text without blanks, punctuation and other signs."""
    return "".join(character for character in text if character.isalnum())


def split_sentences(sentences: Sequence[Sentence], *, seed: int) -> SentenceSplit:
    """Splits into 70 % train, 10 % validation and 20 % held-out sentences, by text.

    Of copies, as `copies` finds them, the first alone is used. The rest are sorted by the SHA-256
    of seed and text and cut, so that the split depends neither on the order of the
    file nor on any library's random numbers.

    Args:
        sentences: The sentences, copies included.
        seed: Any integer; another seed gives another split.

    Raises:
        ValueError: There are fewer than ten distinct sentences.
    """
    distinct = [group[0] for group in copies(sentences)]
    if len(distinct) < 10:
        raise ValueError(f"there are {len(distinct)} distinct sentences; expected at least 10")
    ordered = sorted(distinct, key=lambda sentence: _place(sentence.text, seed))
    held_out = len(ordered) * _TENTHS_HELD_OUT // 10
    validation = held_out + len(ordered) * _TENTHS_VALIDATION // 10
    return SentenceSplit(
        tuple(ordered[validation:]), tuple(ordered[held_out:validation]), tuple(ordered[:held_out])
    )


def _place(text: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}\n{text}".encode("utf-8", "surrogatepass")).digest()


def _rows(path: Path, fields: int) -> list[list[str]]:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8 at byte {error.start}; convert it") from error
    # Sentences hold quotes and other line ends than these, so no reader of CSV fits.
    lines = text.replace("\r\n", "\n").split("\n")[1:]
    rows = [line.split("\t") for line in lines if line]
    wrong = [number for number, row in enumerate(rows, start=2) if len(row) != fields]
    if wrong:
        raise ValueError(
            f"{path}, line {wrong[0]}, does not have {fields} fields; expected them separated by "
            "tabs, as in the contest's files"
        )
    return rows
