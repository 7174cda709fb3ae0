"""The one reverse scan that every kind of cell and every rule goes through.

A cell has a carried quantity: the cell state of an LSTM, the state of the other kinds. A step makes
it of its previous value and of gates; `Slopes` says how, in the words of a rule.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

# Steps times batch for which the slopes of an LSTM of 128 units stay in a core's cache.
_ROWS_IN_CACHE = 1024


class Multipliers(NamedTuple):
    """What stands for the total derivatives of the explained value, through all later steps.

    Attributes:
        states: With respect to the states (time + 1, batch, state), the initial one first; what is
            read of a state at its own step is included.
        cells: The same for an LSTM's cell states (time + 1, batch, hidden), with the state held
            fixed; None for the other kinds.
        inputs: With respect to what each step reads (time, batch, features); None if not asked for.
    """

    states: Tensor
    cells: Tensor | None
    inputs: Tensor | None


@dataclass(frozen=True)
class Slopes:
    """What stands for the derivatives inside some steps.

    The sums that the gates' nonlinearities are applied to have a slot each in `slots` (time, batch,
    slots, hidden): what stands for the derivative of the carried quantity with respect to that sum.
    The scan turns the slots into multipliers, in place.

    Attributes:
        slots: See above.
        hidden: Those slots, in a row, that the previous state is added to.
        inputs: Those that the input is added to.
        output: Whether the last slot is the output gate's, which the state depends on and the
            carried quantity does not.
        kept: Of the carried quantity with respect to its previous value (time, batch, hidden);
            None: nothing is kept.
        opened: Of the state, before a projection, with respect to the carried quantity; None: the
            state is the carried quantity.
        projected: The share of each unit of a projected state that goes to the projection's terms
            (time, batch, state); None: all.
    """

    slots: Tensor
    hidden: slice
    inputs: slice
    output: bool = False
    kept: Tensor | None = None
    opened: Tensor | None = None
    projected: Tensor | None = None


def blocks(time: int, batch: int) -> list[slice]:
    """Runs of steps whose slopes fit into the cache together.

    Example:
        >>> blocks(5, 512)
        [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    size = max(1, _ROWS_IN_CACHE // batch)
    return [slice(start, min(start + size, time)) for start in range(0, time, size)]


class ReverseScan:
    """Walks back through the steps, with one matrix product each; two where states are projected.

    Nothing in it waits for the device.

    Args:
        hidden: The weights of the hidden slots for the previous state (slots · hidden, state).
        projection: (state, hidden) of an LSTM with a projected state, or None.
        states: Multipliers of the states (time + 1, batch, state), filled with what is read of
            each; the scan adds what later steps make of it.
        cells: The same of an LSTM's cell states, or None.
    """

    def __init__(
        self, hidden: Tensor, projection: Tensor | None, states: Tensor, cells: Tensor | None
    ) -> None:
        self._hidden, self._projection = hidden, projection
        # Views of all steps at once: taking them one by one costs as much as the arithmetic.
        self._states = states.unbind()
        self._cells = None if cells is None else cells.unbind()

    def back(self, first: int, slopes: Slopes) -> None:
        """Continues through the steps from `first` on, whose later steps were walked already."""
        states, cells, projection = self._states, self._cells, self._projection
        carried_before = states if cells is None else cells
        gates = slopes.slots[:, :, :-1] if slopes.output else slopes.slots
        of_gates, of_hidden = gates.unbind(), slopes.slots[:, :, slopes.hidden].flatten(2).unbind()
        of_output = slopes.slots[:, :, -1].unbind() if slopes.output else None
        kept, opened = _unbound(slopes.kept), _unbound(slopes.opened)
        projected = _unbound(slopes.projected)
        for step in reversed(range(len(of_gates))):
            before = first + step
            carried = through = states[before + 1]
            if projection is not None:
                through = through if projected is None else through * projected[step]
                carried = through = through @ projection
            if cells is not None and opened is not None:
                carried = torch.addcmul(cells[before + 1], through, opened[step])
            of_gates[step].mul_(carried.unsqueeze(1))
            if of_output is not None:
                of_output[step].mul_(through)
            states[before].addmm_(of_hidden[step], self._hidden)
            if kept is not None:
                carried_before[before].addcmul_(kept[step], carried)


def _unbound(values: Tensor | None) -> tuple[Tensor, ...] | None:
    return None if values is None else values.unbind()


def through_steps(
    slopes: Slopes, projection: Tensor | None, states: Tensor, cells: Tensor | None
) -> None:
    """Turns the slots into multipliers of each step on its own, not of later ones.

    Args:
        slopes: Of some steps.
        projection: As for `ReverseScan`.
        states: What the states after each step are worth (time, batch, state).
        cells: The same of the cell states, the states held fixed; None: they are worth nothing.
    """
    through = states if projection is None else states @ projection
    carried = through
    if slopes.opened is not None:
        carried = through * slopes.opened
        carried = carried if cells is None else carried.add_(cells)
    gates = slopes.slots[:, :, :-1] if slopes.output else slopes.slots
    gates.mul_(carried.unsqueeze(2))
    if slopes.output:
        slopes.slots[:, :, -1].mul_(through)
