"""Which texts a classifier learns from, and which it never sees."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from captum_rnn.text.corpus import Corpus, Review

_TENTHS_HELD_OUT = 1
_TENTHS_VALIDATION = 1
_SMALLEST_CORPUS = 10


@dataclass(frozen=True)
class Split:
    """The three parts of a corpus.

    Attributes:
        train: 80 %: vocabulary and weights come from these reviews alone.
        validation: 10 %: for choices and for watching the training.
        held_out: 10 %: for the figures that are reported, and for the explained reviews.
        digest: SHA-256 of all three parts, hexadecimal: equal digests, equal splits.
    """

    train: tuple[Review, ...]
    validation: tuple[Review, ...]
    held_out: tuple[Review, ...]
    digest: str


def split_corpus(corpus: Corpus, *, seed: int) -> Split:
    """Splits a corpus by chance into 80 % train, 10 % validation and 10 % held-out reviews.

    The reviews are sorted by the SHA-256 of seed and text, and cut at these shares, so the split
    depends neither on the order of the file nor on any library's random numbers.

    Args:
        corpus: A corpus whose texts are distinct; see `Corpus.distinct`.
        seed: Any integer; another seed gives another split.

    Returns:
        The three parts.

    Raises:
        ValueError: A text stands twice, there are fewer than 10, or the reviews to train on are
            all of one class.
    """
    if len({review.text for review in corpus.reviews}) < len(corpus):
        raise ValueError(
            f"the corpus {corpus.name!r} holds copies, which would put training texts among the "
            "held-out ones; split corpus.distinct() instead"
        )
    if len(corpus) < _SMALLEST_CORPUS:
        raise ValueError(
            f"the corpus {corpus.name!r} has {len(corpus)} distinct reviews; expected at least "
            f"{_SMALLEST_CORPUS} to split"
        )
    ordered = sorted(corpus.reviews, key=lambda review: _place(review, seed))
    held_out_end = len(ordered) * _TENTHS_HELD_OUT // 10
    validation_end = held_out_end + len(ordered) * _TENTHS_VALIDATION // 10
    train = tuple(ordered[validation_end:])
    Corpus(f"the training part of {corpus.name}", train, corpus.classes)  # refuses one class only
    return Split(
        train,
        tuple(ordered[held_out_end:validation_end]),
        tuple(ordered[:held_out_end]),
        _digest(ordered, held_out_end, validation_end),
    )


def held_out_reviews(trained_on: Mapping[str, Any], corpus: Corpus) -> tuple[Review, ...]:
    """Rebuilds the reviews that a stored classifier has never seen.

    Args:
        trained_on: `TextClassifier.trained_on`: the seed and digest of its split.
        corpus: The corpus that it was trained on, as `load_corpus` reads it.

    Returns:
        The held-out reviews, in the order of the split.

    Raises:
        ValueError: The record lacks seed or digest, or the corpus splits into other parts than the
            ones recorded, so that training texts could be among the reviews.
    """
    seed, digest = trained_on.get("split_seed"), trained_on.get("split_digest")
    if not isinstance(seed, int) or not isinstance(digest, str):
        raise ValueError(
            "the classifier does not record split_seed and split_digest, so its held-out reviews "
            "are unknown; train it again with captum_rnn.text.train"
        )
    distinct = corpus.distinct()
    split = split_corpus(distinct, seed=seed)
    if split.digest != digest:
        raise ValueError(
            f"the corpus {corpus.name!r} ({len(distinct)} distinct reviews) is not the one the "
            f"classifier was trained on ({trained_on.get('corpus')!r}), so training texts could "
            "be among its reviews; give the same corpus in the same version, or train again"
        )
    return split.held_out


def _place(review: Review, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}\n{review.text}".encode("utf-8", "surrogatepass")).digest()


def _digest(ordered: list[Review], *cuts: int) -> str:
    digest = hashlib.sha256(repr(cuts).encode())
    for review in ordered:
        # A distinct text holds no line break, so the lines are unambiguous.
        digest.update(f"{review.label}\t{review.text}\n".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()
