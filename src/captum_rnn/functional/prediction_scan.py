"""The adjoints of many predictions, walked back together through a recurrent layer.

A prediction is one number of a row; a model that answers after every step, or for several horizons,
makes many. What a step does to them is the same linear map for all, so that it is made once and
applied to all adjoints by one matrix product.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from captum_rnn.functional.cells import TANGENT
from captum_rnn.functional.cells.scan import Slopes, blocks
from captum_rnn.functional.features import midpoint_steps
from captum_rnn.functional.prediction_reads import Reads
from captum_rnn.functional.propagation import Ends
from captum_rnn.functional.stack import LayerPass, Stack

# Numbers in the maps of a step that are made at once, so that they stay in a core's cache.
_MAPS_IN_CACHE = 1 << 19


def adjoint_matrix(
    stack: Stack, changed: Sequence[Sequence[Ends]], reads: Sequence[Sequence[Reads]], number: int
) -> Tensor:
    r"""First-order change of each prediction for each step, against other states after it.

    .. math:: \langle s_t - s'_t, \mathrm{d} f_p / \mathrm{d} s_t \rangle

    A row of it is `captum_rnn.functional.propagation.adjoint_scores` of one prediction.

    Args:
        stack: The stacked layers.
        changed: s − s' of each layer and direction, from `differences`.
        reads: What the predictions read of each layer and direction.
        number: How many predictions there are.

    Returns:
        The changes (batch, prediction, time, alternatives), with time in the order of the text.
    """
    total: Tensor | None = None
    above: list[Tensor] | None = None
    for index, layer in reversed(list(enumerate(stack.layers))):
        walks = []
        for direction, passed in enumerate(layer):
            walk = _Walk(passed, number, reads[index][direction], changed=changed[index][direction])
            changes = walk.back(None if above is None else above[direction], of_inputs=index > 0)
            changes = stack.reorder(changes, direction)
            total = changes if total is None else total.add_(changes)
            walks.append(walk.of_inputs)
        above = _handed_down(stack, index, walks)
    assert total is not None
    return total.permute(1, 2, 0, 3)


def feature_matrix(
    stack: Stack, reference: Tensor, reads: Sequence[Sequence[Reads]], number: int
) -> Tensor:
    """The share of each feature in the change of each prediction by each step.

    A row of it is `captum_rnn.functional.features.feature_changes` of one prediction.

    Args:
        stack: The stacked layers.
        reference: What stands instead of the input of each step; see `Stack.stepped_with`.
        reads: What the predictions read of each layer and direction.
        number: How many predictions there are.

    Returns:
        Scores (batch, prediction, time, features), with time in the order of the text.
    """
    differences = stack.inputs - reference.to(stack.inputs)
    worth = feature_multiplier_matrix(stack, reference, reads, number)
    return worth.mul_(differences.transpose(0, 1).unsqueeze(1))


def feature_multiplier_matrix(
    stack: Stack, reference: Tensor, reads: Sequence[Sequence[Reads]], number: int
) -> Tensor:
    """The derivatives at the midpoint alone, for each prediction; see `feature_matrix`."""
    halfway = midpoint_steps(stack, reference)
    above: list[Tensor] | None = None
    apart_above: list[Tensor] | None = None
    found: list[Tensor | None] = []
    for index, layer in reversed(list(enumerate(stack.layers))):
        walks, found = [], []
        for direction, passed in enumerate(layer):
            walk = _Walk(passed, number, reads[index][direction], apart=halfway[index][direction])
            found.append(
                walk.back(
                    None if above is None else above[direction],
                    None if apart_above is None else apart_above[direction],
                    of_inputs=index > 0,
                )
            )
            walks.append(walk.of_inputs)
        above, apart_above = (_handed_down(stack, index, each) for each in (walks, found))
    return _in_order(stack, found).permute(1, 2, 0, 3)


def differences(stack: Stack, alternatives: Sequence[Sequence[Sequence[Ends]]]) -> list[list[Ends]]:
    """The states of each layer and direction, minus alternatives to them.

    Args:
        stack: The stacked layers.
        alternatives: For each alternative, layer and direction, the states after each step (time,
            batch, state), and the cell states of an LSTM.

    Returns:
        Differences (time, batch, state, alternatives), and of cell states.
    """
    found: list[list[Ends]] = []
    for index, layer in enumerate(stack.layers):
        found.append([])
        for direction, passed in enumerate(layer):
            each = [others[index][direction] for others in alternatives]
            states = torch.stack([passed.states[1:] - states for states, _ in each], 3)
            cells = [passed.steps.cells[1:] - cells for _, cells in each if cells is not None]
            found[-1].append((states, torch.stack(cells, 3) if cells else None))
    return found


def _handed_down(
    stack: Stack, index: int, of_inputs: Sequence[Tensor | None]
) -> list[Tensor] | None:
    """What the directions below read, of multipliers of a layer's inputs; None at the lowest."""
    if index == 0:
        return None
    parts = _in_order(stack, of_inputs).chunk(len(stack.layers[index - 1]), -1)
    return [stack.reorder(part, direction) for direction, part in enumerate(parts)]


