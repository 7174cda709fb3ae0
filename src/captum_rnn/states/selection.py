"""Which states of a recurrent layer are looked at: which kind, which level, which direction."""

import numbers
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, get_args

import torch
from torch import nn

from captum_rnn.states.hooks import LayerCall
from captum_rnn.states.layers import form_of
from captum_rnn.states.recovery import unstack
from captum_rnn.states.trajectory import Trajectory

StateKind: TypeAlias = Literal["hidden", "cell"]
Direction: TypeAlias = Literal["both", "forward", "backward"]


@dataclass(frozen=True)
class StateSelection:
    """The states of a recurrent layer that a method looks at.

    Attributes:
        state: ``"hidden"``, or ``"cell"`` of an LSTM.
        layer_index: The level, 0 the lowest, negative from the top.
        direction: ``"both"``, or one direction alone.

    Raises:
        ValueError: An unknown state or direction.
        TypeError: A level that is no integer.
    """

    state: StateKind = "hidden"
    layer_index: int = -1
    direction: Direction = "both"

    def __post_init__(self) -> None:
        for name, known in (("state", StateKind), ("direction", Direction)):
            given = getattr(self, name)
            if given not in get_args(known):
                expected = ", ".join(map(repr, get_args(known)))
                raise ValueError(f"{name} is {given!r}; expected one of {expected}")
        level = self.layer_index
        if isinstance(level, bool) or not isinstance(level, numbers.Integral):
            raise TypeError(
                f"layer_index is of type {type(level).__name__}; expected an int, 0 the lowest "
                "level and -1 the top one"
            )

    def check_fits(self, layer: nn.Module) -> None:
        """Raises ValueError if the layer has no such state, level or direction."""
        form, kind = form_of(layer), type(layer).__name__
        levels = form.levels
        if not -levels <= self.layer_index < levels:
            raise ValueError(
                f"layer_index is {self.layer_index}, but the {kind} has {levels} level(s); "
                f"expected {-levels} to {levels - 1}"
            )
        if self.state == "cell" and not form.has_cells:
            raise ValueError(
                f'state is "cell", but the layer is a {kind}, which has no cell state; use '
                'state="hidden" or the LSTM of the model'
            )
        if self.direction == "backward" and form.directions == 1:
            raise ValueError(
                f'direction is "backward", but the {kind} reads forward only; use direction="both" '
                "or a layer with bidirectional=True"
            )

    def of(self, layer: nn.Module, call: LayerCall, top: Trajectory) -> Trajectory:
        """The selected states of a call.

        The top level's hidden states are those of `top`. All others are recovered, by running the
        levels below the top alone and recomputing the gates.

        Args:
            layer: The layer that was called.
            call: The recorded call.
            top: The trajectory of its top level.

        Raises:
            ValueError: The layer has no such states, or `captum_rnn.states.unstack` cannot recover
                them.
        """
        self.check_fits(layer)
        levels = form_of(layer).levels
        paths = top.directions
        if self.state == "cell" or self.layer_index % levels != levels - 1:
            device = paths[0].outputs.device.type
            with torch.no_grad(), torch.autocast(device, enabled=False):
                stack = unstack(layer, call)
                paths = tuple(
                    stack.path(self.layer_index, direction, cells=self.state == "cell")
                    for direction in range(len(paths))
                )
        if self.direction != "both":
            paths = paths[:1] if self.direction == "forward" else paths[1:]
        return replace(top, directions=paths)
