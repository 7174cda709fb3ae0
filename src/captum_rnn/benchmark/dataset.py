"""What methods are compared on: a classifier with token ids, and what it says about them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from captum_rnn.benchmark.methods import ExplainedModel, Method
from captum_rnn.benchmark.methods.method import checked_scores
from captum_rnn.evaluation.prediction import predict_texts
from captum_rnn.states.modes import evaluation_mode
from captum_rnn.text.classifier import RecurrentClassifier
from captum_rnn.text.pipeline import TextClassifier

TEXTS_PER_BATCH = 32
NEUTRAL_WORD_ID = 1
"""The most frequent word of a `Vocabulary`, a comma or an article: it says little by itself."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """A classifier with encoded texts, and what it says about them.

    Attributes:
        model: The trained classifier.
        classes: Name of each class, in the order of the logits.
        texts: The texts.
        tokens: The words of each text.
        ids: Token ids (texts, time) on the model's device; padding at any position.
        words_cut: Number of words of each text behind the last that the classifier reads.
        probabilities: Probabilities (texts, classes), in double precision on the CPU.
    """

    model: ExplainedModel
    classes: tuple[str, ...]
    texts: list[str]
    tokens: list[list[str]]
    ids: Tensor
    words_cut: list[int]
    probabilities: Tensor

    @classmethod
    def of(cls, classifier: TextClassifier, texts: Sequence[str]) -> "Dataset":
        """Encodes and predicts texts.

        Args:
            classifier: The trained classifier.
            texts: The texts, at least one.

        Returns:
            The texts as the classifier sees them.
        """
        encoded = classifier.encode(texts)
        model = explained_model(classifier.model)
        ids = encoded.ids.to(model.device)
        return cls(
            model,
            classifier.classes,
            list(texts),
            encoded.tokens,
            ids,
            encoded.cut,
            predict_texts(model.probabilities, ids),
        )

    @classmethod
    def of_batches(
        cls,
        model: ExplainedModel,
        batches: Iterable[Tensor],
        *,
        word_of: Callable[[int], str] = str,
    ) -> "Dataset":
        """Predicts texts that are token ids already.

        Args:
            model: The classifier.
            batches: Token ids (batch, time), each batch as wide as it likes.
            word_of: The word that an id stands for.

        Returns:
            The texts as the classifier sees them.

        Raises:
            ValueError: There is no text, `model.classes` has not one name for each class, or the
                model answers with probabilities.
        """
        ids = join_batches(batches, model.pad_id).to(model.device)
        _check_answers_logits(model, ids[:8])
        probabilities = predict_texts(model.probabilities, ids, pad_id=model.pad_id)
        number = probabilities.shape[1]
        classes = tuple(model.classes or (f"class {place}" for place in range(number)))
        if len(classes) != number:
            raise ValueError(f"classes has {len(classes)} names for a model of {number} classes")
        tokens = [[word_of(token) for token in row] for row in _without_end_padding(ids, model)]
        texts = [" ".join(words) for words in tokens]
        return cls(model, classes, texts, tokens, ids, [0] * len(ids), probabilities)

    @property
    def predicted(self) -> Tensor:
        """The most probable class of each text (texts,), on the model's device."""
        return self.probabilities.argmax(dim=1).to(self.ids.device)

    @property
    def read(self) -> Tensor:
        """Which positions the classifier reads (texts, time)."""
        return self.ids != self.model.pad_id

    @property
    def readable(self) -> list[int]:
        """Rows of the texts with a word to read; the others have nothing to explain."""
        rows: list[int] = self.read.any(dim=1).nonzero().flatten().tolist()
        return rows

    def select(self, rows: Sequence[int]) -> "Dataset":
        """The same classifier with some of the texts, in the order of `rows`."""
        return replace(
            self,
            texts=[self.texts[row] for row in rows],
            tokens=[self.tokens[row] for row in rows],
            ids=self.ids[list(rows)],
            words_cut=[self.words_cut[row] for row in rows],
            probabilities=self.probabilities[list(rows)],
        )

    def batch(self, rows: Tensor) -> "Dataset":
        """The same classifier with the texts of one batch, as narrow as they are together."""
        return replace(self.select(rows.tolist()), ids=self.batch_ids(rows))

    def batches(self) -> list[Tensor]:
        """Rows of the readable texts, up to 32 of like length in a batch.

        The longest text of a batch has at most half as many words again as its shortest, and a few
        more: padding costs as much as words. Where the classifier reads padding, all have one
        length.
        """
        lengths = self._lengths()
        by_length = torch.argsort(lengths, stable=True)
        batches: list[list[int]] = []
        longest = -1
        for row in by_length[lengths[by_length] > 0].tolist():
            length = int(lengths[row])
            if length > longest or len(batches[-1]) == TEXTS_PER_BATCH:
                batches.append([])
                longest = length if self.model.reads_padding else length + length // 2 + 4
            batches[-1].append(row)
        return [torch.tensor(rows, device=self.ids.device) for rows in batches]

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
        rows, predicted, scores = self.batches(), self.predicted, []
        for batch in rows:
            ids = self.batch_ids(batch)
            scores.append(checked_scores(method(self.model, ids, predicted[batch]), ids))
        return self.join(rows, scores)

    def _lengths(self) -> Tensor:
        """Number of positions (texts,) up to the last word that is read."""
        positions = torch.arange(1, self.ids.shape[1] + 1, device=self.ids.device)
        return (positions * self.read).amax(dim=1)


