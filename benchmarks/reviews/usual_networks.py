"""Classifiers trained the usual way: torch's first weights, dropout on words, three poolings."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, pad
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from captum_rnn.text.corpus import Corpus, Review
from captum_rnn.text.split import split_corpus
from captum_rnn.text.tokenizer import Language, tokenize

Pooling = Literal["last", "mean", "attention"]
PADDING, UNKNOWN = 0, 1
MOST_WORDS, MOST_TOKENS, LEAST_COUNT = 20_000, 100, 2
_SPLIT_SEED = 0
EPOCHS, BATCH, LEARNING_RATE, DROPOUT = 6, 64, 1e-3, 0.3


@dataclass(frozen=True)
class Network:
    """What a classifier is made of.

    Attributes:
        kind: `"lstm"`, `"gru"` or `"rnn"`.
        hidden: Features of the state of one direction.
        layers: Recurrent layers.
        bidirectional: Whether it reads in both directions.
        pooling: What the head reads of the top layer's states.
    """

    kind: Literal["lstm", "gru", "rnn"]
    hidden: int
    layers: int = 1
    bidirectional: bool = False
    pooling: Pooling = "last"

    @property
    def name(self) -> str:
        """Such as `"bilstm-128-attention"`."""
        kind = "bi" * self.bidirectional + self.kind + (str(self.layers) if self.layers > 1 else "")
        return f"{kind}-{self.hidden}-{self.pooling}"

    @property
    def is_gated(self) -> bool:
        """Whether it is no plain tanh network."""
        return self.kind != "rnn"


NETWORKS = (
    Network("lstm", 128),
    Network("gru", 128),
    Network("rnn", 64, pooling="mean"),
    Network("lstm", 256, pooling="attention"),
    Network("gru", 64, layers=2, pooling="mean"),
    Network("lstm", 64, layers=2),
    Network("lstm", 128, bidirectional=True, pooling="mean"),
    Network("gru", 128, bidirectional=True, pooling="attention"),
)


class Classifier(nn.Module):
    """Embedding → dropout → recurrent layer → last state, mean or attention → linear head.

    Args:
        words: Number of ids, padding and the unknown word among them.
        network: What it is made of.
    """

    def __init__(self, words: int, network: Network) -> None:
        super().__init__()
        layer = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}[network.kind]
        features = network.hidden * (2 if network.bidirectional else 1)
        self.embedding = nn.Embedding(words, 100, padding_idx=PADDING)
        self.dropout = nn.Dropout(DROPOUT)
        self.layer = layer(
            100,
            network.hidden,
            network.layers,
            batch_first=True,
            bidirectional=network.bidirectional,
        )
        self.attention = nn.Linear(features, 1) if network.pooling == "attention" else None
        self.head = nn.Linear(features, 2)
        self.pooling = network.pooling

    def forward(self, ids: Tensor) -> Tensor:
        """Logits (batch, 2) of ids (batch, time) with the padding at the end."""
        lengths = (ids != PADDING).sum(1).clamp(min=1)
        embedded = self.dropout(self.embedding(ids))
        packed = pack_padded_sequence(
            embedded, lengths.cpu(), batch_first=True, enforce_sorted=False
        )
        outputs, state = self.layer(packed)
        if self.pooling == "last":
            last = (state[0] if isinstance(state, tuple) else state)[-self._directions :]
            logits: Tensor = self.head(torch.cat(list(last), dim=1))
            return logits
        states, _ = pad_packed_sequence(outputs, batch_first=True)
        read = torch.arange(states.shape[1], device=ids.device) < lengths.unsqueeze(1)
        weights = read.to(states.dtype)
        if self.attention is not None:
            grades = self.attention(states).squeeze(2).masked_fill(~read, -torch.inf)
            weights = grades.softmax(1)
        else:
            weights = weights / lengths.unsqueeze(1)
        logits = self.head((weights.unsqueeze(2) * states).sum(1))
        return logits

    @property
    def _directions(self) -> int:
        return 2 if self.layer.bidirectional else 1


@dataclass(frozen=True)
class Trained:
    """A trained classifier with the texts that it has not seen.

    Attributes:
        model: In evaluation mode.
        accuracy: Of the held-out texts, the mean of both classes' shares that it classifies right.
        explained: Ids of held-out texts of at least five words, in an order by chance.
        background: Ids of texts that it was trained on, for methods that learn.
    """

    model: Classifier
    accuracy: float
    explained: list[list[int]]
    background: list[list[int]]


def train_network(network: Network, corpus: Corpus, *, seed: int, epochs: int = EPOCHS) -> Trained:
    """Trains a classifier, and keeps the epoch that does best on a tenth of the corpus.

    Rare classes are drawn as often as frequent ones. The split is the same for every network and
    seed of a corpus.

    Args:
        network: What it is made of.
        corpus: Texts of two classes; each is read up to 100 words.
        seed: Decides the first weights, the order of the texts and what dropout leaves out.
        epochs: How often the texts are read.
    """
    split = split_corpus(corpus.distinct(), seed=_SPLIT_SEED)
    vocabulary = _vocabulary(split.train, corpus.language)
    encoded = {
        part: [_ids(review, vocabulary, corpus.language) for review in getattr(split, part)]
        for part in ("train", "validation", "held_out")
    }
    labels = {
        part: torch.tensor([review.label for review in getattr(split, part)]) for part in encoded
    }
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Classifier(len(vocabulary) + 2, network)
        _optimise(model, encoded, labels, epochs)
    accuracy = _accuracy(model, encoded["held_out"], labels["held_out"])
    explained = [ids for ids in encoded["held_out"] if len(ids) >= 5]
    return Trained(model, accuracy, explained, encoded["train"][:640])


def batches(texts: Sequence[list[int]], size: int = 32) -> list[Tensor]:
    """Ids (batch, time) of texts, padded at the end; those of like length together."""
    ordered = sorted(texts, key=len)
    return [_padded(ordered[start : start + size]) for start in range(0, len(ordered), size)]


def _optimise(
    model: Classifier, encoded: dict[str, list[list[int]]], labels: dict[str, Tensor], epochs: int
) -> None:
    optimiser = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    share = torch.bincount(labels["train"], minlength=2).double()
    draws = (1 / share)[labels["train"]]
    best, kept = -1.0, copy.deepcopy(model.state_dict())
    for _ in range(epochs):
        model.train()
        order = torch.multinomial(draws, len(draws), replacement=True)
        for rows in torch.split(order, BATCH):
            ids = _padded([encoded["train"][row] for row in rows.tolist()])
            optimiser.zero_grad()
            torch.autograd.backward(cross_entropy(model(ids), labels["train"][rows]))
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
        found = _accuracy(model, encoded["validation"], labels["validation"])
        if found > best:
            best, kept = found, copy.deepcopy(model.state_dict())
    model.load_state_dict(kept)
    model.eval()


@torch.no_grad()
def _accuracy(model: Classifier, texts: Sequence[list[int]], labels: Tensor) -> float:
    """The mean of both classes' shares of texts classified right."""
    model.eval()
    parts = [texts[start : start + 256] for start in range(0, len(texts), 256)]
    predicted = torch.cat([model(_padded(part)).argmax(1) for part in parts])
    right = (predicted == labels).double()
    return float(torch.stack([right[labels == label].mean() for label in (0, 1)]).mean())


def _padded(texts: Sequence[list[int]]) -> Tensor:
    width = max(1, *map(len, texts))
    return torch.stack([pad(torch.tensor(ids), (0, width - len(ids))) for ids in texts])


def _vocabulary(reviews: Sequence[Review], language: Language) -> dict[str, int]:
    """Ids from 2 of the words that occur at least twice, the most frequent first."""
    counts: dict[str, int] = {}
    for review in reviews:
        for word in tokenize(review.text, language):
            counts[word] = counts.get(word, 0) + 1
    words = sorted((w for w in counts if counts[w] >= LEAST_COUNT), key=lambda w: (-counts[w], w))
    return {word: place for place, word in enumerate(words[:MOST_WORDS], start=2)}


def _ids(review: Review, vocabulary: dict[str, int], language: Language) -> list[int]:
    words = tokenize(review.text, language)[:MOST_TOKENS]
    return [vocabulary.get(word, UNKNOWN) for word in words]
