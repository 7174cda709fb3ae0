"""Classifiers of sums and means of word vectors, for `run_study.py`."""

from typing import TypeAlias

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn
from torch.nn.utils import parametrize

from benchmarks.word_vectors import Pooling, UnitVectors, WordVectorClassifier
from benchmarks.word_vectors.data import Data
from captum_rnn.text.optimisation import optimise

Array: TypeAlias = NDArray[np.float64]
Features: TypeAlias = "Array | sparse.csr_array"

BAG_OF_WORDS = "none: bag of words"
PENALTIES = (0.01, 0.1, 1.0, 10.0)
LEARNING_RATES, EPOCHS = (1e-3, 1e-2), 5


def frozen_sum(
    vectors: Tensor, pooling: Pooling, data: Data, *, unit: bool
) -> WordVectorClassifier:
    """A classifier whose vectors are given; its head is a logistic regression."""
    model = WordVectorClassifier(len(vectors) - 1, 2, vectors.shape[1], pooling).eval()
    with torch.no_grad():
        model.embedding.weight.copy_(F.normalize(vectors, dim=1) if unit else vectors)
        pooled = [
            pooled_vectors(part.sequences, model.embedding.weight.double().numpy(), pooling)
            for part in (data.train, data.validation)
        ]
        mean, spread = pooled[0].mean(0), pooled[0].std(0) + 1e-12
        train, validation = ((part - mean) / spread for part in pooled)
        head = best_regression(train, validation, data)
        weight = torch.from_numpy(head.coef_[0] / spread)
        bias = head.intercept_[0] - float(weight @ torch.from_numpy(mean))
        model.head.weight.copy_(torch.stack([-weight / 2, weight / 2]))
        model.head.bias.copy_(torch.tensor([-bias / 2, bias / 2]))
    return model


def pooled_vectors(sequences: list[list[int]], vectors: Array, pooling: Pooling) -> Array:
    """Sums or means (texts, features), as the product of the counts of words and their vectors."""
    sums: Array = counts_of(sequences, len(vectors) - 1) @ vectors
    if pooling == "sum":
        return sums
    means: Array = sums / np.maximum([[len(words)] for words in sequences], 1)
    return means


def learnt_sum(
    data: Data, features: int, pooling: Pooling, *, unit: bool, seed: int
) -> WordVectorClassifier:
    """A classifier that learns its vectors; `unit` keeps them at length 1 all the while.

    Of several learning rates the one stays that does best on the validation texts.
    """
    labels = torch.tensor(data.validation.labels)
    trained = []
    for learning_rate in LEARNING_RATES:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = WordVectorClassifier(len(data.vocabulary), 2, features, pooling)
        if unit:
            keep_unit(model.embedding)
        optimise(
            model,
            data.train.sequences,
            data.train.labels,
            epochs=EPOCHS,
            learning_rate=learning_rate,
            seed=seed,
            show_progress=False,
        )
        with torch.no_grad():
            right = int((model(data.validation.ids).argmax(1) == labels).sum())
        trained.append((right, model))
    return max(trained, key=lambda found: found[0])[1]


def keep_unit(embedding: nn.Embedding) -> None:
    """Makes an embedding learn directions only."""
    parametrize.register_parametrization(embedding, "weight", UnitVectors())


def bag_of_words(data: Data) -> Tensor:
    """What a logistic regression on the counts of the words predicts for the held-out texts."""
    size = len(data.vocabulary)
    train, validation, held_out = (
        counts_of(part.sequences, size) for part in (data.train, data.validation, data.held_out)
    )
    return torch.from_numpy(best_regression(train, validation, data).predict(held_out))


def counts_of(sequences: list[list[int]], size: int) -> sparse.csr_array:
    """How often each text holds each word (texts, words + 1)."""
    rows = np.repeat(np.arange(len(sequences)), [len(words) for words in sequences])
    columns = np.concatenate([np.asarray(words, dtype=int) for words in sequences])
    shape = (len(sequences), size + 1)
    return sparse.coo_array((np.ones(len(rows)), (rows, columns)), shape).tocsr()


def best_regression(train: Features, validation: Features, data: Data) -> LogisticRegression:
    """The logistic regression with the penalty that does best on the validation texts."""
    fitted = [
        LogisticRegression(C=penalty, max_iter=1000).fit(train, data.train.labels)
        for penalty in PENALTIES
    ]
    return max(fitted, key=lambda head: head.score(validation, data.validation.labels))
