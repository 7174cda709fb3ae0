"""How the vectors of a calibration are learnt from batches of texts."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from captum_rnn.attr.adjoint_delta import AdjointDeltaAttribution
from captum_rnn.attr.asking import without_unread
from captum_rnn.attr.baselines import GivenBaselines
from captum_rnn.attr.calibration_data import (
    Batch,
    of_tokens,
    step_bins,
    taught_scores,
    top_adjoints,
    top_steps,
)
from captum_rnn.attr.comparing import ComparingAttribution
from captum_rnn.attr.inputs import ends_in_padding
from captum_rnn.attr.records import Run
from captum_rnn.attr.through import check_begun, check_no_walk
from captum_rnn.functional.calibration import (
    in_bins,
    mean_over_tokens,
    ridge_regression,
)


@dataclass(frozen=True)
class Learning:
    """One vector for each class, bin and direction, from what the steps of texts did.

    Attributes:
        method: The method that will score along the vectors.
        targets: For each class to learn, the target that selects it.
        bins: How many distances from the end have vectors of their own.
        with_cells: Whether the vectors go on over the cell states of an LSTM.
    """

    method: ComparingAttribution
    targets: dict[int, int | None]
    bins: int
    with_cells: bool

    def from_derivatives(self, batches: Iterable[Batch]) -> Tensor:
        """The means over all tokens of the derivative of each class.

        Returns:
            Vectors (class, bin, direction, state).
        """
        return mean_over_tokens(map(self._adjoints, batches), self.bins)

    def from_teacher(
        self,
        batches: Iterable[Batch],
        teacher: Callable[..., Any],
        baselines: GivenBaselines,
        *,
        penalty: float,
        directions: int,
    ) -> Tensor:
        """The ridge regression of a teacher's scores on the steps of the state.

        Args:
            batches: The batches.
            teacher: The `attribute` of another method.
            baselines: What the steps are compared with; None: the states before them.
            penalty: The penalty of the regression.
            directions: How many directions the layer has.

        Returns:
            Vectors (class, bin, direction, state).
        """
        lessons = (self._lesson(batch, teacher, baselines) for batch in batches)
        coefficients = ridge_regression(lessons, penalty, self.bins).t()
        return coefficients.reshape(len(self.targets), self.bins, directions, -1)

    @torch.no_grad()
    def _adjoints(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Derivatives of each class (tokens, class, direction, state), and bins of the tokens."""
        method = self.method
        reader = AdjointDeltaAttribution(
            method.forward_func, method.layer, method.device_ids, batch_first=method.batch_first
        )
        of_classes = []
        inputs, arguments, lengths = batch
        for target in self.targets.values():
            run = reader._run(inputs, target, arguments, lengths)
            run = without_unread(run, target, arguments)
            if any(run.depends):
                check_no_walk(run, type(method).__name__)
            adjoints = [top_adjoints(r.layer, r, with_cells=self.with_cells) for r in run.records]
            if run.tells_ends or arguments is not None:
                _check_padding_is_told(run, adjoints, batch_first=method.batch_first)
            of_classes.append(of_tokens(adjoints, run))
        return torch.stack(of_classes, 1), self._token_bins(run)

    def _lesson(
        self, batch: Batch, teacher: Callable[..., Any], baselines: GivenBaselines
    ) -> tuple[Tensor, Tensor]:
        """Features of the steps (tokens, bin · direction · state), and the teacher's scores."""
        inputs, arguments, lengths = batch
        target = next(iter(self.targets.values()))
        run = self.method._run(inputs, target, arguments, lengths, baselines)
        check_begun(run, type(self.method).__name__)
        with torch.no_grad():
            steps = [top_steps(r.layer, r, with_cells=self.with_cells) for r in run.records]
            features = in_bins(of_tokens(steps, run), self._token_bins(run), self.bins)
        scores = [
            taught_scores(teacher(inputs, target=target, additional_forward_args=arguments), run)
            for target in self.targets.values()
        ]
        return features, torch.stack(scores, 1)

    def _token_bins(self, run: Run) -> Tensor:
        """The bins of all tokens (tokens, direction)."""
        return of_tokens([step_bins(r, self.bins) for r in run.records], run)


def _check_padding_is_told(run: Run, adjoints: list[Tensor], *, batch_first: bool) -> None:
    """Raises ValueError if texts seem to end in padding that is read by nothing, and no lengths."""
    axis = 1 if batch_first else 0
    if not any(ends_in_padding(tensor, axis) for tensor in run.inputs):
        return
    for record, adjoint in zip(run.records, adjoints, strict=True):
        unread = (adjoint == 0).flatten(2).all(2)
        ends = unread.flip(1).int().cumprod(1).sum(1)
        rows = ((ends > 0) & (ends < unread.shape[1])).nonzero().flatten()
        if record.path.lengths is None and len(rows):
            row = int(rows[0])
            raise ValueError(
                f"the model reads nothing of the last {int(ends[row])} step(s) of row "
                f"{int(record.rows[row])}, which seem to be padding and would be learnt from; pass "
                "lengths: Batch(inputs, arguments, lengths)"
            )
