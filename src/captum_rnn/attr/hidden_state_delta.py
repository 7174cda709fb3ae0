"""Hidden-state delta as a Captum attribution class."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor, nn

from captum_rnn.attr.asking import asked_run, times_of
from captum_rnn.attr.baselines import GivenBaselines
from captum_rnn.attr.claimed_readout import (
    SettledReadouts,
    asked_of,
    check_claimed,
    is_settled,
    reads_of,
    top_of,
)
from captum_rnn.attr.inputs import Lengths, check_inputs, ends_in_padding, is_of_positions
from captum_rnn.attr.largest import left_open, with_largest
from captum_rnn.attr.own_states import own_state, reads_one_state
from captum_rnn.attr.predictions import EveryPrediction, Predictions
from captum_rnn.attr.records import Record, Run
from captum_rnn.attr.rows import positions_of_rows
from captum_rnn.attr.through import check_begun
from captum_rnn.functional import (
    Distance,
    Readout,
    check_distance,
    check_readout,
    readout_delta,
    readout_total,
)
from captum_rnn.functional.predictions import hidden_state_matrix
from captum_rnn.states.graph import is_read
from captum_rnn.states.hooks import LayerCall
from captum_rnn.states.modes import made_in_inference_mode
from captum_rnn.states.read_at import readout_of
from captum_rnn.states.recording import ReadGradient, check_derivable
from captum_rnn.states.selection import Direction, StateKind, StateSelection
from captum_rnn.states.trajectory import Trajectory


class HiddenStateDeltaAttribution(EveryPrediction):
    r"""Scores each token by how much nearer it brought a recurrent layer's state to its end.

    The states h_0 … h_n of a recurrent layer approach the state that the classifier reads, so

    .. math::
        \text{score}_t = \frac{\lVert h_n - h_{t-1} \rVert - \lVert h_n - h_t \rVert}
                              {\lVert h_n \rVert}

    One forward pass, no gradient. The scores of a row sum to 1 when the initial state is zero.
    A positive score: the token brought the state nearer to where it ended; a negative one: it led
    away. The score never looks at the class; see the documentation for what follows from that.

    The scores of the two directions of a bidirectional layer add up, over the sum of both norms.

    With other states than the top layer's hidden ones, everything above holds of those: each
    direction of the chosen layer approaches its own last cell or hidden state, and the other
    readouts are positions in, or pools of, the chosen states, whatever the classifier reads. They
    are recovered from the weights and the layer's recorded input, which costs between one and two
    forward passes more.

    Args:
        forward_func: The model, or any function that runs it.
        layer: The `nn.RNN`, `nn.LSTM` or `nn.GRU` in it, or any module whose output is its states
            (batch, time, features), or a tuple that begins with them. `None`: `forward_func`
            is itself that module, and the inputs are embedded, in the module's own layout:
            (batch, time, features), (time, batch, features) or unbatched (time, features).
        device_ids: Kept for Captum's signature; the layer has to run on one device.
        distance: ``"l2"``, ``"l1"``, ``"linf"``, ``"cosine"`` or ``"projection"``; see
            `captum_rnn.functional.hidden_state_delta`.
        readout: Which state the classifier reads. ``"final"``: each direction's own last state. An
            int or a tensor (batch,): the output at that token, 0-based, negative from the end of
            each row's tokens; tokens that `pack_tokens` left out do not count. ``"mean"``,
            ``"max"``: the outputs pooled over the tokens. ``"auto"``: whichever of these the model
            reads, as one backward pass through its head tells. A named readout is checked in the
            same way. The head is asked about two lengths of texts and longer ones, for the classes
            of each call and in each mode of the model, and in every run where the model takes
            further arguments or makes masks or numbers of its inputs, which may tell it where rows
            end. Where the state that is read is also the largest of all in each unit, the model
            runs again on higher states at other steps, which a maximum would notice. A readout that
            the model does not read is an error that names what it reads. To look at another state
            on purpose, explain ``lambda *args: model(*args).detach()``, of which nothing can be
            asked.
        normalize: Divide by the distance of the zero state from the target.
        state: ``"hidden"`` (h_t), or ``"cell"`` (c_t) of an LSTM.
        layer_index: Which of the stacked layers, 0 the lowest, negative from the top.
        direction: ``"both"``, or ``"forward"`` or ``"backward"`` alone.
        batch_first: Whether dimension 0 of the *inputs* is the batch, as everywhere in Captum;
            False: it is the time. The layer's own layout does not matter. Not used where `layer` is
            `None`.

    Raises:
        ValueError: An unknown distance, readout, state or direction; in `attribute`, a readout that
            the model does not read, a state, layer or direction that the module does not have, or
            dropout between layers that would have to be repeated.
        TypeError: A readout that is neither a name nor integers; a layer that is no integer.

    Source: Su Jianlin (2017), "RNN模型中输入的重要性的评估", Scientific Spaces, archives/4582.

    Example:
        >>> import torch
        >>> class Classifier(nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.embedding = nn.Embedding(100, 8)
        ...         self.lstm = nn.LSTM(8, 16, batch_first=True)
        ...         self.head = nn.Linear(16, 2)
        ...     def forward(self, token_ids):
        ...         return self.head(self.lstm(self.embedding(token_ids))[0][:, -1])
        >>> model = Classifier()
        >>> hsd = HiddenStateDeltaAttribution(model, model.lstm)
        >>> scores = hsd.attribute(torch.tensor([[5, 17, 99]]), target=1)
        >>> scores.shape, round(scores.sum().item(), 4)
        (torch.Size([1, 3]), 1.0)
    """

    def __init__(
        self,
        forward_func: Callable[..., Any],
        layer: nn.Module | None = None,
        device_ids: list[int] | None = None,
        *,
        distance: Distance = "l2",
        readout: Readout | Literal["auto"] = "final",
        normalize: bool = True,
        state: StateKind = "hidden",
        layer_index: int = -1,
        direction: Direction = "both",
        batch_first: bool = True,
    ) -> None:
        super().__init__(forward_func, layer, device_ids, batch_first=batch_first)
        self.distance = check_distance(distance)
        self.readout = readout if readout == "auto" else check_readout(readout)
        self.normalize = normalize
        self.selection = StateSelection(state, layer_index, direction)
        self._settled = SettledReadouts()

    def _select(self, layer: nn.Module, call: LayerCall, top: Trajectory) -> Trajectory:
        return self.selection.of(layer, call, top)

    def _score(self, layer: nn.Module, record: Record) -> Tensor:
        return readout_delta(record.path.directions, record.path.lengths, **self._options(record))

    def _score_predictions(self, record: Record, predictions: Predictions) -> Tensor:
        path = record.path
        if predictions.steps is None and not reads_one_state(record):
            each = zip(predictions.gradients(), predictions.numbers.tolist(), strict=True)
            return torch.stack([self._toward_own(record, *one) for one in each], 1)
        predictions.done(predictions.number)
        if predictions.steps is None:
            if self.readout != "auto":
                check_claimed(record, self.readout, self.selection)
            elif left_open(record) is not None:
                raise ValueError(
                    'readout is "auto", but the one state that the predictions read is also the '
                    'largest of all in each unit; pass readout="max" if they read the maximum, '
                    'else readout="final" or the position'
                )
            scores = self._score(record.layer, record)
            return scores.unsqueeze(1).expand(-1, predictions.number, -1)
        return hidden_state_matrix(
            path.directions,
            predictions.steps,
            path.lengths,
            distance=self.distance,
            normalize=self.normalize,
        )

    def _toward_own(self, record: Record, gradient: ReadGradient, number: int) -> Tensor:
        """Scores of the steps (rows, time) towards what one of several predictions reads."""
        record, position = own_state(record, gradient, number)
        if position is not None:
            lengths = record.path.lengths
            options = self._options(record) | {"readout": position}
            return record.path.without_padding(
                readout_delta(record.path.directions, lengths, **options)
            )
        if readout_of(top_of(record), reads_of(record)) is None:
            raise ValueError(
                "the model's predictions read several states of the layer each, so that there is "
                "no one state that the steps lead to; use LogitDeltaAttribution or "
                "AdjointDeltaAttribution"
            )
        if self.readout != "auto":
            check_claimed(record, self.readout, self.selection)
        return self._score(record.layer, record)

    def _totals(self, run: Run) -> Tensor:
        totals = [
            readout_total(record.path.directions, record.path.lengths, **self._options(record))
            for record in run.records
        ]
        return run.add_up(totals)

    def _run(
        self,
        inputs: Any,
        target: Any,
        additional_forward_args: Any,
        lengths: Lengths,
        baselines: GivenBaselines = None,
        *,
        to_tokens: bool = True,
        looks: bool = False,
    ) -> Run:
        told = lengths is not None or additional_forward_args is not None
        one_run = told or is_of_positions(target)  # whose answer says nothing about others
        asked = None if one_run else asked_of(self.forward_func, self.readout, target)
        given = inputs, target, additional_forward_args, lengths, baselines
        times = times_of(inputs, batch_first=self.batch_first)
        settled = self._settled.get(asked, times)
        if self.layer is self.forward_func or settled is not None:
            run = super()._run(*given, to_tokens=to_tokens)
            if self.readout != "auto":
                return run
            return replace(run, records=[replace(r, readout=settled) for r in run.records])
        wanted = self.readout == "auto" or one_run
        axis = 1 if self.batch_first else 0
        padded = any(ends_in_padding(tensor, axis) for tensor in check_inputs(inputs))
        in_inference = torch.is_inference_mode_enabled()
        if self.readout == "auto" and in_inference and made_in_inference_mode(self.forward_func):
            check_derivable()
        run = asked_run(
            partial(super()._run, to_tokens=to_tokens),
            given,
            self.forward_func,
            wanted=wanted or padded,
            unknown=f"whether it reads readout={self.readout!r}",
        )
        run = with_largest(run, self.forward_func)
        readout = self._found_in(run) if self.readout == "auto" else self.readout
        if self.readout != "auto":
            check_begun(run, type(self).__name__)
            for record in run.records:
                check_claimed(record, self.readout, self.selection)
        if asked is not None and readout is not None and is_settled(run, readout):
            self._settled.add(asked, readout, times)
        return run

    def _found_in(self, run: Run) -> Readout | None:
        """The one readout with a name that all records are found to have."""
        found = {name for name in map(self._found, run.records) if isinstance(name, str)}
        return found.pop() if len(found) == 1 and len(run.records) == 1 else None

    @staticmethod
    def _found(record: Record) -> Readout | None:
        if record.gradient is None or record.readout is not None:
            return record.readout
        return readout_of(top_of(record), reads_of(record))

    def _options(self, record: Record, position: Tensor | None = None) -> dict[str, Any]:
        """Options of `readout_delta`; `position`: the known step of each of the record's rows."""
        readout = self._readout(record) if position is None else position
        return {"readout": readout, "distance": self.distance, "normalize": self.normalize}

    def _readout(self, record: Record) -> Readout:
        if record.path.is_empty:
            return "final"
        if self.readout == "auto":
            found = self._found(record)
            if found is None and record.gradient is not None and not is_read(record.gradient):
                raise ValueError(
                    'readout is "auto", but the model reads nothing of its layer here, as behind a '
                    "ReLU that is at rest; pass the readout, or another class"
                )
            if found is None:
                raise ValueError(
                    'readout is "auto", but what the model reads of its layer is neither the last '
                    "state of a direction, the output at one position, nor the mean or maximum of "
                    "all outputs; pass the readout that comes nearest"
                )
            return found
        if isinstance(self.readout, Tensor):
            return positions_of_rows(self.readout, record.rows)
        return self.readout
