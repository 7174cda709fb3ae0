"""The axes of the ablation, their options, and which of them a recurrent layer has."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, Literal, TypeAlias, get_args

from torch import nn

from captum_rnn.functional import Distance
from captum_rnn.states.selection import Direction, StateKind, StateSelection

Pooling: TypeAlias = Literal["final", "mean", "max"]
InitialState: TypeAlias = Literal["zeros", "neutral"]
Embedding: TypeAlias = Literal["trained", "l2"]


@dataclass(frozen=True)
class Cell:
    """One choice on every axis; the fields are the axes.

    Attributes:
        distance: As for `HiddenStateDeltaAttribution`, like the next five.
        readout: The state that the others are compared with.
        state: Hidden states, or the cell states of an LSTM.
        layer_index: Which of the stacked layers, -1 the top one.
        direction: Both directions together, or one alone.
        normalize: Whether the scores are divided by the distance of the zero state.
        initial_state: ``"zeros"``, or ``"neutral"``: the state after five neutral words.
        embedding: The word vectors as ``"trained"``, or ``"l2"``: all of the same length.
    """

    distance: Distance = "l2"
    readout: Pooling = "final"
    state: StateKind = "hidden"
    layer_index: int = -1
    direction: Direction = "both"
    normalize: bool = True
    initial_state: InitialState = "zeros"
    embedding: Embedding = "trained"

    @property
    def selection(self) -> StateSelection:
        """The states that are looked at."""
        return StateSelection(self.state, self.layer_index, self.direction)


AXES: tuple[str, ...] = tuple(field.name for field in fields(Cell))


@dataclass(frozen=True)
class Grid:
    """The options of every axis; the first of each is what the others are compared with.

    Attributes:
        distance: See `Cell`, here and below.
        readout: See `Cell`.
        state: See `Cell`.
        layer_index: See `Cell`.
        direction: See `Cell`.
        normalize: See `Cell`.
        initial_state: See `Cell`.
        embedding: See `Cell`.

    Raises:
        ValueError: An axis without options, with one given twice, or with an unknown one.

    Example:
        >>> grid = Grid(distance=("l2", "cosine"), normalize=(True,), embedding=("trained",))
        >>> grid.shape, len(grid.cells)
        ((2, 1, 1, 1, 1, 1, 1, 1), 2)
    """

    distance: tuple[Distance, ...] = ("l2",)
    readout: tuple[Pooling, ...] = ("final",)
    state: tuple[StateKind, ...] = ("hidden",)
    layer_index: tuple[int, ...] = (-1,)
    direction: tuple[Direction, ...] = ("both",)
    normalize: tuple[bool, ...] = (True,)
    initial_state: tuple[InitialState, ...] = ("zeros",)
    embedding: tuple[Embedding, ...] = ("trained",)

    def __post_init__(self) -> None:
        known: dict[str, Sequence[Any]] = {
            "distance": get_args(Distance),
            "readout": get_args(Pooling),
            "state": get_args(StateKind),
            "direction": get_args(Direction),
            "normalize": (True, False),
            "initial_state": get_args(InitialState),
            "embedding": get_args(Embedding),
        }
        for axis in AXES:
            options = self.options(axis)
            if not options or len(set(options)) < len(options):
                raise ValueError(
                    f"{axis} has the options {options!r}; expected one or more different ones"
                )
            unknown = [option for option in options if option not in known.get(axis, options)]
            if unknown:
                expected = ", ".join(map(repr, known[axis]))
                raise ValueError(f"{axis} holds {unknown[0]!r}; expected options from {expected}")

    @classmethod
    def of(cls, layer: nn.RNNBase, readout: Pooling = "final") -> "Grid":
        """All options that exist for a layer.

        Args:
            layer: The recurrent layer.
            readout: What the classifier reads of it, which becomes the first option.

        Example:
            >>> grid = Grid.of(nn.GRU(4, 4, num_layers=2))
            >>> grid.state, grid.layer_index, grid.direction
            (('hidden',), (-1, -2), ('both',))
        """
        readouts: tuple[Pooling, ...] = get_args(Pooling)
        return cls(
            distance=get_args(Distance),
            readout=(readout, *(other for other in readouts if other != readout)),
            state=("hidden", "cell") if isinstance(layer, nn.LSTM) else ("hidden",),
            layer_index=tuple(range(-1, -layer.num_layers - 1, -1)),
            direction=get_args(Direction) if layer.bidirectional else ("both",),
            normalize=(True, False),
            initial_state=get_args(InitialState),
            embedding=get_args(Embedding),
        )

    def options(self, axis: str) -> tuple[Any, ...]:
        """The options of one axis."""
        options: tuple[Any, ...] = getattr(self, axis)
        return options

    @property
    def other_options(self) -> list[tuple[str, Any]]:
        """Axis and option of every option but the first of each axis."""
        return [(axis, option) for axis in AXES for option in self.options(axis)[1:]]

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of options of each axis, in the order of `AXES`."""
        return tuple(len(self.options(axis)) for axis in AXES)

    @property
    def up_to_scale(self) -> "Grid":
        """The grid without the normalisations but the first, which rank the words of a text alike.

        They divide its scores by one positive number. (But for a text whose target is a zero state,
        where the normalised scores are 0; a trained classifier has no such text.)
        """
        return replace(self, normalize=self.normalize[:1])

    @cached_property
    def cells(self) -> list[Cell]:
        """Every combination, the last axis changing fastest."""
        return [Cell(*choice) for choice in itertools.product(*map(self.options, AXES))]

    def check_fits(self, layer: nn.RNNBase) -> None:
        """Raises ValueError if the layer lacks a state, stacked layer or direction of the grid."""
        for cell in self.cells:
            cell.selection.check_fits(layer)
