"""Which states of a recurrent module are looked at: their kind, stacked layer and direction."""

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
        layer_index: The stacked layer, 0 the lowest, negative from the top.
        direction: ``"both"``, or one direction alone.

    Raises:
        ValueError: An unknown state or direction.
        TypeError: A `layer_index` that is no integer.
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
        index = self.layer_index
        if isinstance(index, bool) or not isinstance(index, numbers.Integral):
            raise TypeError(
                f"layer_index is of type {type(index).__name__}; expected an int, 0 the lowest "
                "layer and -1 the top one"
            )

    def check_fits(self, layer: nn.Module) -> None:
        """Raises ValueError if the layer has no such state, stacked layer or direction."""
        form, kind = form_of(layer), type(layer).__name__
        number = form.num_layers
        if not -number <= self.layer_index < number:
            raise ValueError(
                f"layer_index is {self.layer_index}, but the {kind} has {number} layer(s); "
                f"expected {-number} to {number - 1}"
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

        The top layer's hidden states are those of `top`. All others are recovered, by running the
        layers below the top alone and recomputing the gates.

        Args:
            layer: The layer that was called.
            call: The recorded call.
            top: The trajectory of its top layer.

        Raises:
            ValueError: The layer has no such states, or `captum_rnn.states.unstack` cannot recover
                them.
        """
        self.check_fits(layer)
        number = form_of(layer).num_layers
        paths = top.directions
        if self.state == "cell" or self.layer_index % number != number - 1:
            device = paths[0].outputs.device.type
            with torch.no_grad(), torch.autocast(device, enabled=False):
                stack = unstack(layer, call)
                paths = tuple(
                    stack.path(self.layer_index, direction, cells=self.state == "cell")
                    for direction in range(len(paths))
                )
        if self.direction != "both":
            paths = paths[:1] if self.direction == "forward" else paths[1:]
        return top if paths is top.directions else replace(top, directions=paths)