def _in_order(stack: Stack, of_directions: Sequence[Tensor | None]) -> Tensor:
    """The sum over the directions, in the order of the text."""
    parts = [stack.reorder(t, d) for d, t in enumerate(of_directions) if t is not None]
    return parts[0] if len(parts) == 1 else torch.stack(parts).sum(0)


@dataclass
class _Walk:
    """The walk back through one direction of a layer.

    Attributes:
        passed: The direction.
        number: How many predictions there are.
        reads: What the predictions read of it.
        changed: Scores are the changes by differences of its states and cell states.
        apart: Scores are the multipliers of the inputs of such steps, each on its own.
        of_inputs: Multipliers of its inputs (time, batch, predictions, features), if asked for.
    """

    passed: LayerPass
    number: int
    reads: Reads
    changed: Ends | None = None
    apart: Any = None
    of_inputs: Tensor | None = None

    def back(
        self, above: Tensor | None, apart_above: Tensor | None = None, *, of_inputs: bool
    ) -> Tensor:
        """Scores (time, batch, predictions, alternatives or features) of each step.

        Args:
            above: What the layer above reads of each state (time, batch, predictions, state).
            apart_above: What it would read of it in its steps apart.
            of_inputs: Whether the multipliers of the inputs are asked for.
        """
        cell, reads = self.passed.cell, self.reads
        time, batch, width = self.passed.read.shape
        into_inputs, into_states = cell.slot_weights(TANGENT)
        worth = self.passed.read.new_zeros(batch, self.number, width)
        worth_of_cells = None
        if self.passed.initial_cell is not None:
            worth_of_cells = worth.new_zeros(batch, self.number, self.passed.initial_cell.shape[1])
        if of_inputs:
            self.of_inputs = worth.new_zeros(time, batch, self.number, into_inputs.shape[1])
        columns = into_inputs.shape[1] if self.changed is None else self.changed[0].shape[3]
        scores = worth.new_zeros(time, batch, self.number, columns)
        for part in reversed(blocks(time, batch)):
            slopes = cell.slopes(self.passed.steps, None, part, TANGENT)
            to_states = _Maps(slopes, slopes.hidden, into_states, cell.weights.projection)
            to_inputs = apart = None
            if of_inputs:
                to_inputs = _Maps(slopes, slopes.inputs, into_inputs, cell.weights.projection)
            if self.changed is None:
                others = cell.slopes(self.apart, None, part, TANGENT)
                apart = _Maps(others, others.inputs, into_inputs, cell.weights.projection)
            for step in reversed(range(part.start, part.stop)):
                alive, here = reads.alive[step], step - part.start
                states = worth[:, alive]
                cells = None if worth_of_cells is None else worth_of_cells[:, alive]
                reads.states(states, step, alive)
                if cells is not None:
                    reads.cells(cells, step, alive)
                if apart is None:
                    scores[step][:, alive] = self._changes(step, states, cells)
                else:
                    more = 0 if apart_above is None else apart_above[step][:, alive]
                    scores[step][:, alive] = apart.times(states + more, cells, here)
                if above is not None:
                    states += above[step][:, alive]
                if to_inputs is not None and self.of_inputs is not None:
                    self.of_inputs[step][:, alive] = to_inputs.times(states, cells, here)
                to_states.replace(states, cells, here)
        return scores

    def _changes(self, step: int, states: Tensor, cells: Tensor | None) -> Tensor:
        """What differences of the states after a step change (batch, predictions, alternatives)."""
        assert self.changed is not None
        of_states, of_cells = self.changed
        found = _read_by(states, of_states[step])
        if cells is None or of_cells is None:
            return found
        return found + _read_by(cells, of_cells[step])


