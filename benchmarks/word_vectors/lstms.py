"""What word vectors do to an LSTM on top of them and to its scores, for `run_study.py`."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm

from benchmarks.word_vectors.data import Data
from benchmarks.word_vectors.sums import keep_unit
from captum_rnn import AdjointDeltaAttribution, HiddenStateDeltaAttribution
from captum_rnn.evaluation import (
    PerturbedPredictions,
    comprehensiveness,
    mean_interval,
    rank_correlations,
)
from captum_rnn.evaluation.draws import text_draws
from captum_rnn.text import RecurrentClassifier
from captum_rnn.text.accuracy import Accuracy
from captum_rnn.text.batching import pad_ids
from captum_rnn.text.optimisation import optimise

WORDS_READ, EPOCHS, LEARNING_RATE, TEXTS_AT_ONCE = 50, 2, 3e-3, 50
FIRST = "learnt"
_RANDOM_STREAM = 0


def compare_lstms(
    data: Data, vectors: dict[str, Tensor], *, texts: int, seed: int
) -> tuple[list[dict[str, Any]], Tensor]:
    """Trains an LSTM on every kind of embedding and scores the same texts with each.

    Args:
        data: The split corpus.
        vectors: Vectors that no label made, by name.
        texts: How many held-out texts to explain.
        seed: Seed of the trainings, the random scores and the intervals.

    Returns:
        What was measured on each, and the embedding that the first LSTM learnt.
    """
    cut = [words[:WORDS_READ] for words in data.train.sequences]
    ids = pad_ids([words[:WORDS_READ] for words in data.held_out.first(texts).sequences])
    held_out = pad_ids([words[:WORDS_READ] for words in data.held_out.sequences])
    entries: list[dict[str, Any]] = []
    first: dict[str, Tensor] = {}
    features = next(iter(vectors.values())).shape[1]
    variants = list(embeddings(len(data.vocabulary), features, vectors, seed))
    for name, model, own_seed in tqdm(variants, desc="LSTMs"):
        optimise(
            model,
            cut,
            data.train.labels,
            epochs=EPOCHS,
            learning_rate=LEARNING_RATE,
            seed=own_seed,
            show_progress=False,
        )
        with torch.no_grad():
            answers = torch.cat([model(part).argmax(1) for part in torch.split(held_out, 256)])
        right = int((answers == torch.tensor(data.held_out.labels)).sum())
        scores = scores_of(model, ids, seed)
        first = first or scores
        entries.append(
            {
                "embedding": name,
                "accuracy": Accuracy(right, len(held_out)).to_dict(),
                **measures(model, ids, scores, first, seed),
            }
        )
    return entries, variants[0][1].embedding.weight.detach()


def embeddings(
    size: int, features: int, vectors: dict[str, Tensor], seed: int
) -> Iterator[tuple[str, RecurrentClassifier, int]]:
    """Every LSTM before its training, with its name and seed."""

    def untrained(seed: int) -> RecurrentClassifier:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return RecurrentClassifier(size, embedding_dim=features, hidden_size=features)

    yield FIRST, untrained(seed), seed
    yield f"{FIRST}, another seed", untrained(seed + 1), seed + 1
    unit = untrained(seed)
    keep_unit(unit.embedding)
    yield f"{FIRST}, unit length", unit, seed
    for name, kind in vectors.items():
        for way in ("frozen", "frozen, unit length", "initialised"):
            model = untrained(seed)
            given = F.normalize(kind, dim=1) if "unit" in way else kind
            with torch.no_grad():
                model.embedding.weight.copy_(given)
            model.embedding.weight.requires_grad_(way == "initialised")
            yield f"{name}, {way}", model, seed


def scores_of(model: RecurrentClassifier, ids: Tensor, seed: int) -> dict[str, Tensor]:
    """Scores (texts, time) of some methods for the predicted classes."""
    with torch.no_grad():
        target = model(ids).argmax(1)
    known = {
        "L2": HiddenStateDeltaAttribution(model, model.rnn),
        "projection": HiddenStateDeltaAttribution(model, model.rnn, distance="projection"),
        "adjoint": AdjointDeltaAttribution(model, model.rnn),
    }
    scores = {
        name: torch.cat(
            [
                attribution.attribute(part, target=classes)
                for part, classes in zip(
                    torch.split(ids, TEXTS_AT_ONCE),
                    torch.split(target, TEXTS_AT_ONCE),
                    strict=True,
                )
            ]
        )
        for name, attribution in known.items()
    }
    return scores | {"random": text_draws(ids, seed=seed, stream=_RANDOM_STREAM)}


def measures(
    model: RecurrentClassifier,
    ids: Tensor,
    scores: dict[str, Tensor],
    first: dict[str, Tensor],
    seed: int,
) -> dict[str, Any]:
    """How faithful the scores are to their model, and how like those of the first one."""

    def predict(texts: Tensor) -> Tensor:
        with torch.no_grad():
            probabilities: Tensor = model(texts).softmax(1)
        return probabilities

    return {
        "comprehensiveness": {
            name: asdict(
                mean_interval(
                    comprehensiveness(PerturbedPredictions(predict, ids), found, seed=seed),
                    seed=seed,
                )
            )
            for name, found in scores.items()
        },
        "spearman_with_first": {
            name: asdict(mean_interval(rank_correlations(ids, found, first[name]), seed=seed))
            for name, found in scores.items()
            if name != "random"
        },
    }
