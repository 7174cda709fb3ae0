"""From a corpus to a trained classifier, with its accuracy on reviews it has never seen."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import torch
from tqdm import tqdm

from captum_rnn.text.classifier import RecurrentClassifier, RecurrentKind
from captum_rnn.text.corpus import Corpus, Review
from captum_rnn.text.optimisation import optimise
from captum_rnn.text.pipeline import TextClassifier
from captum_rnn.text.split import split_corpus
from captum_rnn.text.tokenizer import tokenize
from captum_rnn.text.vocabulary import Vocabulary


@dataclass(frozen=True)
class TrainingSettings:
    """How a classifier is trained; the defaults are the source's.

    Attributes:
        kind: ``"lstm"``, ``"gru"`` or ``"rnn"``.
        embedding_dim: Features of a word.
        hidden_size: Features of the state.
        dropout: Share of the last state's features left out.
        minimum_count: How often a word has to occur to enter the vocabulary.
        max_length: Number of words read of a text.
        epochs: How often each review is read.
        batch_size: Reviews in one step.
        learning_rate: Adam's.
        seed: Decides the first weights, the order of the reviews and what dropout leaves out.

    Source: Su Jianlin (2017), "RNN模型中输入的重要性的评估", Scientific Spaces, archives/4582.
    """

    kind: RecurrentKind = "lstm"
    embedding_dim: int = 128
    hidden_size: int = 128
    dropout: float = 0.5
    minimum_count: int = 10
    max_length: int = 100
    epochs: int = 5
    batch_size: int = 128
    learning_rate: float = 1e-3
    seed: int = 0


def train(
    corpus: Corpus,
    settings: TrainingSettings = TrainingSettings(),
    *,
    split_seed: int = 0,
    progress: bool = True,
) -> TextClassifier:
    """Trains a classifier on 80 % of a corpus's distinct reviews.

    Args:
        corpus: The reviews; copies are dropped before the split.
        settings: How to train.
        split_seed: Decides which reviews are held out; see `split_corpus`.
        progress: Show progress bars on standard error.

    Returns:
        The classifier. Its `trained_on` records the corpus, the split with its digest, the
        settings, and the accuracy on the validation and the held-out reviews.

    Raises:
        ValueError: The corpus is too small or of one class only.
    """
    distinct = corpus.distinct()
    split = split_corpus(distinct, seed=split_seed)
    classifier = train_on(split.train, distinct.classes, settings, progress=progress)
    record = {
        "corpus": corpus.name,
        "texts": {
            "distinct": len(distinct),
            "train": len(split.train),
            "validation": len(split.validation),
            "held_out": len(split.held_out),
        },
        "split_seed": split_seed,
        "split_digest": split.digest,
        "settings": asdict(settings),
        "validation": classifier.accuracy(split.validation).to_dict(),
        "held_out": classifier.accuracy(split.held_out).to_dict(),
    }
    return replace(classifier, trained_on=record)


def train_on(
    reviews: Sequence[Review],
    classes: tuple[str, ...],
    settings: TrainingSettings = TrainingSettings(),
    *,
    vocabulary: Vocabulary | None = None,
    progress: bool = True,
) -> TextClassifier:
    """Trains a classifier on all the reviews given.

    Args:
        reviews: What to learn from.
        classes: Name of each class, in the order of the labels.
        settings: How to train.
        vocabulary: The words to know; `None` counts them in `reviews`.
        progress: Show progress bars on standard error.

    Returns:
        The classifier, with an empty record `trained_on`.

    Raises:
        ValueError: No word occurs often enough, or there are no reviews.
    """
    words = tokenize_all(reviews, progress=progress)
    if vocabulary is None:
        vocabulary = Vocabulary.from_texts(words, minimum_count=settings.minimum_count)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        model = RecurrentClassifier(
            len(vocabulary),
            len(classes),
            settings.kind,
            settings.embedding_dim,
            settings.hidden_size,
            settings.dropout,
        )
    optimise(
        model,
        [vocabulary.encode(tokens[: settings.max_length]) for tokens in words],
        [review.label for review in reviews],
        epochs=settings.epochs,
        batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
        seed=settings.seed,
        progress=progress,
    )
    return TextClassifier(model, vocabulary, classes, settings.max_length)


def tokenize_all(reviews: Sequence[Review], *, progress: bool = True) -> list[list[str]]:
    """The words of each review.

    Args:
        reviews: The reviews.
        progress: Show a progress bar on standard error.
    """
    bar = tqdm(reviews, desc="splitting into words", unit="text", disable=not progress)
    return [tokenize(review.text) for review in bar]
