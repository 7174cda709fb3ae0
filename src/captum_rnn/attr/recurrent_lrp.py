"""Layer-wise relevance propagation through recurrent layers."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from captum_rnn.attr.method import StepMethod, in_full_precision
from captum_rnn.attr.notice import warn
from captum_rnn.attr.records import Record, Run
from captum_rnn.attr.recurrent import RecurrentAttribution
from captum_rnn.attr.through import step_scores, token_scores
from captum_rnn.functional.cells import Chord
from captum_rnn.functional.propagation import handed_on
from captum_rnn.functional.relevance import (
    LARGEST_EPSILON,
    Relevance,
    input_relevance,
    outgrown,
    size_read,
)
from captum_rnn.functional.stack import Stack
from captum_rnn.states.recovery import unstack

# Smaller ones overflow float32 where a sum is exactly 0, as on the padding of packed sequences.
_LEAST_EPSILON = 1e-12
BOUND = 30
"""How many times what the classifier reads, in size, the relevance of a row may come to."""
_SHARE_LOST = 0.5
_EXPECTED_EPSILON = f"expected a finite number from {_LEAST_EPSILON} on, e.g. 0.001"


class RecurrentLRPAttribution(RecurrentAttribution):
    r"""Scores each token by the share of the output that flows back to it, layer by layer.

    Relevance starts at the states that the classifier reads, R = h ∘ ∂f_c/∂h, which for a linear
    head is the share of each unit in f_c. Each sum :math:`z_j = \sum_i z_{ij} + b_j` hands its
    relevance to its terms by the ε-rule:

    .. math:: R_i = \sum_j \frac{z_{ij}}{z_j + \varepsilon \, \mathrm{sign}(z_j)} R_j,
              \qquad \mathrm{sign}(0) = 1

    Sums are the candidate's pre-activation, an LSTM's cell state c_t = f ∘ c_{t−1} + i ∘ g, a GRU's
    state h_t = (1 − z) ∘ n + z ∘ h_{t−1}, and an LSTM's projected state. The gates are taken as
    constant weights and get no relevance; tanh, σ and relu hand theirs on unchanged. The relevance
    of a layer's inputs is that of the outputs of the layer below; the lowest layer's, summed over
    the features, is the token's score.

    Initial states and static covariates that are among the inputs get the relevance that flows on
    to them.

    One forward pass and one reverse scan over recomputed gates, without autograd through the
    recurrence: it runs on a GPU in eval mode.

    Where terms of both signs nearly cancel, step after step, relevance grows without a limit. So ε
    is taken ten times as large for a row, as often as it takes until its relevances, in size, those
    of initial states too, come to at most 30 times what the classifier reads, Σ \|h ∘ ∂f_c/∂h\|
    over all layers and directions.
    A state of 0, as of a dead relu unit or a direction full of them, is read as 0: it has no
    relevance, and allows the others none. A warning says for how many rows ε was raised, and also
    if the scores miss the output by more than half of it, over all rows but those that are NaN.

    The convergence delta is the sum of the scores minus f_c. It is no rounding error: it is what
    biases and ε absorb, and given initial states and padding that the layer ran over. Without any
    of those, and with a linear head, it goes to 0 with ε. For a head that is not linear, it also
    holds the difference between Σ h ∘ ∂f_c/∂h and f_c.

    Args:
        forward_func: The model, or any function that runs it.
        layer: The `nn.RNN`, `nn.LSTM` or `nn.GRU` in it.
        device_ids: Kept for Captum's signature; the layer has to run on one device.
        epsilon: The ε of the rule, at least 1e-12. The larger, the more relevance it absorbs; the
            smaller, the larger the scores where terms of both signs nearly cancel.
        batch_first: Whether dimension 0 of the inputs is the batch; False: it is the time.

    Raises:
        ValueError: An epsilon below 1e-12, or infinite.
        TypeError: An epsilon that is no number.

    Source: Arras et al. (2017), "Explaining Recurrent Neural Network Predictions in Sentiment
    Analysis", WASSA; Arras et al. (2019), "Explaining and Interpreting LSTMs". They treat the LSTM;
    the GRU and the RNN follow the same rules.

    Example:
        >>> import torch
        >>> class Classifier(nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.lstm = nn.LSTM(8, 16, batch_first=True)
        ...         self.head = nn.Linear(16, 2)
        ...     def forward(self, embedded):
        ...         return self.head(self.lstm(embedded)[0][:, -1])
        >>> model = Classifier()
        >>> lrp = RecurrentLRPAttribution(model, model.lstm)
        >>> scores, delta = lrp.attribute(
        ...     torch.randn(2, 5, 8), target=1, return_convergence_delta=True
        ... )
        >>> scores.sum(-1).shape, delta.shape
        (torch.Size([2, 5]), torch.Size([2]))
    """

    _looks_at_class: ClassVar[bool] = True
    _scores_inputs: ClassVar[bool] = True
    _scores_static: ClassVar[bool] = True

    def __init__(
        self,
        forward_func: Callable[..., Any],
        layer: nn.Module | None = None,
        device_ids: list[int] | None = None,
        *,
        epsilon: float = 0.001,
        batch_first: bool = True,
    ) -> None:
        super().__init__(forward_func, layer, device_ids, batch_first=batch_first)
        if not isinstance(epsilon, (int, float)):
            raise TypeError(f"epsilon is of type {type(epsilon).__name__}; {_EXPECTED_EPSILON}")
        if not _LEAST_EPSILON <= epsilon < math.inf:
            raise ValueError(f"epsilon is {epsilon}; {_EXPECTED_EPSILON}")
        self.epsilon = epsilon

    @property
    def multiplies_by_inputs(self) -> bool:
        """True: a token's score holds its embedding as a factor."""
        return True

    def _knows_features(self, run: Run) -> bool:
        return any(run.reads_own_features)

    def _goes_through(self, run: Run) -> bool:
        return True

    def _token_scores(self, run: Run) -> list[Tensor]:
        scores, epsilon = self._bounded(run, token_scores)
        self._report(run, scores, epsilon)
        return scores

    def _step_scores(self, run: Run) -> list[Tensor]:
        of_features = [replace(record, of_features=True) for record in run.records]
        scores, epsilon = self._bounded(replace(run, records=of_features), step_scores)
        self._report(run, None, epsilon)
        return scores

    @torch.no_grad()
    def _bounded(
        self, run: Run, score: Callable[[StepMethod, Run], list[Tensor]]
    ) -> tuple[list[Tensor], Tensor | None]:
        """Scores, and the smallest ε of each row (batch,) that bounds them; None: that given."""
        relevances, largest = _Relevances(self.epsilon), None
        epsilon: Tensor | None = None
        while True:
            scores = score(relevances, run)
            if largest is None:
                largest = BOUND * run.add_up(relevances.read(run))
            rows = outgrown(run.add_up(relevances.sizes(run)), largest)
            if epsilon is not None:
                rows &= epsilon.to(rows.device) < LARGEST_EPSILON
            if not rows.any():
                return scores, epsilon
            if epsilon is None:
                epsilon = torch.full((len(rows),), self.epsilon, dtype=torch.float64)
            epsilon = torch.where(rows.to(epsilon.device), 10 * epsilon, epsilon)
            relevances = _Relevances(epsilon)

    def _report(self, run: Run, scores: list[Tensor] | None, epsilon: Tensor | None) -> None:
        """Warns of relevance that outgrew its bound, and of what did not reach the tokens."""
        notes = []
        if epsilon is not None:
            rows = int((epsilon > self.epsilon).sum())
            notes.append(
                f"the relevance of {rows} of {len(epsilon)} row(s) outgrew {BOUND} times what "
                f"the classifier reads, so that ε was raised up to {float(epsilon.max()):.0e} there"
            )
        if scores is not None and (lost := _lost(run, scores)) > _SHARE_LOST:
            notes.append(f"relevance sums to something else than the output by {lost:.0%} of it")
        if notes:
            warn(
                f"{'; '.join(notes)}. The convergence delta tells it row by row; "
                "RecurrentDeepLiftAttribution loses nothing"
            )

    def _totals(self, run: Run) -> Tensor:
        assert run.value is not None
        return run.value


def _lost(run: Run, scores: list[Tensor]) -> float:
    """The share of the output that the scores miss, over all rows that are numbers."""
    assert run.value is not None
    return float((run.sums(scores) - run.value).abs().nansum() / run.value.abs().nansum())


class _Relevances(StepMethod):
    """The relevance of each record of one run.

    Args:
        epsilon: The ε of the rule, or that of each row of the inputs (batch,).
    """

    _passes_on: ClassVar[bool] = True
    _scores_inputs: ClassVar[bool] = True

    def __init__(self, epsilon: float | Tensor) -> None:
        self._epsilon = epsilon
        self._found: dict[int, tuple[Relevance, Tensor]] = {}

    @in_full_precision
    def _score(self, layer: nn.Module, record: Record) -> Tensor:
        stack = unstack(layer, record.call, record.gradient)
        found = self._relevance(stack, record)
        scores = found.of_inputs if record.of_features else found.of_inputs.sum(2)
        return record.path.without_padding(scores.transpose(0, 1))

    @in_full_precision
    def _handed_on(self, layer: nn.Module, record: Record) -> tuple[Tensor, tuple[Tensor, ...]]:
        stack = unstack(layer, record.call, record.gradient)
        self._relevance(stack, record)
        inputs, initial = handed_on(stack, Chord(self._epsilon_of(record)))
        return inputs.transpose(0, 1), initial

    def sizes(self, run: Run) -> list[Tensor]:
        """How large the relevances are in which each record's rows (rows,) end.

        What goes on to another record does not end there.
        """
        reads, depends = (each or [set()] * len(run.records) for each in (run.reads, run.depends))
        sizes = []
        for index, record in enumerate(run.records):
            found, read = self._found[id(record.call)]
            size = torch.zeros_like(read)
            if index in run.mixed or not reads[index]:
                size = size + found.size
            begins_later = bool(depends[index] - reads[index])
            sizes.append(size if begins_later else size + found.of_initial)
        return sizes

    def read(self, run: Run) -> list[Tensor]:
        """What the classifier reads of each record's rows (rows,), in size."""
        if not run.needs_walk:
            return [self._found[id(record.call)][1] for record in run.records]
        with run.full_precision():
            return [
                size_read(unstack(record.layer, record.call, record.gradient))
                for record in run.records
            ]

    def _relevance(self, stack: Stack, record: Record) -> Relevance:
        found = input_relevance(stack, self._epsilon_of(record))
        self._found[id(record.call)] = found, size_read(stack)
        return found

    def _epsilon_of(self, record: Record) -> float | Tensor:
        if not isinstance(self._epsilon, Tensor):
            return self._epsilon
        return self._epsilon[record.rows.to(self._epsilon.device)].unsqueeze(1)
