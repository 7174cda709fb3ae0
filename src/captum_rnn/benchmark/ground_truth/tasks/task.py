"""What a task with known answers is: token sequences whose true contributions are known."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from captum_rnn.evaluation.agreement.correlations import PEARSON
from captum_rnn.evaluation.measure import Measure

_DRAWN_AT_ONCE = 1024


@dataclass(frozen=True)
class KnownAnswers:
    """Sequences with the class to explain and what every token truly contributes to it.

    Attributes:
        ids: Token ids (sequences, time), 0 after the end of each.
        labels: The right class of each sequence (sequences,).
        targets: The class to explain (sequences,).
        contributions: For each token (sequences, time), by how much the rule's evidence for the
            target falls when the token is replaced by a filler; 0 for fillers and padding. Where
            the network makes the truth known, by how much its margin falls without the token.
        operators: True for tokens (sequences, time) that act on others and count nothing
            themselves, such as a negator. How much of an effect is theirs is a matter of
            definition: methods that share it otherwise are not wrong.
    """

    ids: Tensor
    labels: Tensor
    targets: Tensor
    contributions: Tensor
    operators: Tensor


@dataclass(frozen=True, kw_only=True)
class Task(ABC):
    """A rule that decides a sequence's class, and sequences drawn for it.

    The rule gives evidence for each class; the class with the most evidence is right. A sequence
    without a clear class is not drawn. Tokens have the ids from 1; the first are fillers, which the
    rule does not look at.

    Attributes:
        shortest: Least number of tokens of a sequence.
        longest: Greatest number.
        fillers: Number of words that mean nothing.
        density: Probability that a token is a keyword.
        clearance: How far the evidence for the right class is ahead at least.
    """

    shortest: int = 12
    longest: int = 24
    fillers: int = 40
    density: float = 0.3
    clearance: float = 1.0

    name: ClassVar[str]
    """Name on the command line, in results and in the cache."""
    classes: ClassVar[tuple[str, ...]]
    """Name of each class."""
    measure: ClassVar[Measure] = PEARSON
    """How scores are compared with the true contributions: by Pearson's correlation, or, where a
    contribution is there or not, by the average precision of finding it."""

    @property
    @abstractmethod
    def keywords(self) -> tuple[str, ...]:
        """The words that the rule looks at, in the order of their ids."""

    @property
    def operators(self) -> tuple[str, ...]:
        """Those of the keywords that act on other tokens and count nothing themselves."""
        return ()

    @property
    def words(self) -> tuple[str, ...]:
        """All words, in the order of their ids from 1."""
        return (*(f"w{number}" for number in range(1, self.fillers + 1)), *self.keywords)

    @abstractmethod
    def evidence(self, ids: Tensor) -> Tensor:
        """The rule: evidence (sequences, classes) of sequences of ids (sequences, time)."""

    @abstractmethod
    def draw_keywords(self, shape: tuple[int, int], generator: torch.Generator) -> Tensor:
        """Random ids of keywords."""

    def explained(self, evidence: Tensor) -> Tensor:
        """The class to explain (sequences,), from the evidence (sequences, classes)."""
        return evidence.argmax(dim=1)

    def is_clear(self, evidence: Tensor) -> Tensor:
        """Whether a sequence may be used (sequences,), from the evidence (sequences, classes)."""
        first, second = evidence.topk(2, dim=1).values.unbind(1)
        return first - second >= self.clearance

    def id_of(self, word: str) -> int:
        """The id of a word.

        Raises:
            ValueError: The task has no such word.
        """
        return self.words.index(word) + 1

    def sample(self, count: int, *, seed: int) -> KnownAnswers:
        """Draws sequences and computes what is true of them.

        Args:
            count: Number of sequences.
            seed: Another seed gives other sequences.

        Returns:
            The sequences with their true contributions.
        """
        ids = self.draw(count, torch.Generator().manual_seed(seed))
        evidence = self.evidence(ids)
        targets = self.explained(evidence)
        operators = torch.tensor([self.id_of(word) for word in self.operators], dtype=torch.long)
        return KnownAnswers(
            ids=ids,
            labels=evidence.argmax(dim=1),
            targets=targets,
            contributions=self.contributions(ids, targets),
            operators=torch.isin(ids, operators),
        )

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """Draws sequences with a clear class.

        Args:
            count: Number of sequences.
            generator: Decides them.

        Returns:
            Ids (count, longest), 0 after the end of each sequence.
        """
        kept = torch.empty((0, self.longest), dtype=torch.long)
        while len(kept) < count:
            drawn = self._draw_any(_DRAWN_AT_ONCE, generator)
            kept = torch.cat([kept, drawn[self.is_clear(self.evidence(drawn))]])
        return kept[:count]

    def contributions(self, ids: Tensor, targets: Tensor) -> Tensor:
        """By how much the evidence for the targets falls when a filler replaces each token.

        Args:
            ids: Token ids (sequences, time).
            targets: The class to explain (sequences,).

        Returns:
            The true contributions (sequences, time).
        """
        whole = self.evidence(ids).gather(1, targets.unsqueeze(1))
        without = []
        for position in range(ids.shape[1]):
            replaced = ids.clone()
            replaced[:, position] = torch.where(ids[:, position] > 0, 1, 0)
            without.append(self.evidence(replaced).gather(1, targets.unsqueeze(1)))
        return whole - torch.cat(without, dim=1)

    def draw_words(self, shape: tuple[int, int], generator: torch.Generator) -> Tensor:
        """Random ids of fillers and keywords, whatever the class."""
        fillers = torch.randint(1, self.fillers + 1, shape, generator=generator)
        keywords = self.draw_keywords(shape, generator)
        is_keyword = torch.rand(shape, generator=generator) < self.density
        return torch.where(is_keyword, keywords, fillers)

    def _draw_any(self, count: int, generator: torch.Generator) -> Tensor:
        ids = self.draw_words((count, self.longest), generator)
        lengths = torch.randint(self.shortest, self.longest + 1, (count, 1), generator=generator)
        return ids.masked_fill(torch.arange(self.longest) >= lengths, 0)
