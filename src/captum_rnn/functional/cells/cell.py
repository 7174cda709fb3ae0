"""What the kinds of recurrent cell have in common.

All tensors are time-first here, in the order in which a direction reads: (time, batch, ...). With
the input and the previous state of every step known, the gates of all steps are one matrix product.
"""

from abc import ABC, abstractmethod
from typing import ClassVar, Generic, TypeVar

import torch
from torch import Tensor

from captum_rnn.functional.cells.rules import TANGENT, Rule
from captum_rnn.functional.cells.scan import Multipliers, ReverseScan, Slopes, blocks, through_steps
from captum_rnn.functional.cells.weights import CellWeights

Steps = TypeVar("Steps")


class Cell(ABC, Generic[Steps]):
    """A recurrent cell with its weights; `README.md` beside this file says what a kind declares.

    Args:
        weights: The weights.

    Attributes:
        has_slopes: Whether it is known what happens inside a step.
    """

    has_slopes: ClassVar[bool] = True

    def __init__(self, weights: CellWeights) -> None:
        self.weights = weights

    @abstractmethod
    def steps(
        self, inputs: Tensor, states: Tensor, initial_cell: Tensor | None, rule: Rule = TANGENT
    ) -> Steps:
        """Recomputes what happened inside each step, as far as a rule looks at it.

        Args:
            inputs: (time, batch, features).
            states: (time + 1, batch, state), the initial one first.
            initial_cell: (batch, hidden) of an LSTM; None: zeros.
            rule: The rule.
        """

    @abstractmethod
    def slopes(self, steps: Steps, base: Steps | None, part: slice, rule: Rule) -> Slopes:
        """What stands for the derivatives inside some steps.

        Args:
            steps: From `steps`, for the same rule.
            base: The same of the baseline, with a batch of 1 or as many rows; None without one.
            part: The steps.
            rule: The rule.
        """

    @abstractmethod
    def slot_weights(self, rule: Rule) -> tuple[Tensor, Tensor]:
        """The weights (slots · hidden, features) and (slots · hidden, state) of the slots.

        Those that `Slopes.inputs` and `Slopes.hidden` name, in their order.
        """

    @abstractmethod
    def made(self, steps: Steps) -> Tensor | None:
        """The state after each step (time, batch, state) as the recomputed step makes it.

        None: it was not recomputed, as a rule could do without.
        """

    @abstractmethod
    def after(
        self, inputs: Tensor, previous: Tensor, previous_cells: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        """State and cell state after one step from each previous state, all steps at once.

        Args:
            inputs: (time, batch, features), or what broadcasts to it.
            previous: (time, batch, state).
            previous_cells: (time, batch, hidden) of an LSTM; None: zeros.
        """

    def walk(self, inputs: Tensor, state: Tensor, cell: Tensor | None) -> Tensor:
        """The states (time + 1, batch, state) of a run of its own, the initial one first.

        Args:
            inputs: (time, batch, features).
            state: (batch, state).
            cell: (batch, hidden) of an LSTM; None for the other kinds.
        """
        states = [state]
        for token in inputs:
            state, cell = self.after(token, state, cell)
            states.append(state)
        return torch.stack(states)

    def instead(
        self, reference: Tensor, inputs: Tensor, states: Tensor, initial_cell: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        """State and cell state that reference inputs would have made of each previous state.

        Args:
            reference: (time, batch, features), or what broadcasts to it.
            inputs: (time, batch, features).
            states: (time + 1, batch, state), the initial one first.
            initial_cell: (batch, hidden) of an LSTM; None: zeros.
        """
        return self.after(reference, states[:-1], None)

    def multipliers(
        self,
        steps: Steps,
        read: Tensor,
        read_cells: Tensor | None,
        *,
        rule: Rule = TANGENT,
        base: Steps | None = None,
        of_inputs: bool = True,
    ) -> Multipliers:
        """Walks back through the steps by a rule.

        Args:
            steps: From `steps`, for the same rule.
            read: Direct derivative with respect to each state (time, batch, state): what the
                classifier and the next layer read of it.
            read_cells: The same for the cell states of an LSTM; None: nothing reads them.
            rule: The rule.
            base: The steps of the baseline, where the rule compares with one.
            of_inputs: Whether the multipliers of the inputs are asked for.
        """
        input_weights, hidden_weights = self.slot_weights(rule)
        states = with_initial(read)
        cells = self._read_of_cells(steps, read, read_cells, rule)
        scan = ReverseScan(hidden_weights, self.weights.projection, states, cells)
        time, batch = read.shape[:2]
        inputs = read.new_empty(time, batch, input_weights.shape[1]) if of_inputs else None
        for part in reversed(blocks(time, batch)):
            slopes = self.slopes(steps, base, part, rule)
            scan.back(part.start, slopes)
            if inputs is not None:
                found = slopes.slots[:, :, slopes.inputs].flatten(2)
                torch.matmul(found, input_weights, out=inputs[part])
        return Multipliers(states, cells, inputs)

    @abstractmethod
    def steps_apart(self, inputs: Tensor, states: Tensor, cells: Tensor | None) -> Steps:
        """What would have happened inside each step, from the recorded state before it.

        Args:
            inputs: What the steps would have read (time, batch, features).
            states: (time + 1, batch, state), as recorded.
            cells: Cell states of an LSTM (time + 1, batch, hidden), as recorded.
        """

    def through_steps(self, steps: Steps, states: Tensor, cells: Tensor | None) -> Tensor:
        """What the input of each step is worth by that step alone (time, batch, features).

        Args:
            steps: From `steps_apart`.
            states: What the state after each step is worth (time, batch, state).
            cells: The same of an LSTM's cell states, the state held fixed (time, batch, hidden).
        """
        input_weights, _ = self.slot_weights(TANGENT)
        found = states.new_empty(*states.shape[:2], input_weights.shape[1])
        for part in blocks(*states.shape[:2]):
            slopes = self.slopes(steps, None, part, TANGENT)
            of_cells = None if cells is None else cells[part]
            through_steps(slopes, self.weights.projection, states[part], of_cells)
            of_inputs = slopes.slots[:, :, slopes.inputs].flatten(2)
            torch.matmul(of_inputs, input_weights, out=found[part])
        return found

    def _read_of_cells(
        self, steps: Steps, read: Tensor, read_cells: Tensor | None, rule: Rule
    ) -> Tensor | None:
        """What is read of the carried quantity where it is not the state; None where it is."""
        return None


def with_initial(read: Tensor) -> Tensor:
    """What is read of the states (time + 1, batch, width): nothing of the initial one."""
    states = read.new_empty(len(read) + 1, *read.shape[1:])
    states[0] = 0
    states[1:] = read
    return states


def first_order(states: Tensor, others: Tensor, derivative: Tensor) -> Tensor:
    """What the change from other states (time, batch, state) changes of the value (time, batch).

    Args:
        states: The states.
        others: The others.
        derivative: The derivative of the value with respect to the states.
    """
    found = derivative.new_empty(derivative.shape[:2])
    for part in blocks(*derivative.shape[:2]):
        change = (states[part] - others[part]).mul_(derivative[part])
        torch.sum(change, 2, out=found[part])
    return found
