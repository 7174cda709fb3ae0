"""The reviews of the study, as ids of known words."""

from dataclasses import dataclass

import torch
from torch import Tensor

from captum_rnn.text import Vocabulary, load_corpus
from captum_rnn.text.batching import pad_ids
from captum_rnn.text.split import split_corpus
from captum_rnn.text.training import tokenize_all

WORDS_READ, _FEWEST_COUNT = 100, 10


@dataclass(frozen=True)
class Part:
    """Texts as ids of known words, and their labels."""

    sequences: list[list[int]]
    labels: list[int]

    @property
    def ids(self) -> Tensor:
        """Ids (texts, time), 0 behind the end of a text."""
        return pad_ids(self.sequences)

    def first(self, texts: int) -> "Part":
        """The first texts that hold at least three known words."""
        rows = [row for row, words in enumerate(self.sequences) if len(words) > 2][:texts]
        return Part([self.sequences[row] for row in rows], [self.labels[row] for row in rows])


@dataclass(frozen=True)
class Data:
    """A corpus, split, with the words that its training texts hold often enough."""

    corpus: str
    vocabulary: Vocabulary
    train: Part
    validation: Part
    held_out: Part

    @classmethod
    def of(cls, path: str | None) -> "Data":
        """Reads a corpus without copies and splits it."""
        corpus = load_corpus(path).distinct()
        split = split_corpus(corpus, seed=0)
        parts = (split.train, split.validation, split.held_out)
        words = [tokenize_all(part, show_progress=True) for part in parts]
        vocabulary = Vocabulary.from_texts(words[0], minimum_count=_FEWEST_COUNT)
        return cls(
            corpus.name,
            vocabulary,
            *(
                Part(
                    [[n for n in vocabulary.encode(text[:WORDS_READ]) if n] for text in texts],
                    [review.label for review in reviews],
                )
                for texts, reviews in zip(words, parts, strict=True)
            ),
        )

    def counts(self) -> Tensor:
        """How often each word occurs in the training texts (words + 1,)."""
        together = torch.tensor([word for text in self.train.sequences for word in text])
        return torch.bincount(together, minlength=len(self.vocabulary) + 1)
