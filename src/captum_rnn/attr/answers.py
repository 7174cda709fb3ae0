"""A model with many predictions for each row: which are explained, and what each of them reads."""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import torch
from torch import Tensor

from captum_rnn.attr.records import Run
from captum_rnn.states.graph import Weighted
from captum_rnn.states.recording import ReadGradient
from captum_rnn.states.trajectory import read_gradients

Chosen: TypeAlias = slice | Sequence[int] | None


class Answers:
    """Runs a model, and adds up those of its predictions for each row that are explained.

    Args:
        forward_func: Answers with (batch, predictions), or (batch, predictions, ...) and a target.
        target: The class: of all predictions an int, or a tuple of one index for each further
            axis; integers (batch,) of each row, or (batch, predictions) of each prediction.
        chosen: The predictions that are explained; None: all.
        batch_first: Whether dimension 0 of its inputs is the batch.

    Attributes:
        predictions: The explained predictions (batch, number) of the last run, as part of its
            graph.
        numbers: The numbers of these predictions, ascending, or descending after a `turn`.
        order: Which of them each of the chosen ones is (chosen,).
        total: How many predictions the model makes.
    """

    def __init__(
        self,
        forward_func: Callable[..., Any],
        target: Any,
        chosen: Chosen,
        *,
        batch_first: bool,
    ) -> None:
        self._forward_func, self._chosen = forward_func, chosen
        self._target = torch.tensor(target) if isinstance(target, list) else target
        self._batch_axis = 0 if batch_first else 1

    def __call__(self, *args: Any) -> Tensor:
        """The sum of the predictions of each row (batch,)."""
        batch, output = args[0].shape[self._batch_axis], self._forward_func(*args)
        shape = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
        if not isinstance(output, Tensor) or output.dim() < 2 or len(output) != batch:
            raise ValueError(
                f"the model's output is {shape}; expected (batch, predictions) or (batch, "
                f"predictions, classes) of {batch} rows, one prediction for each step or "
                "horizon; for one output a row, use attribute"
            )
        self.total = output.shape[1]
        every = self._selected(output)
        self.numbers, self.order = self._numbers(every.device)
        self.predictions = every.index_select(1, self.numbers)
        return self.predictions.sum(1)

    def target_of(self, number: int) -> Any:
        """The class of one of the explained predictions, as `attribute` takes it."""
        target = self._target
        if isinstance(target, Tensor) and target.dim() == 2:
            return target[:, int(self.numbers[number])]
        return target

    def turn(self) -> None:
        """Puts the last explained prediction first, as of steps that read the last token first."""
        self.numbers, self.predictions = self.numbers.flip(0), self.predictions.flip(1)
        self.order = len(self.numbers) - 1 - self.order

    def _selected(self, output: Tensor) -> Tensor:
        """The explained class of each prediction (batch, predictions)."""
        target, (batch, total) = self._target, output.shape[:2]
        if target is None or output.dim() == 2:
            if output.numel() == batch * total and target is None:
                return output.reshape(batch, total)
            raise ValueError(
                f"the model's output is {tuple(output.shape)}, and target is {target!r}; expected "
                "a target for the axes after (batch, predictions), and for no others"
            )
        if isinstance(target, Tensor) and target.numel() > 1:
            return self._of_each(output, target)
        indices = target if isinstance(target, tuple) else (int(target),)
        if len(indices) != output.dim() - 2:
            raise _unfit(target, output)
        try:
            return output[(slice(None), slice(None), *indices)]
        except IndexError as error:
            raise _unfit(target, output) from error

    def _of_each(self, output: Tensor, target: Tensor) -> Tensor:
        batch, total = output.shape[:2]
        if output.dim() != 3 or target.shape not in ((batch,), (batch, total)):
            raise ValueError(
                f"target has shape {tuple(target.shape)} for the model's output of shape "
                f"{tuple(output.shape)}; expected a class, or classes ({batch},) or "
                f"({batch}, {total})"
            )
        classes = (target if target.dim() == 2 else target.unsqueeze(1)).to(output.device)
        if int(classes.min()) < 0 or int(classes.max()) >= output.shape[2]:
            raise _unfit(target, output)
        return output.gather(2, classes.expand(batch, total).unsqueeze(2)).squeeze(2)

    def _numbers(self, device: torch.device) -> tuple[Tensor, Tensor]:
        every = torch.arange(self.total, device=device)
        chosen = self._chosen
        try:
            found = every[chosen if chosen is None or isinstance(chosen, slice) else list(chosen)]
        except IndexError as error:
            raise ValueError(
                f"predictions is {chosen!r}; expected numbers from {-self.total} to "
                f"{self.total - 1}, as the model makes {self.total} predictions"
            ) from error
        found = found.reshape(-1)
        if not len(found):
            raise ValueError(f"predictions is {chosen!r}, which chooses none of {self.total}")
        numbers, order = torch.unique(found, return_inverse=True)
        return numbers, order


