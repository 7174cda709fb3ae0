"""What a run of a model begins with beside its inputs, for further runs to begin with the same."""

import contextlib
from collections.abc import Iterator

import torch
from torch import Tensor

from captum_rnn.states.modes import Kept, tensors_kept


class SameStart:
    """The random numbers that one run draws, from here on to `end`, and what the model keeps.

    Args:
        device: Where the model runs.
        model: The model, if it is to keep the same in further runs; None: there will be none.
    """

    def __init__(self, device: torch.device, model: object = None) -> None:
        self._devices = [device] if device.type == "cuda" else []
        self._before, self._drew = self._states(), False
        self._model, self._kept = model, None if model is None else Kept(model)

    def end(self) -> None:
        """The run is over."""
        pairs = zip(self._before, self._states(), strict=True)
        self._drew = any(not torch.equal(before, now) for before, now in pairs)

    @contextlib.contextmanager
    def again(self) -> Iterator[None]:
        """Another run inside it begins with the same, and leaves everything as it was."""
        with contextlib.ExitStack() as same:
            if self._kept is not None:
                same.enter_context(tensors_kept(self._model))
                self._kept.put_back()
            if self._drew:
                same.enter_context(torch.random.fork_rng(self._devices))
                on_cpu, *on_devices = self._before
                torch.set_rng_state(on_cpu)
                for device, state in zip(self._devices, on_devices, strict=True):
                    torch.cuda.set_rng_state(state, device)
            yield

    def _states(self) -> list[Tensor]:
        on_devices = [torch.cuda.get_rng_state(device) for device in self._devices]
        return [torch.get_rng_state(), *on_devices]
