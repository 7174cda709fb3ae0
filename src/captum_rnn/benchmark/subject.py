"""What methods are compared on: a classifier with encoded texts."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from captum_rnn.benchmark.method import Method
from captum_rnn.evaluation.prediction import predict_texts
from captum_rnn.text.pipeline import TextClassifier

TEXTS_PER_BATCH = 32


@dataclass(frozen=True)
class Subject:
    """A classifier with encoded texts, and what it says about them.

    Attributes:
        classifier: The trained classifier.
        texts: The texts.
        tokens: The words of each text.
        ids: Token ids (texts, time), 0 for padding and unknown words, on the model's device.
        words_cut: Number of words of each text behind the last that the classifier reads.
        probabilities: Probabilities (texts, classes), in double precision on the CPU.
    """

    classifier: TextClassifier
    texts: list[str]
    tokens: list[list[str]]
    ids: Tensor
    words_cut: list[int]
    probabilities: Tensor

    @classmethod
    def of(cls, classifier: TextClassifier, texts: Sequence[str]) -> "Subject":
        """Encodes and predicts texts.

        Args:
            classifier: The trained classifier.
            texts: The texts, at least one.

        Returns:
            The texts as the classifier sees them.
        """
        encoded = classifier.encode(texts)
        device = next(classifier.model.parameters()).device
        ids = encoded.ids.to(device)
        probabilities = predict_texts(classifier.probabilities, ids)
        return cls(classifier, list(texts), encoded.tokens, ids, encoded.cut, probabilities)

    @property
    def predicted(self) -> Tensor:
        """The most probable class of each text (texts,), on the model's device."""
        return self.probabilities.argmax(dim=1).to(self.ids.device)

    @property
    def readable(self) -> list[int]:
        """Rows of the texts with a known word; the others have nothing to explain."""
        rows: list[int] = (self.ids != 0).any(dim=1).nonzero().flatten().tolist()
        return rows

    def select(self, rows: Sequence[int]) -> "Subject":
        """The same classifier with some of the texts, in the order of `rows`."""
        return Subject(
            self.classifier,
            [self.texts[row] for row in rows],
            [self.tokens[row] for row in rows],
            self.ids[list(rows)],
            [self.words_cut[row] for row in rows],
            self.probabilities[list(rows)],
        )

    def batches(self) -> list[Tensor]:
        """Rows of the readable texts, 32 of like length in a batch; the last may hold fewer."""
        lengths = self._lengths()
        by_length = torch.argsort(lengths, stable=True)
        readable = by_length[lengths[by_length] > 0]
        return list(torch.split(readable, TEXTS_PER_BATCH)) if len(readable) else []

    def batch_ids(self, rows: Tensor) -> Tensor:
        """Ids (rows, time) of some texts, without columns that are padding in all of them."""
        return self.ids[rows, : int(self._lengths()[rows].max())]

    def join(self, rows: Sequence[Tensor], scores: Sequence[Tensor]) -> Tensor:
        """Puts the scores of batches into one tensor (texts, time), 0 elsewhere, on the CPU."""
        together = torch.zeros(self.ids.shape)
        for batch_rows, batch_scores in zip(rows, scores, strict=True):
            together[batch_rows.cpu(), : batch_scores.shape[1]] = batch_scores.float().cpu()
        return together

    def score(self, method: Method) -> Tensor:
        """Scores (texts, time) of a method for the predicted classes; 0 for unreadable texts."""
        rows, predicted = self.batches(), self.predicted
        return self.join(
            rows,
            [
                method(self.classifier.model, self.batch_ids(batch), predicted[batch])
                for batch in rows
            ],
        )

    def _lengths(self) -> Tensor:
        """Number of positions (texts,) up to the last known word."""
        positions = torch.arange(1, self.ids.shape[1] + 1, device=self.ids.device)
        return (positions * (self.ids != 0)).amax(dim=1)
