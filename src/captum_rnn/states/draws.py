"""The random numbers that a model draws, as in dropout, drawn again in further runs of it."""

import contextlib
from collections.abc import Iterator

import torch
from torch import Tensor


class Draws:
    """What one run of a model draws, from here on to `end`.

    Args:
        device: Where the model runs.
    """

    def __init__(self, device: torch.device) -> None:
        self._devices = [device] if device.type == "cuda" else []
        self._before, self._drew = self._states(), False

    def end(self) -> None:
        """The run is over."""
        pairs = zip(self._before, self._states(), strict=True)
        self._drew = any(not torch.equal(before, now) for before, now in pairs)

    @contextlib.contextmanager
    def again(self) -> Iterator[None]:
        """Another run inside it draws the same, and leaves the random state as it was."""
        if not self._drew:
            yield
            return
        with torch.random.fork_rng(self._devices):
            on_cpu, *on_devices = self._before
            torch.set_rng_state(on_cpu)
            for device, state in zip(self._devices, on_devices, strict=True):
                torch.cuda.set_rng_state(state, device)
            yield

    def _states(self) -> list[Tensor]:
        on_devices = [torch.cuda.get_rng_state(device) for device in self._devices]
        return [torch.get_rng_state(), *on_devices]
