"""Whether recomputed states are the recorded ones, at every step."""

from dataclasses import dataclass

import torch
from torch import Tensor

from captum_rnn.functional.cells.scan import blocks


class StepsDifferError(ValueError):
    """The steps of a layer are not those that its weights make."""


@dataclass(frozen=True)
class Proof:
    """Holds recomputed states of one direction against the recorded ones.

    Attributes:
        where: Where the recomputed states come from, for the error.
        rounding: The relative rounding error of the arithmetic that the layer ran in.
        ends: Number of steps of each row (batch,); None: all rows are full.
        backward: Whether the direction reads the text from its end.
        remedy: What to do about a difference, for the error.
    """

    where: str
    rounding: float
    ends: Tensor | None = None
    backward: bool = False
    remedy: str = ""

    @property
    def tolerance(self) -> float:
        """The largest relative difference that rounding explains.

        4e-10 for float64, 7e-5 for float32, 0.02 for TF32 and half precision, 0.05 for bfloat16;
        at least ten times what the longest sums differ by.
        """
        return float(self.rounding**0.6)

    def check(self, made: Tensor, states: Tensor) -> None:
        """Compares all steps; NaN agrees with everything, and stays in its row.

        Args:
            made: The state after each step (time, batch, state), in the order of reading.
            states: The recorded ones (time + 1, batch, state), the initial one first.

        Raises:
            StepsDifferError: Some step differs; the first one and its difference are named.
        """
        if self.rounding < 1e-6 and _largest_apart(made, states[1:]) <= 8 * self.rounding:
            return  # what follows takes longer, and is for states that are faint or differ
        norms = torch.linalg.vector_norm(states, dim=-1)
        sizes = norms[1:] + norms[:-1]
        apart = torch.linalg.vector_norm(made - states[1:], dim=-1)
        differs = apart > self._explained(sizes, norms.nan_to_num(0, 0).amax(0))
        if self.ends is not None:
            differs &= torch.arange(len(made), device=made.device).unsqueeze(1) < self.ends
        if differs.any():
            step = int(differs.any(1).int().argmax())
            row = int(differs[step].int().argmax())
            end = len(made) if self.ends is None else int(self.ends[row])
            share = float(apart[step, row] / sizes[step, row])
            raise StepsDifferError(
                f"step {end - 1 - step if self.backward else step} of row {row} in {self.where} "
                f"differs by {share:.2g} of the recorded state's size, where rounding explains "
                f"{self.tolerance:.0e}{self.remedy}"
            )

    def _explained(self, sizes: Tensor, largest: Tensor) -> Tensor:
        """The largest difference that rounding explains.

        A faint state is what is left of larger ones, and of gates of about 1: it is as far off as
        they are rounded.
        """
        return (self.tolerance * sizes).maximum(self.rounding * largest.clamp(min=1))

    def check_end(self, made: Tensor, seen: Tensor) -> None:
        """Compares the last states of all rows (batch, state) with those that were returned."""
        apart = torch.linalg.vector_norm(made - seen, dim=-1)
        sizes = torch.linalg.vector_norm(made, dim=-1) + torch.linalg.vector_norm(seen, dim=-1)
        differs = apart > self._explained(sizes, sizes)
        if differs.any():
            row = int(differs.int().argmax())
            raise StepsDifferError(
                f"the last state of row {row} in {self.where} differs by "
                f"{float(apart[row] / sizes[row]):.2g} of its size from the one that the layer "
                f"returned, where rounding explains {self.tolerance:.0e}{self.remedy}"
            )


def _largest_apart(made: Tensor, states: Tensor) -> float:
    """The largest difference of two paths; NaN if there is one."""
    parts = [(made[p] - states[p]).abs_().amax() for p in blocks(*made.shape[:2])]
    return float(torch.stack(parts).amax())
