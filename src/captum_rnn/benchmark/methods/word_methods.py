"""Scores without any explanation of the model: what an explanation has to beat."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from captum_rnn.benchmark.methods.explained_model import ExplainedModel
from captum_rnn.benchmark.methods.method import Method
from captum_rnn.evaluation.draws import text_draws

_RANDOM_STREAM = 0


@dataclass(frozen=True, kw_only=True)
class RandomScores(Method):
    """Uniform scores in [-1, 1), the floor for every method.

    The draws of a text depend on the seed and on the text, not on its batch.
    """

    passes: str = "0"
    class_aware: bool = False
    seed: int = 0

    def __call__(self, model: ExplainedModel, ids: Tensor, target: Tensor) -> Tensor:
        """Scores every token of a batch; see `Method`."""
        draws = text_draws(ids, seed=self.seed, stream=_RANDOM_STREAM, pad_id=model.pad_id)
        uniform = draws.to(ids.device, torch.float32)
        return (2 * uniform - 1).masked_fill(ids == model.pad_id, 0.0)

    def seeded(self, seed: int) -> "RandomScores":
        """The same method with other draws."""
        return dataclasses.replace(self, seed=seed)


@dataclass(frozen=True, kw_only=True)
class LastWordsFirst(Method):
    """The position in the text, from 1/n for the first word to 1 for the last."""

    passes: str = "0"
    signed: bool = False
    class_aware: bool = False

    def __call__(self, model: ExplainedModel, ids: Tensor, target: Tensor) -> Tensor:
        """Scores every token of a batch; see `Method`."""
        read = ids != model.pad_id
        positions = read.cumsum(dim=1) / read.sum(dim=1, keepdim=True)
        return positions.float().masked_fill(~read, 0.0)


@dataclass(frozen=True, kw_only=True)
class EmbeddingNorm(Method):
    """The L2 norm of each word's vector."""

    passes: str = "0"
    signed: bool = False
    class_aware: bool = False

    def __call__(self, model: ExplainedModel, ids: Tensor, target: Tensor) -> Tensor:
        """Scores every token of a batch; see `Method`."""
        norms: Tensor = torch.linalg.vector_norm(model.embedding(ids).detach().float(), dim=2)
        return norms.masked_fill(ids == model.pad_id, 0.0)


@dataclass(frozen=True, kw_only=True)
class WordRarity(Method):
    """How rare a word is in background texts, −log P(w), each counted once more than it occurs."""

    passes: str = "0"
    signed: bool = False
    class_aware: bool = False
    learns: bool = True
    scores: Tensor | None = field(default=None, compare=False, repr=False)

    def fit(self, model: ExplainedModel, texts: Sequence[Tensor]) -> "WordRarity":
        """Counts the words of background texts; see `Method`."""
        if not texts:
            return self
        size = model.embedding.num_embeddings
        counts = torch.ones(size, dtype=torch.float64)
        for ids in texts:
            counts += torch.bincount(ids[ids != model.pad_id].cpu(), minlength=size)
        words = counts.sum() - counts[model.pad_id]
        return dataclasses.replace(self, scores=-(counts / words).log().float())

    def __call__(self, model: ExplainedModel, ids: Tensor, target: Tensor) -> Tensor:
        """Scores every token of a batch; see `Method`."""
        scores = _learnt(self, self.scores).to(ids.device)[ids]
        return scores.masked_fill(ids == model.pad_id, 0.0)


@dataclass(frozen=True, kw_only=True)
class FixedWordScores(Method):
    """One score for each word and class, whatever its context: its mean over background texts.

    Words that do not occur there score 0. It is the bar that a contextual method must clear.

    Attributes:
        teacher: The method whose scores are averaged.
    """

    passes: str = "0"
    learns: bool = True
    teacher: Method
    scores: Tensor | None = field(default=None, compare=False, repr=False)

    def fit(self, model: ExplainedModel, texts: Sequence[Tensor]) -> "FixedWordScores":
        """Averages the teacher's scores of each word; see `Method`."""
        if not texts:
            return self
        tables = []
        classes = model.probabilities(texts[0][:1]).shape[1]
        mirrored = classes == 2 and self.teacher.mirrors
        for explained in range(1 if mirrored else classes):
            sums = torch.zeros(model.embedding.num_embeddings, dtype=torch.float64)
            counts = torch.zeros_like(sums)
            for ids in texts:
                scores = self.teacher(model, ids, torch.full_like(ids[:, 0], explained)).double()
                words, of_words = ids.flatten().cpu(), scores.flatten().cpu()
                sums.index_add_(0, words, of_words)
                counts.index_add_(0, words, torch.ones_like(of_words))
            tables.append(sums / counts.clamp(min=1))
        if mirrored:
            tables.append(-tables[0])
        return dataclasses.replace(self, scores=torch.stack(tables).float())

    def __call__(self, model: ExplainedModel, ids: Tensor, target: Tensor) -> Tensor:
        """Scores every token of a batch; see `Method`."""
        scores = _learnt(self, self.scores).to(ids.device)[target.unsqueeze(1), ids]
        return scores.masked_fill(ids == model.pad_id, 0.0)


def _learnt(method: Method, scores: Tensor | None) -> Tensor:
    if scores is None:
        raise ValueError(f"{method.label} must be fitted on background texts; pass background=")
    return scores
