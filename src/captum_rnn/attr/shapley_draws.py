"""What is drawn of each text for its Shapley values, and run together with the others."""

import math
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor
from tqdm import tqdm

from captum_rnn.attr.games import Game
from captum_rnn.functional import shapley

Estimator = Literal["auto", "permutations", "scans"]

SCANS_FROM = 40
"""From so many tokens on, a text is estimated by scans unless the estimator is named."""
_PERMUTATIONS, _SUBTEXTS, _MOST = 10, 16, 1000
_MASKED_AT_ONCE = 20_000_000
"""Entries of the masks of sub-texts that are held at once."""


@dataclass(frozen=True)
class Plan:
    """How, and how often, to draw; see `RecurrentShapleyAttribution.attribute`."""

    estimator: Estimator
    n_samples: int | None
    tolerance: float | None
    seed: int

    def __post_init__(self) -> None:
        if self.estimator not in ("auto", "permutations", "scans"):
            raise ValueError(
                f'estimator is {self.estimator!r}; expected "auto", "permutations" or "scans"'
            )
        if self.n_samples is not None and self.n_samples < 2:
            raise ValueError(f"n_samples is {self.n_samples}; expected at least 2")
        if self.tolerance is not None and not 0 < self.tolerance < math.inf:
            raise ValueError(f"tolerance is {self.tolerance}; expected a finite number above 0")

    def scans(self, tokens: int) -> bool:
        """Whether a text of so many tokens is estimated by scans."""
        return self.estimator == "scans" or (self.estimator == "auto" and tokens >= SCANS_FROM)

    def first_pairs(self, *, scans: bool) -> int:
        """How many pairs to draw at first."""
        usual = _SUBTEXTS if scans else _PERMUTATIONS
        samples = usual if self.n_samples is None else self.n_samples
        return -(-(samples if self.tolerance is None else min(samples, usual)) // 2)

    @property
    def most_pairs(self) -> int:
        """How many pairs to draw at most, where a tolerance is given."""
        return -(-(_MOST if self.n_samples is None else self.n_samples) // 2)


@dataclass
class _Text:
    """What was drawn of one text so far."""

    row: int
    places: Tensor
    scans: bool
    generator: torch.Generator
    samples: list[Tensor] = field(default_factory=list)
    weights: list[Tensor] = field(default_factory=list)
    is_exact: bool = False

    def is_enumerated(self, pairs: int) -> bool:
        """Whether running all sub-texts costs no more than so many pairs of orders."""
        tokens = len(self.places)
        return not self.scans and 2**tokens - 2 <= 2 * pairs * (tokens - 1)

    @property
    def pairs(self) -> int:
        return sum(map(len, self.samples))

    @property
    def estimate(self) -> tuple[Tensor, Tensor]:
        """Mean and standard error of each token (tokens,)."""
        if self.is_exact:
            return self.samples[-1][0], torch.zeros_like(self.samples[-1][0])
        return shapley.mean_and_error(torch.cat(self.samples), torch.cat(self.weights))


@dataclass(frozen=True)
class Drawing:
    """Draws, runs and adds up.

    Attributes:
        game: What is drawn of: tokens of texts, or what is replaced in series.
        plan: How to draw.
    """

    game: Game
    plan: Plan

    def run(self, show_progress: bool) -> tuple[Tensor, Tensor]:
        """Scores and standard errors (batch, time)."""
        whole, tokens = self.game.whole, self.game.players
        scores = torch.zeros(tokens.shape, dtype=torch.float64)
        errors, left = scores.clone(), []
        for row in range(len(tokens)):
            places = tokens[row].nonzero().flatten().cpu()
            if len(places) == 1:
                scores[row, places] = self._change(row)
            elif len(places):
                generator = torch.Generator().manual_seed(self.plan.seed)
                left.append(_Text(row, places, self._scans(len(places)), generator))
        with tqdm(desc="drawing", unit="sub-text", disable=not show_progress) as bar:
            while left:
                for group in self._groups(left):
                    self._draw(group, bar)
                for text in left:
                    mean, error = text.estimate
                    scores[text.row, text.places] = shapley.with_sum(mean, self._change(text.row))
                    errors[text.row, text.places] = error
                left = [text for text in left if self._goes_on(text, errors[text.row])]
        return scores.to(whole), errors.to(whole)

    def _scans(self, tokens: int) -> bool:
        """Whether a text of so many tokens is estimated by scans.

        Raises:
            ValueError: They are asked for, but do not tell its parts apart.
        """
        if not self.plan.scans(tokens) or self.game.knows_changes:
            return self.plan.scans(tokens)
        if self.plan.estimator == "scans":
            raise ValueError(
                "scans do not tell apart what is replaced in these inputs, as "
                "AdjointDeltaAttribution with these baselines says; pass "
                'estimator="permutations", or per_step=True'
            )
        return False

    def _change(self, row: int) -> Tensor:
        return (self.game.whole[row].double() - self.game.empty[row].double()).cpu()

    def _goes_on(self, text: _Text, errors: Tensor) -> bool:
        if self.plan.tolerance is None or text.pairs >= self.plan.most_pairs:
            return False
        return not bool((errors[text.places] <= self.plan.tolerance).all())

    def _next_pairs(self, text: _Text) -> int:
        """As many as there are, so that their number doubles, but no more than are allowed."""
        if not text.pairs:
            first = self.plan.first_pairs(scans=text.scans)
            return first if self.plan.tolerance is None else max(2, first)
        return min(text.pairs, self.plan.most_pairs - text.pairs)

    def _groups(self, texts: list[_Text]) -> list[list[_Text]]:
        """Texts whose masks are held at once."""
        groups: list[list[_Text]] = [[]]
        entries = 0
        for text in texts:
            own = 2 * self._next_pairs(text) * self.game.players.shape[1]
            own *= 1 if text.scans else len(text.places)
            if groups[-1] and entries + own > _MASKED_AT_ONCE:
                groups.append([])
                entries = 0
            groups[-1].append(text)
            entries += own
        return groups

    def _draw(self, texts: list[_Text], bar: Any) -> None:
        """Draws more of each text, and runs all that was drawn together."""
        pairs = [self._next_pairs(text) for text in texts]
        all_of = [t for t, more in zip(texts, pairs, strict=True) if t.is_enumerated(more)]
        self._enumerate(all_of, bar)
        self._permute([text for text in texts if not (text.scans or text.is_exact)], bar)
        self._scan([text for text in texts if text.scans], bar)

    def _enumerate(self, texts: list[_Text], bar: Any) -> None:
        sets = [shapley.every_set(len(text.places))[1:-1] for text in texts]
        for text, inner in zip(texts, self._values(texts, sets, bar), strict=True):
            first, last = self._ends(text)
            text.samples = [shapley.shapley_values(torch.cat([first, inner, last])).unsqueeze(0)]
            text.is_exact = True

    def _values(self, texts: list[_Text], sets: list[Tensor], bar: Any) -> tuple[Tensor, ...]:
        """What the model says of sets of the tokens of each text."""
        if not texts:
            return ()
        rows, kept = self._stacked(texts, sets)
        found = self.game.values(rows, kept, bar.update)
        return torch.split(found.double().cpu(), [len(of_text) for of_text in sets])

    def _ends(self, text: _Text) -> tuple[Tensor, Tensor]:
        """What it says of none of the tokens and of all of them (1,)."""
        whole, empty = self.game.whole[text.row], self.game.empty[text.row]
        return empty.double().cpu().reshape(1), whole.double().cpu().reshape(1)

    def _permute(self, texts: list[_Text], bar: Any) -> None:
        orders, sets = [], []
        for text in texts:
            drawn = shapley.antithetic_permutations(
                len(text.places), self._next_pairs(text), text.generator
            )
            orders.append(drawn)
            sets.append(shapley.growing_sets(drawn)[:, 1:-1].flatten(0, 1))
        for text, drawn, inner in zip(texts, orders, self._values(texts, sets, bar), strict=True):
            first, last = (end.expand(len(drawn), 1) for end in self._ends(text))
            each = torch.cat([first, inner.view(len(drawn), -1), last], 1)
            added = shapley.contributions(drawn, each)
            text.samples.append(added.view(-1, 2, len(text.places)).mean(1))
            text.weights.append(torch.ones_like(text.samples[-1]))

    def _scan(self, texts: list[_Text], bar: Any) -> None:
        sets = [
            shapley.complementary_sets(len(t.places), self._next_pairs(t), t.generator)
            for t in texts
        ]
        if not texts:
            return
        rows, kept = self._stacked(texts, sets)
        scores, known = torch.zeros(kept.shape, dtype=torch.float64), torch.zeros_like(kept.cpu())
        for of_sets, changes in self.game.changes(rows, kept):
            which = of_sets.cpu()
            scores[which], known[which] = changes.scores.double().cpu(), changes.known.cpu()
            bar.update(len(which))
        each = (torch.split(of_all, [len(own) for own in sets]) for of_all in (scores, known))
        for text, own, of_text, known_here in zip(texts, sets, *each, strict=True):
            samples, weights = shapley.weighted_scores(
                own, of_text[:, text.places], known_here[:, text.places]
            )
            text.samples.append(samples)
            text.weights.append(weights)

    def _stacked(self, texts: list[_Text], sets: list[Tensor]) -> tuple[Tensor, Tensor]:
        """The row of each set, and its tokens where they stand in the row, as a mask."""
        device = self.game.players.device
        rows = [torch.full((len(own),), text.row) for text, own in zip(texts, sets, strict=True)]
        kept = []
        for text, own in zip(texts, sets, strict=True):
            placed = torch.zeros(len(own), self.game.players.shape[1], dtype=torch.bool)
            placed[:, text.places] = own
            kept.append(placed)
        return torch.cat(rows).to(device), torch.cat(kept).to(device)
