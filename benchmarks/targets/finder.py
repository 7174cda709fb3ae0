"""From a sentence to its targets: vocabulary, tagger and decoding in one object."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from benchmarks.targets.characters import character_vocabulary, encode_characters
from benchmarks.targets.data import Sentence
from benchmarks.targets.tagger import TargetTagger, train_tagger
from benchmarks.targets.tags import Span, Target, named_targets, occurrences, tag_characters
from benchmarks.targets.viterbi import Scores, decode, transition_scores
from captum_rnn.states.modes import evaluation_mode
from captum_rnn.text.vocabulary import Vocabulary

_SENTENCES_AT_ONCE = 64


@dataclass(frozen=True)
class TargetFinder:
    """A trained tagger with all that stands between it and a sentence.

    Attributes:
        tagger: Character ids to the logits of the tags.
        vocabulary: Characters to ids; see `character_vocabulary`.
        transitions: Scores (4, 4) of one tag following another.
        trained_on: Record of how it came about.

    Example:
        >>> from benchmarks.targets import own_sentences
        >>> corpus = own_sentences()
        >>> finder = train_finder(corpus.sentences, epochs=1, show_progress=False)
        >>> [len(text) for text in finder.emissions(["我喜欢本田。"])]
        [6]
    """

    tagger: TargetTagger
    vocabulary: Vocabulary
    transitions: Scores
    trained_on: Mapping[str, Any] = field(default_factory=dict)

    def emissions(self, texts: Sequence[str]) -> list[Scores]:
        """Logarithms of the probability of each tag at each character.

        Args:
            texts: A list of sentences.

        Returns:
            For each sentence, scores (characters, 4).

        Raises:
            TypeError: `texts` is one string.
        """
        if isinstance(texts, str):
            raise TypeError("texts is one string; expected a list of sentences: put it in [ ]")
        found: list[Scores] = [np.zeros((0, len(self.transitions))) for _ in texts]
        # Sentences of one length stand together, so that little padding is computed.
        rows = sorted((row for row, text in enumerate(texts) if text), key=lambda r: len(texts[r]))
        with evaluation_mode(self.tagger), torch.no_grad():
            for start in range(0, len(rows), _SENTENCES_AT_ONCE):
                part = rows[start : start + _SENTENCES_AT_ONCE]
                ids = encode_characters(self.vocabulary, [texts[row] for row in part])
                device = self.tagger.head.weight.device
                scores = self.tagger(ids.to(device)).log_softmax(dim=2).double().cpu().numpy()
                for row, of_row in zip(part, scores, strict=True):
                    found[row] = of_row[: len(texts[row])]
        return found

    def spans(self, texts: Sequence[str], names: Collection[str] | None = None) -> list[list[Span]]:
        """The tagged spans of each sentence; see `decode`.

        Args:
            texts: A list of sentences.
            names: Known names: nothing else can then be a target. `None`: anything can.
        """
        return self.decode(texts, self.emissions(texts), names)

    def decode(
        self,
        texts: Sequence[str],
        emissions: Sequence[Scores],
        names: Collection[str] | None = None,
    ) -> list[list[Span]]:
        """The same from emissions that are known already."""
        return [
            decode(scores, self.transitions, None if names is None else occurrences(text, names))
            for text, scores in zip(texts, emissions, strict=True)
        ]

    def find(
        self, texts: Sequence[str], names: Collection[str] | None = None
    ) -> list[frozenset[Target]]:
        """The targets of each sentence, each name once.

        Args:
            texts: A list of sentences.
            names: As for `spans`; a set is fastest.
        """
        return [
            named_targets(text, spans)
            for text, spans in zip(texts, self.spans(texts, names), strict=True)
        ]


def train_finder(
    sentences: Sequence[Sentence],
    *,
    vocabulary: Vocabulary | None = None,
    vectors: torch.Tensor | None = None,
    max_length: int = 200,
    seed: int = 0,
    show_progress: bool = False,
    **settings: Any,
) -> TargetFinder:
    """Trains a tagger on labelled sentences and counts their transitions.

    Args:
        sentences: What to learn from; those without characters are left out.
        vocabulary: The characters to know; `None` counts them in `sentences`.
        vectors: Character vectors to start from; see `train_tagger`.
        max_length: Number of characters read of a sentence in training.
        seed: See `train_tagger`.
        show_progress: Show a progress bar on standard error.
        **settings: Further arguments of `train_tagger`.

    Returns:
        The finder, whose `trained_on` holds the settings.

    Raises:
        ValueError: There are no sentences, or no character occurs twice.
    """
    read = [sentence for sentence in sentences if sentence.text]
    texts = [sentence.text[:max_length] for sentence in read]
    tags = [
        [int(tag) for tag in tag_characters(sentence.text, sentence.targets)[:max_length]]
        for sentence in read
    ]
    if vocabulary is None:
        vocabulary = character_vocabulary(texts)
    ids = encode_characters(vocabulary, texts)
    sequences = [row[: len(text)] for row, text in zip(ids.tolist(), texts, strict=True)]
    tagger = train_tagger(
        sequences,
        tags,
        len(vocabulary),
        vectors=vectors,
        seed=seed,
        show_progress=show_progress,
        **settings,
    )
    record = {
        "sentences": len(texts),
        "max_length": max_length,
        "seed": seed,
        "pre_trained": vectors is not None,
        "settings": settings,
    }
    return TargetFinder(tagger, vocabulary, transition_scores(tags), record)
