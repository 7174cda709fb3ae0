"""Documents put together of short reviews of both classes: where a word stands shows its class."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from captum_rnn.evaluation.plausibility.segments import segment_labels
from captum_rnn.text.batching import pad_ids
from captum_rnn.text.corpus import Review
from captum_rnn.text.pipeline import TextClassifier


@dataclass(frozen=True)
class HybridDocuments:
    """Documents of reviews of both classes, and from which review each token comes.

    A faithful explanation of the predicted class has its highest score in a review of that class,
    and its lowest in a review of the other: the pointing game on documents.

    Attributes:
        tokens: The words of each document.
        ids: Their ids (documents, time), 0 for padding and unknown words.
        segments: The number of the review within its document that each token comes from
            (documents, time), from 0; -1 after the end of a document.
        segment_labels: The label of each review (documents, reviews).

    Source: Poerner, Schütze, Roth (2018), "Evaluating neural network explanation methods using
    hybrid documents and morphosyntactic agreement", ACL.
    """

    tokens: list[list[str]]
    ids: Tensor
    segments: Tensor
    segment_labels: Tensor

    @property
    def token_labels(self) -> Tensor:
        """The label of the review that each token comes from (documents, time); -1 after the end.

        Example:
            >>> documents = HybridDocuments(
            ...     [["好", "差"]], torch.tensor([[1, 2]]),
            ...     segments=torch.tensor([[0, 1]]), segment_labels=torch.tensor([[1, 0]]),
            ... )
            >>> documents.token_labels.tolist()
            [[1, 0]]
        """
        return segment_labels(self.segments, self.segment_labels)


def hybrid_documents(
    classifier: TextClassifier,
    reviews: Sequence[Review],
    *,
    documents: int,
    seed: int,
    reviews_per_class: int = 3,
    shortest: int = 4,
    longest: int = 20,
) -> HybridDocuments:
    """Draws short reviews of two classes and puts them together in random order.

    No review stands twice in one document; several documents may share some. A document may be
    longer than the classifier's `max_length`; it is read to its end.

    Args:
        classifier: Splits the reviews into words and looks up their ids.
        reviews: Reviews of the classes 0 and 1 that the classifier has not seen.
        documents: Number of documents.
        seed: Decides which reviews stand in a document, and their order.
        reviews_per_class: Reviews of each class in one document.
        shortest: Least number of known words of a review that is used.
        longest: Greatest number of words of a review that is used, unknown ones included.

    Returns:
        The documents.

    Raises:
        ValueError: There are too few reviews of that length of one of the classes.
    """
    words = classifier.encode([review.text for review in reviews])
    known = (words.ids != 0).sum(dim=1).tolist()
    rows_of_class: list[list[int]] = [[], []]
    for row, review in enumerate(reviews):
        is_whole = words.cut[row] == 0 and len(words.tokens[row]) <= longest
        if is_whole and known[row] >= shortest:
            rows_of_class[review.label].append(row)
    for label, rows in enumerate(rows_of_class):
        if len(rows) < reviews_per_class:
            raise ValueError(
                f"hybrid documents are made of reviews with {shortest} known words or more and at "
                f"most {longest} words, of which there are {len(rows)} of "
                f"{classifier.classes[label]!r}; expected {reviews_per_class} or more of each class"
            )
    generator = torch.Generator().manual_seed(seed)
    drawn = [_drawn_rows(rows_of_class, reviews_per_class, generator) for _ in range(documents)]
    tokens = [[token for row in rows for token in words.tokens[row]] for rows in drawn]
    segments = [
        [place for place, row in enumerate(rows) for _ in words.tokens[row]] for rows in drawn
    ]
    return HybridDocuments(
        tokens=tokens,
        ids=pad_ids([classifier.vocabulary.encode(document) for document in tokens]),
        # One more than the number, so that the padding of `pad_ids`, 0, becomes -1.
        segments=pad_ids([[place + 1 for place in places] for places in segments]) - 1,
        segment_labels=torch.tensor([[reviews[row].label for row in rows] for rows in drawn]),
    )


def _drawn_rows(
    rows_of_class: Sequence[Sequence[int]], count: int, generator: torch.Generator
) -> list[int]:
    """Rows of one document: `count` of each class, shuffled."""
    chosen = [
        rows[place]
        for rows in rows_of_class
        for place in torch.randperm(len(rows), generator=generator)[:count].tolist()
    ]
    order = torch.randperm(len(chosen), generator=generator).tolist()
    return [chosen[place] for place in order]