def explained_model(
    model: RecurrentClassifier, classes: Sequence[str] | None = None
) -> ExplainedModel:
    """The classifier of this package, as the methods call it."""
    return ExplainedModel(
        model,
        model.embedding,
        model.rnn,
        pad_id=0,
        neutral_id=NEUTRAL_WORD_ID,
        readout=model.readout,
        classes=classes,
    )


def join_batches(batches: Iterable[Tensor], pad_id: int) -> Tensor:
    """Puts batches of ids of different width into one, padded at the end.

    Args:
        batches: Token ids (batch, time).
        pad_id: What to pad with.

    Returns:
        Token ids (texts, longest time).

    Raises:
        ValueError: There is no text.
        TypeError: A batch is no tensor (batch, time).
    """
    parts = list(batches)
    for part in parts:
        if not isinstance(part, Tensor) or part.dim() != 2:
            given = tuple(part.shape) if isinstance(part, Tensor) else type(part).__name__
            raise TypeError(f"a batch is {given}; expected a tensor of token ids (batch, time)")
    if not sum(map(len, parts)):
        raise ValueError("there are no texts to compare methods on; give at least two")
    time = max(1, *(part.shape[1] for part in parts))
    wide = [
        torch.nn.functional.pad(part, (0, time - part.shape[1]), value=pad_id) for part in parts
    ]
    return torch.cat(wide)


def _without_end_padding(ids: Tensor, model: ExplainedModel) -> list[list[int]]:
    rows: list[list[int]] = ids.tolist()
    lengths = ((ids != model.pad_id) * torch.arange(1, ids.shape[1] + 1, device=ids.device)).amax(1)
    return [row[:length] for row, length in zip(rows, lengths.tolist(), strict=True)]


def _check_answers_logits(model: ExplainedModel, ids: Tensor) -> None:
    """Raises ValueError if all answers are above 0 and sum to 1, as behind a softmax."""
    with evaluation_mode(model.model), torch.no_grad():
        answers = model.logits(ids).double()
    ones = torch.ones_like(answers.sum(1))
    if (answers >= 0).all() and torch.allclose(answers.sum(1), ones, rtol=0, atol=1e-2):
        raise ValueError(
            "the model answers with probabilities, which a comparison would take for logits; leave "
            "its softmax out, or answer with their logarithms"
        )
