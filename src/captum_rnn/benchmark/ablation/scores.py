"""The scores of every cell of the grid, from one recorded forward pass of the recurrent layer."""

import contextlib
import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from captum_rnn.benchmark.ablation.grid import Cell, InitialState, Pooling
from captum_rnn.benchmark.methods import ExplainedModel
from captum_rnn.benchmark.methods.state_methods import lengths_to_tell
from captum_rnn.functional import readout_delta
from captum_rnn.functional.readout import read_out
from captum_rnn.states.hooks import LayerCall
from captum_rnn.states.layers import torch_layer
from captum_rnn.states.modes import evaluation_mode
from captum_rnn.states.recording import record_calls
from captum_rnn.states.selection import StateKind, StateSelection
from captum_rnn.states.trajectory import Trajectory, trajectory

NEUTRAL_WORDS = 5
"""Length of the neutral prefix whose last states are the other initial state."""

_OF_BOTH = {"both": slice(None), "forward": slice(0, 1), "backward": slice(1, 2)}


@dataclass(frozen=True, eq=False)
class RecordedBatch:
    """What the recurrent layer did with one batch, which all cells share.

    Attributes:
        layer: The layer.
        call: Its recorded call.
        top: The hidden states of its top layer.
        time: Number of positions of the texts, padding included.
    """

    layer: nn.RNNBase
    call: LayerCall
    top: Trajectory
    time: int

    @classmethod
    def of(cls, model: ExplainedModel, ids: Tensor, initial: InitialState) -> "RecordedBatch":
        """Runs the model once.

        From ``"neutral"``, every stacked layer and direction starts from its state after five
        neutral words, without which the text stays as it is. For a layer that reads forward and its
        final state this is the same as putting these words before the text and leaving their scores
        out; a backward direction would meet them at the end of its way, and a pool would hold their
        states.

        Args:
            model: The classifier; its `layer` is recurrent.
            ids: Token ids (batch, time).
            initial: Where the layer starts.

        Raises:
            ValueError: The layer does not run exactly once.
        """
        layer = torch_layer(model.layer)
        start: contextlib.AbstractContextManager[Any] = contextlib.nullcontext()
        if initial == "neutral":
            words = ids.new_full((1, NEUTRAL_WORDS), model.neutral_id)
            start = _starting_from(layer, _one_call(model, layer, words).final)
        with start:
            call = _one_call(model, layer, ids)
        top = trajectory(layer, call, lengths_to_tell(model, ids))
        return cls(layer, call, top, ids.shape[1])

    def score(self, cells: Sequence[Cell]) -> Tensor:
        """Scores of the batch under each cell.

        Args:
            cells: The choices; `initial_state` and `embedding` have been made already.

        Returns:
            Scores (cells, batch, time); 0 for what the layer does not read.

        Raises:
            ValueError: The layer lacks a state, stacked layer or direction.
        """
        states_of = functools.cache(self._states)

        @functools.cache
        def way_of(state: StateKind, layer_index: int, readout: Pooling) -> Trajectory:
            return _read_out(states_of(state, layer_index), readout)

        found = []
        for cell in cells:
            cell.selection.check_fits(self.layer)
            way = way_of(cell.state, cell.layer_index, cell.readout)
            scores = readout_delta(
                way.directions[_OF_BOTH[cell.direction]],
                way.lengths,
                distance=cell.distance,
                normalize=cell.normalize,
            )
            found.append(scores)
        return self._at_inputs(torch.stack(found))

    def _at_inputs(self, scores: Tensor) -> Tensor:
        """Puts scores (cells, batch, steps) of the layer's steps where their tokens stand."""
        batch, steps = scores.shape[1:]
        numbered = torch.arange(1, steps + 1, device=scores.device).expand(batch, steps)
        places = self.top.at_inputs(self.top.without_padding(numbered), self.time)
        padded = nn.functional.pad(scores, (1, 0))  # place 0 is no step
        return padded.gather(2, places.expand(len(scores), batch, self.time))

    def _states(self, state: StateKind, layer_index: int) -> Trajectory:
        """Both directions of some states, as they are recovered from the recorded call."""
        return StateSelection(state, layer_index).of(self.layer, self.call, self.top)


def _read_out(states: Trajectory, readout: Pooling) -> Trajectory:
    """The ways that lead to what is read; each ends there, so that its final state is the target.

    Pooling takes longer than comparing, and the pools are the same for all distances.
    """
    ways = (read_out(path, states.lengths, readout).path for path in states.directions)
    return replace(states, directions=tuple(ways))


def _one_call(model: ExplainedModel, layer: nn.RNNBase, ids: Tensor) -> LayerCall:
    with evaluation_mode(model.model):
        calls = record_calls(layer, lambda: model.logits(ids))
    if len(calls) != 1:
        raise ValueError(
            f"the recurrent layer ran {len(calls)} times in one forward pass of the classifier; "
            "an ablation needs a classifier that runs it once, over one text"
        )
    return calls[0]


@contextlib.contextmanager
def _starting_from(layer: nn.RNNBase, states: tuple[Tensor, ...]) -> Iterator[None]:
    """Lets the layer start every row from states (layers · directions, 1, hidden)."""

    def start(
        module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        data = args[0] if args else kwargs["input"]
        rows = _rows(data, layer.batch_first)
        initial = tuple(state.expand(-1, rows, -1).contiguous() for state in states)
        return (data, initial if isinstance(layer, nn.LSTM) else initial[0]), {}

    handle = layer.register_forward_pre_hook(start, with_kwargs=True)
    try:
        yield
    finally:
        handle.remove()


def _rows(data: Any, batch_first: bool) -> int:
    """Number of rows that a layer is given, packed or not."""
    if isinstance(data, Tensor):
        return data.shape[0 if batch_first else 1]
    return int(data.batch_sizes[0])
