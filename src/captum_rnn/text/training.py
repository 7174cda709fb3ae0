"""From a corpus to a trained classifier, with its accuracy on reviews it has never seen."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import torch
from tqdm import tqdm

from captum_rnn.text.classifier import Pooling, RecurrentClassifier, RecurrentKind
from captum_rnn.text.corpus import Corpus, Review
from captum_rnn.text.optimisation import optimise
from captum_rnn.text.pipeline import TextClassifier
from captum_rnn.text.split import split_corpus
from captum_rnn.text.tokenizer import Language, tokenize
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
        seed: Decides the first weights, the order of the reviews, what dropout leaves out, and
            where labels go that are shuffled.
        bidirectional: Read in both directions.
        layers: Recurrent layers.
        pooling: ``"last"`` or ``"mean"``; see `RecurrentClassifier`.
        maximum_words: Most words of the vocabulary; `None`: no limit.
        training_texts: Most reviews to learn from; `None`: the whole training part.
        shuffled_labels: Permute the labels of the reviews to learn from, so that nothing but
            these reviews themselves can be learnt: the data randomisation test of Adebayo et al.
            (2018), "Sanity Checks for Saliency Maps".

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
    bidirectional: bool = False
    layers: int = 1
    pooling: Pooling = "last"
    maximum_words: int | None = None
    training_texts: int | None = None
    shuffled_labels: bool = False

    def untrained(self, words: int, classes: int) -> RecurrentClassifier:
        """The classifier with the first weights of the seed.

        Args:
            words: Number of words that it knows.
            classes: Number of classes.
        """
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            return RecurrentClassifier(
                words,
                classes,
                self.kind,
                self.embedding_dim,
                self.hidden_size,
                self.dropout,
                bidirectional=self.bidirectional,
                layers=self.layers,
                pooling=self.pooling,
            )


def train(
    corpus: Corpus,
    settings: TrainingSettings = TrainingSettings(),
    *,
    split_seed: int = 0,
    show_progress: bool = False,
) -> TextClassifier:
    """Trains a classifier on 80 % of a corpus's distinct reviews, or on some of these.

    Args:
        corpus: The reviews; copies are dropped before the split.
        settings: How to train.
        split_seed: Decides which reviews are held out; see `split_corpus`.
        show_progress: Show progress bars on standard error.

    Returns:
        The classifier. Its `trained_on` records the corpus, the split with its digest, the
        settings, and the accuracy on the validation and the held-out reviews.

    Raises:
        ValueError: The corpus is too small or of one class only.
    """
    distinct = corpus.distinct()
    split = split_corpus(distinct, seed=split_seed)
    reviews: Sequence[Review] = split.train[: settings.training_texts]
    if settings.shuffled_labels:
        reviews = with_shuffled_labels(reviews, seed=settings.seed)
    classifier = train_on(
        reviews, distinct.classes, settings, language=corpus.language, show_progress=show_progress
    )
    record = {
        "corpus": corpus.name,
        "texts": {
            "distinct": len(distinct),
            "train": len(reviews),
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
    language: Language = "chinese",
    show_progress: bool = False,
) -> TextClassifier:
    """Trains a classifier on all the reviews given, with the labels given.

    Args:
        reviews: What to learn from.
        classes: Name of each class, in the order of the labels.
        settings: How to train.
        vocabulary: The words to know; `None` counts them in `reviews`.
        language: How the reviews are split into words.
        show_progress: Show progress bars on standard error.

    Returns:
        The classifier, with an empty record `trained_on`.

    Raises:
        ValueError: No word occurs often enough, or there are no reviews.
    """
    words = tokenize_all(reviews, language, show_progress=show_progress)
    if vocabulary is None:
        vocabulary = Vocabulary.from_texts(
            words, minimum_count=settings.minimum_count, maximum_words=settings.maximum_words
        )
    model = settings.untrained(len(vocabulary), len(classes))
    optimise(
        model,
        [vocabulary.encode(tokens[: settings.max_length]) for tokens in words],
        [review.label for review in reviews],
        epochs=settings.epochs,
        batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
        seed=settings.seed,
        show_progress=show_progress,
    )
    return TextClassifier(model, vocabulary, classes, settings.max_length, language=language)


def with_shuffled_labels(reviews: Sequence[Review], *, seed: int) -> list[Review]:
    """The reviews in their order, their labels permuted among them.

    Args:
        reviews: The reviews.
        seed: Decides the permutation.
    """
    order = torch.randperm(len(reviews), generator=torch.Generator().manual_seed(seed)).tolist()
    return [
        replace(review, label=reviews[other].label)
        for review, other in zip(reviews, order, strict=True)
    ]


def tokenize_all(
    reviews: Sequence[Review], language: Language = "chinese", *, show_progress: bool = False
) -> list[list[str]]:
    """The words of each review.

    Args:
        reviews: The reviews.
        language: How they are split into words.
        show_progress: Show a progress bar on standard error.
    """
    bar = tqdm(reviews, desc="splitting into words", unit="text", disable=not show_progress)
    return [tokenize(review.text, language) for review in bar]