def _read_by(multipliers: Tensor, changes: Tensor) -> Tensor:
    """Their products (batch, predictions, alternatives), of one column without a matrix product."""
    if changes.shape[2] > 1:
        return torch.bmm(multipliers, changes)
    return torch.mul(multipliers, changes.mT).sum(2, keepdim=True)


class _Maps:
    """What steps do to multipliers by way of some slots, as one linear map for each row.

    Args:
        slopes: The steps.
        part: The slots.
        weights: Their weights (slots · hidden, features).
        projection: (state, hidden) of an LSTM with a projected state, or None.
    """

    def __init__(
        self, slopes: Slopes, part: slice, weights: Tensor, projection: Tensor | None
    ) -> None:
        self._slopes, self._projection = slopes, projection
        slots = slopes.slots[:, :, part]
        by_slot = weights.view(*slots.shape[2:], -1)
        gates = slots.shape[2] - 1 if slopes.output else slots.shape[2]
        # (time, hidden, batch, slots) and (hidden, slots, features): a row's map is their product.
        self._slots = slots[:, :, :gates].permute(0, 3, 1, 2).contiguous()
        self._weights = by_slot[:gates].transpose(0, 1).contiguous()
        self._output = (slots[:, :, gates], by_slot[gates]) if slopes.output else None
        self._rows_at_once = max(1, _MAPS_IN_CACHE // by_slot[0].numel())

    def times(self, states: Tensor, cells: Tensor | None, step: int) -> Tensor:
        """What comes through the slots (batch, predictions, features).

        Args:
            states: Multipliers of the state after a step (batch, predictions, state).
            cells: Those of an LSTM's cell state.
            step: The step.
        """
        return self._times(*self._carried(states, cells, step), step)

    def replace(self, states: Tensor, cells: Tensor | None, step: int) -> None:
        """Puts the multipliers before a step in place of those after it."""
        carried, shown = self._carried(states, cells, step)
        before = self._times(carried, shown, step)
        if self._slopes.kept is not None:
            kept = self._slopes.kept[step].unsqueeze(1)
            if cells is None:
                before.addcmul_(carried, kept)
            else:
                torch.mul(carried, kept, out=cells)
        states.copy_(before)

    def _carried(self, states: Tensor, cells: Tensor | None, step: int) -> tuple[Tensor, Tensor]:
        """Multipliers of the carried quantity, and of the state before a projection."""
        shown = states if self._projection is None else states @ self._projection
        if cells is None or self._slopes.opened is None:
            return shown, shown
        return torch.addcmul(cells, shown, self._slopes.opened[step].unsqueeze(1)), shown

    def _times(self, carried: Tensor, shown: Tensor, step: int) -> Tensor:
        """Through the gates by the maps; an LSTM's output gate, one slot, by its weights alone."""
        made = []
        for first in range(0, len(carried), self._rows_at_once):
            rows = slice(first, first + self._rows_at_once)
            maps = torch.bmm(self._slots[step, :, rows], self._weights).transpose(0, 1)
            made.append(torch.bmm(carried[rows], maps))
        found = made[0] if len(made) == 1 else torch.cat(made)
        if self._output is None:
            return found
        slots, weights = self._output
        shown = shown * slots[step].unsqueeze(1)
        return found.flatten(0, 1).addmm_(shown.flatten(0, 1), weights).view_as(found)
