"""From raw text to class, probability and explanation."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, overload

import torch
from torch import Tensor

from captum_rnn.attr import HiddenStateDeltaAttribution
from captum_rnn.states.modes import evaluation_mode
from captum_rnn.text.accuracy import Accuracy
from captum_rnn.text.batching import pad_ids
from captum_rnn.text.classifier import RecurrentClassifier
from captum_rnn.text.config import ModelConfig
from captum_rnn.text.corpus import Review
from captum_rnn.text.explanation import Explanation
from captum_rnn.text.storage import load_folder, save_folder
from captum_rnn.text.tokenizer import Language, is_foreign, tokenize
from captum_rnn.text.vocabulary import UNKNOWN_ID, Vocabulary

ScoringMethod = Callable[[RecurrentClassifier, Tensor, Tensor], Tensor]
_TEXTS_CLASSIFIED_AT_ONCE = 256
# Gradient methods hold some hundred copies of a batch at a time.
_TEXTS_EXPLAINED_AT_ONCE = 32


@dataclass(frozen=True)
class EncodedTexts:
    """Texts as a classifier reads them.

    Attributes:
        tokens: The words read of each text.
        ids: Their ids (batch, time); 0 for padding and unknown words.
        cut: Number of words of each text beyond those.
    """

    tokens: list[list[str]]
    ids: Tensor
    cut: list[int]


def hidden_state_delta(model: RecurrentClassifier, ids: Tensor, target: Tensor) -> Tensor:
    """Scores words by the hidden-state delta in the L2 norm, the default of `explain`.

    Args:
        model: The classifier.
        ids: Word ids (batch, time).
        target: The explained class of each text (batch,); the score does not depend on it.

    Returns:
        Scores (batch, time).
    """
    method = HiddenStateDeltaAttribution(model, model.rnn, readout=model.readout)
    return method.attribute(ids, target=target)


@dataclass(frozen=True)
class TextClassifier:
    """A trained classifier with all that stands between it and raw text.

    Attributes:
        model: Word ids to logits.
        vocabulary: Words to ids.
        classes: Name of each class, in the order of the logits.
        max_length: Number of words that are read of a text; the rest is cut off.
        trained_on: Record of how the classifier came about: corpus, split, settings, accuracy.
        language: How texts are split into words; see `tokenize`.

    Example:
        >>> classifier = TextClassifier.load()
        >>> explanation = classifier.explain("非常好的热水器")
        >>> explanation.predicted_class, explanation.tokens
        ('positive', ('非常', '好', '的', '热水器'))
    """

    model: RecurrentClassifier
    vocabulary: Vocabulary
    classes: tuple[str, ...]
    max_length: int
    trained_on: Mapping[str, Any] = field(default_factory=dict)
    language: Language = "chinese"

    @classmethod
    def load(cls, folder: str | Path | None = None) -> "TextClassifier":
        """Reads a stored classifier.

        Args:
            folder: A model folder; `None`: the classifier of Chinese reviews that comes with the
                package.

        Raises:
            OSError: A file is missing or cannot be read.
            ValueError: A file is damaged, or the files do not fit each other.
        """
        if folder is None:
            with as_file(files("captum_rnn.text") / "shipped") as shipped:
                return cls.load(shipped)
        model, vocabulary, config = load_folder(Path(folder))
        return cls(
            model,
            vocabulary,
            config.classes,
            config.max_length,
            config.trained_on,
            config.language,
        )

    def save(self, folder: str | Path, *, half_precision: bool = False) -> None:
        """Writes the classifier as model.safetensors, config.json and vocabulary.txt.

        Args:
            folder: Where to; a model folder that is there already is replaced.
            half_precision: Store the weights as float16.

        Raises:
            OSError: The folder cannot be written, or holds other files.
        """
        config = ModelConfig(
            self.model.architecture, self.classes, self.max_length, self.trained_on, self.language
        )
        save_folder(
            Path(folder), self.model, self.vocabulary, config, half_precision=half_precision
        )

    def encode(self, texts: Sequence[str]) -> EncodedTexts:
        """Splits texts into words and looks up their ids.

        Args:
            texts: A list of texts, of any length each.

        Returns:
            The words read, their ids, and how many words each text has beyond `max_length`.

        Raises:
            TypeError: `texts` is one string.
        """
        if isinstance(texts, str):
            raise TypeError("texts is one string; expected a list of texts: put it in [ ]")
        words = [tokenize(text, self.language) for text in texts]
        read = [tokens[: self.max_length] for tokens in words]
        return EncodedTexts(
            tokens=read,
            ids=pad_ids([self.vocabulary.encode(tokens) for tokens in read]),
            cut=[len(tokens) - len(kept) for tokens, kept in zip(words, read, strict=True)],
        )

    def probabilities(self, ids: Tensor) -> Tensor:
        """Class probabilities of encoded texts.

        Args:
            ids: Word ids (batch, time), 0 for padding and unknown words, on the model's device.

        Returns:
            Probabilities (batch, classes), each row's sum 1.
        """
        with evaluation_mode(self.model), torch.no_grad():
            logits = [self.model(part) for part in torch.split(ids, _TEXTS_CLASSIFIED_AT_ONCE)]
        return torch.cat(logits).softmax(dim=1)

    def accuracy(self, reviews: Sequence[Review]) -> Accuracy:
        """Share of the reviews whose most probable class is their label.

        Raises:
            ValueError: There are no reviews.
        """
        correct = 0
        for start in range(0, len(reviews), _TEXTS_CLASSIFIED_AT_ONCE):
            part = reviews[start : start + _TEXTS_CLASSIFIED_AT_ONCE]
            encoded = self.encode([review.text for review in part])
            ids = encoded.ids.to(self.model.head.weight.device)
            labels = torch.tensor([review.label for review in part], device=ids.device)
            correct += int((self.probabilities(ids).argmax(dim=1) == labels).sum())
        return Accuracy(correct, len(reviews))

    @overload
    def explain(  # type: ignore[overload-overlap]  # a str is a sequence of str, too
        self, texts: str, method: ScoringMethod = ..., name: str = ..., target: str | None = ...
    ) -> Explanation: ...

    @overload
    def explain(
        self,
        texts: Sequence[str],
        method: ScoringMethod = ...,
        name: str = ...,
        target: str | None = ...,
    ) -> list[Explanation]: ...

    def explain(
        self,
        texts: str | Sequence[str],
        method: ScoringMethod = hidden_state_delta,
        name: str = "hidden-state delta, L2",
        target: str | None = None,
    ) -> Explanation | list[Explanation]:
        """Classifies texts and scores their words for the most probable class, or for a given one.

        Args:
            texts: One text, or a list of texts.
            method: From the classifier, ids (batch, time) and explained classes (batch,) to scores
                (batch, time). It is not asked about texts without any known word, whose scores
                are all 0.
            name: What to call the method.
            target: Name of the class to explain; None: the most probable one of each text.

        Returns:
            The explanation of the one text; of a list, one for each text, in order.

        Raises:
            ValueError: There is no such class.
        """
        if isinstance(texts, str):
            return self.explain([texts], method, name, target)[0]
        if target is not None and target not in self.classes:
            raise ValueError(f"{target!r} is no class; choose from {', '.join(self.classes)}")
        if not texts:
            return []
        encoded = self.encode(texts)
        ids = encoded.ids.to(self.model.head.weight.device)
        scores = torch.zeros(ids.shape, device=ids.device)
        readable = (ids != UNKNOWN_ID).any(dim=1).nonzero().flatten()
        probabilities = self.probabilities(ids)
        predicted = probabilities.argmax(dim=1)
        explained = predicted
        if target is not None:
            explained = torch.full_like(predicted, self.classes.index(target))
        with evaluation_mode(self.model):
            for start in range(0, len(readable), _TEXTS_EXPLAINED_AT_ONCE):
                rows = readable[start : start + _TEXTS_EXPLAINED_AT_ONCE]
                scores[rows] = method(self.model, ids[rows], explained[rows]).detach().float()
        return [
            Explanation(
                text=text,
                tokens=tuple(tokens),
                scores=tuple(scores[row, : len(tokens)].tolist()),
                known=tuple(word in self.vocabulary.ids for word in tokens),
                method=name,
                predicted_class=self.classes[int(predicted[row])],
                probability=float(probabilities[row, predicted[row]]),
                words_cut=encoded.cut[row],
                target=target,
                remarks=self.remarks(text),
            )
            for row, (text, tokens) in enumerate(zip(texts, encoded.tokens, strict=True))
        ]

    def remarks(self, text: str) -> tuple[str, ...]:
        """What an explanation of a text has to say of its language; mostly nothing."""
        if not is_foreign(text, self.language):
            return ()
        spoken = self.language.capitalize()
        return (f"The classifier was trained on {spoken} texts; this one is not {spoken}.",)
