"""Whose sentiment? A character tagger finds the targets of a sentence and what is said of each.

`train_finder(own_sentences().sentences)` trains one on a few sentences of our own, and
`read_contest(folder)` reads the data that it was made for.
"""

from benchmarks.targets.characters import character_vocabulary, encode_characters
from benchmarks.targets.data import (
    Sentence,
    SentenceSplit,
    TargetCorpus,
    own_sentences,
    read_contest,
    split_sentences,
)
from benchmarks.targets.finder import TargetFinder, train_finder
from benchmarks.targets.language_model import CharacterLanguageModel, train_language_model
from benchmarks.targets.scoring import TargetScore, score_targets
from benchmarks.targets.tagger import TargetTagger, train_tagger
from benchmarks.targets.tags import Span, Tag, Target
from benchmarks.targets.viterbi import decode

__all__ = [
    "CharacterLanguageModel",
    "Sentence",
    "SentenceSplit",
    "Span",
    "Tag",
    "Target",
    "TargetCorpus",
    "TargetFinder",
    "TargetScore",
    "TargetTagger",
    "character_vocabulary",
    "decode",
    "encode_characters",
    "own_sentences",
    "read_contest",
    "score_targets",
    "split_sentences",
    "train_finder",
    "train_language_model",
    "train_tagger",
]
