"""Adjoint delta: all of leave-one-out, to first order, for one backward scan."""

from collections.abc import Callable
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from captum_rnn.attr.inputs import check_reference
from captum_rnn.attr.recurrent import RecurrentAttribution
from captum_rnn.attr.run import Record, in_full_precision
from captum_rnn.functional.cells import first_order
from captum_rnn.states import LevelPass, Stack, unstack


class AdjointDeltaAttribution(RecurrentAttribution):
    r"""Scores each token by the change of the output, were its step skipped or taken otherwise.

    .. math:: \text{score}_t = \langle s_t - s_{t-1}, \lambda_t \rangle, \qquad
              \lambda_t = \frac{\mathrm{d} f_c}{\mathrm{d} s_t}

    The state s_t is the whole state after step t: h, for an LSTM also c, of every level and every
    direction. The adjoint λ_t is the total derivative of the explained output through all later
    steps. Skipping token t puts s_{t−1} where s_t stood, so the score is the first-order estimate
    of leave-one-out, for all tokens at once. With a reference token the step is compared with the
    one that the reference would have taken, ⟨s_t − cell(s_{t−1}, x_ref), λ_t⟩: an estimate of
    replacing the token.

    One forward pass and one reverse scan over recomputed gates, without autograd through the
    recurrence: it runs on a GPU in eval mode. It knows what later steps did to a token's effect,
    unlike the scores that look at the states alone. What the scores sum to is not known.

    Two things make skipping a coarser estimate of leave-one-out: a classifier that pools its
    outputs, where the output of a skipped step counts as the one before it, and stacked two-way
    layers, where what the lower level changes still passes the skipped step above.

    Args:
        forward_func: The model, or any function that runs it.
        layer: The `nn.RNN`, `nn.LSTM` or `nn.GRU` in it.
        device_ids: Kept for Captum's signature; the layer has to run on one device.
        counterfactual: ``"skip"``, or the reference token as the layer reads it (features,), e.g.
            `model.embedding.weight[unknown_id]`.
        batch_first: Whether dimension 0 of the inputs is the batch; False: it is the time.

    Raises:
        ValueError: An unknown counterfactual, or a tensor of another shape than (features,).
        TypeError: A counterfactual that is neither a string nor a tensor of numbers.

    Example:
        >>> from captum_rnn.attr.adjoint_delta import AdjointDeltaAttribution
        >>> class Classifier(nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.lstm = nn.LSTM(8, 16, batch_first=True)
        ...         self.head = nn.Linear(16, 2)
        ...     def forward(self, embedded):
        ...         return self.head(self.lstm(embedded)[0][:, -1])
        >>> model = Classifier()
        >>> adjoint = AdjointDeltaAttribution(model, model.lstm)
        >>> adjoint.attribute(torch.randn(2, 5, 8), target=1).sum(-1).shape
        torch.Size([2, 5])
    """

    _looks_at_class: ClassVar[bool] = True

    def __init__(
        self,
        forward_func: Callable[..., Any],
        layer: nn.Module | None = None,
        device_ids: list[int] | None = None,
        *,
        counterfactual: Literal["skip"] | Tensor = "skip",
        batch_first: bool = True,
    ) -> None:
        super().__init__(forward_func, layer, device_ids, batch_first=batch_first)
        if isinstance(counterfactual, str):
            if counterfactual != "skip":
                raise ValueError(
                    f'counterfactual is {counterfactual!r}; expected "skip" or a tensor (features,)'
                )
        else:
            check_reference(counterfactual, "counterfactual")
        self.counterfactual = counterfactual

    @in_full_precision
    def _score(self, layer: nn.RNNBase, record: Record) -> Tensor:
        assert record.gradient is not None
        stack = unstack(layer, record.call, record.gradient)
        if isinstance(self.counterfactual, str):
            instead = [[_skipped(passed) for passed in level] for level in stack.levels]
        else:
            check_reference(self.counterfactual, "counterfactual", layer.input_size)
            instead = stack.stepped_with(self.counterfactual)
        scores = adjoint_scores(stack, instead).t()
        return record.path.without_padding(scores)


def adjoint_scores(stack: Stack, instead: list[list[tuple[Tensor, Tensor | None]]]) -> Tensor:
    """First-order change of the output for each step, against another state after it.

    Args:
        stack: The levels of the layer.
        instead: For each level and direction, the states (time, batch, state) that stand instead of
            those after each step, and the cell states of an LSTM, in the order of reading.

    Returns:
        The changes (time, batch) in the order of the text.
    """
    scores: list[Tensor] = []
    read_above: Tensor | None = None
    for depth, level in reversed(list(enumerate(stack.levels))):
        of_inputs = []
        parts = [None] * len(level) if read_above is None else read_above.chunk(len(level), -1)
        for direction, (passed, (states, cells), above) in enumerate(
            zip(level, instead[depth], parts, strict=True)
        ):
            above = None if above is None else stack.reorder(above, direction)
            read = passed.read if above is None else passed.read + above
            adjoint = passed.cell.adjoint(passed.steps, read, passed.read_cells)
            # What the level above reads is counted there, where that level's own step is skipped.
            of_states = adjoint.states if above is None else adjoint.states - above
            change = first_order(passed.states[1:] - states, of_states)
            if cells is not None and adjoint.cells is not None:
                change = change + first_order(passed.steps.cells[1:] - cells, adjoint.cells)
            scores.append(stack.reorder(change, direction))
            if depth > 0:
                of_inputs.append(stack.reorder(passed.cell.of_inputs(adjoint), direction))
        read_above = torch.stack(of_inputs).sum(0) if of_inputs else None
    return torch.stack(scores).sum(0)


def _skipped(passed: LevelPass) -> tuple[Tensor, Tensor | None]:
    cells = passed.steps.cells[:-1] if passed.initial_cell is not None else None
    return passed.states[:-1], cells