def _weighted(run: Run, answers: Answers, weights: Tensor) -> list[ReadGradient]:
    """The derivatives of a weighted sum of the predictions, for each record."""
    assert run.graph is not None
    of_calls, _ = run.graph.gradients(Weighted([answers.predictions], [weights]))
    return [joined.read(of_calls) for joined in run.joined]


def gradient_of(run: Run, answers: Answers, index: int, number: int) -> ReadGradient:
    """The derivatives of one prediction with respect to what is read of one record."""
    weights = torch.zeros_like(answers.predictions)
    weights[:, number] = 1
    return _weighted(run, answers, weights)[index]


def own_steps(run: Run, answers: Answers) -> Tensor | None:
    """The step that each prediction reads, if each reads the output of a step of its own alone.

    The steps ascend: where a later prediction reads an earlier step, the predictions are turned.
    They are weighted with different powers of two: then the derivatives at each step are those of
    the unweighted sum times the weight of its prediction, without any rounding.
    """
    record = run.records[0]
    rows = torch.arange(len(answers.predictions), device=record.rows.device)
    if len(run.records) > 1 or not torch.equal(record.rows, rows):
        return None
    weights = _powers_of_two(answers.predictions)
    of_all, of_weighted = record.gradient, _weighted(run, answers, weights)[0]
    assert of_all is not None
    if of_all.output is None or any(of_final is not None for of_final in of_all.final):
        return None
    outputs, weighted = (
        torch.cat([part.outputs for part in reads if part.outputs is not None], 2)
        for reads in (
            read_gradients(record.layer, record.call, gradient)
            for gradient in (of_all, of_weighted)
        )
    )
    time = outputs.shape[1]
    for first in (0, time - answers.total):
        for is_turned in (False, True):
            steps = answers.numbers + first
            if is_turned:
                steps = time - 1 - steps
            if int(steps.amin()) < 0 or int(steps.amax()) >= time:
                continue
            factors = outputs.new_zeros(outputs.shape[:2])
            factors[:, steps] = weights.to(factors)
            if torch.equal(weighted, outputs * factors.unsqueeze(2)):
                if is_turned:
                    answers.turn()
                return steps.sort().values
    return None


def _powers_of_two(like: Tensor) -> Tensor:
    """Weights (rows, predictions), no two of nine or fewer alike, and each far from the others.

    Several predictions of one step, such as the 1-, 2- and 3-fold of one number, then add up to no
    multiple of one of them. Half precision has no room for that.
    """
    draw = torch.Generator().manual_seed(0)
    rows, number = like.shape
    ranks = torch.rand(rows, number, generator=draw).argsort(1)
    apart = 5 if torch.finfo(like.dtype).max > 2.0**40 else 1
    return torch.pow(2.0, apart * (ranks % 9 - 4)).to(like)


def _unfit(target: Any, output: Tensor) -> ValueError:
    ranges = " and ".join(f"0 to {size - 1}" for size in output.shape[2:])
    return ValueError(
        f"target {target} does not fit the model's output (batch, predictions, classes) of shape "
        f"{tuple(output.shape)}; expected classes from {ranges}"
    )
