"""Logit delta: how far each step moved the class's output."""

from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from captum_rnn._captum import ExpansionTypes, expand_target, select_targets
from captum_rnn.attr.inputs import target_out_of_range
from captum_rnn.attr.method import in_full_precision
from captum_rnn.attr.predictions import EveryPrediction, Predictions
from captum_rnn.attr.records import Record, Run
from captum_rnn.functional import Readout, check_readout
from captum_rnn.functional.head import head_delta
from captum_rnn.functional.logit import logit_delta
from captum_rnn.functional.predictions import logit_matrix
from captum_rnn.states.modes import tensors_kept
from captum_rnn.states.reads import all_reads
from captum_rnn.states.rest import read_at_rest


class LogitDeltaAttribution(EveryPrediction):
    r"""Scores each token by how far its step moved the class's output.

    .. math:: \text{score}_t = \langle h_t - h_{t-1}, g \rangle, \qquad
              g = \frac{\partial f_c}{\partial h_n}

    For a linear head that is f_c(h_t) − f_c(h_{t−1}), and the scores of a row sum exactly to
    f_c(h_n) − f_c(h_0). The derivative comes from one backward pass through the classifier's head,
    which stops at the layer's output and never enters the recurrence. Where the classifier reads
    several outputs, as with mean pooling, each token is compared with all that it reads from that
    token on, so the readout need not be named. With a head that is not linear, or with `lengths`
    and a model that reads states beyond them, the convergence delta says what the scores leave out.

    Given a `head`, which need not be linear, the score is what the head says after the step minus
    what it says before it,

    .. math:: \text{score}_t = \text{head}(h_t)_c - \text{head}(h_{t-1})_c,

    with no gradient, and the scores sum exactly to head(h_n)_c − head(h_0)_c. The two directions of
    a bidirectional layer, which reach a state of the head from its two ends, each get their Shapley
    value; see `captum_rnn.functional.head.head_delta`. The convergence delta then compares with the
    model's own outputs: a `head` or a `readout` that is not the model's shows in it.

    Args:
        forward_func: The model, or any function that runs it.
        layer: The `nn.RNN`, `nn.LSTM` or `nn.GRU` in it, or any module whose output is its states
            (batch, time, features), or a tuple that begins with them.
        device_ids: Kept for Captum's signature; the layer has to run on one device.
        head: The part of the model behind the layer, e.g. `model.head`: maps states of the top
            layer (rows, direction · hidden) to outputs (rows, classes) or (rows,), each row on its
            own. It runs once, over all states of the batch, and repeats nothing random: call
            `model.eval()` first where it drops out. A head that reads anything else, such as cell
            states or attention over the outputs, cannot be given. None: the derivative instead.
        readout: Which state the head reads: ``"final"``, a position, ``"mean"`` or ``"max"``; see
            `HiddenStateDeltaAttribution`. Pooled outputs are those pooled up to the token. Without
            a head, the derivative tells.
        batch_first: Whether dimension 0 of the inputs is the batch; False: it is the time.

    Raises:
        ValueError: An unknown readout, or one without a head; in `attribute`, a head that answers
            in another shape, or a target that is none of its classes.
        TypeError: A head that cannot be called, or a readout that is neither a name nor integers.

    Example:
        >>> class Classifier(nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.gru = nn.GRU(8, 16, batch_first=True)
        ...         self.head = nn.Sequential(nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 2))
        ...     def forward(self, embedded):
        ...         return self.head(self.gru(embedded)[1][-1])
        >>> model, embedded = Classifier(), torch.randn(1, 5, 8)
        >>> logit = LogitDeltaAttribution(model, model.gru, head=model.head)
        >>> scores = logit.attribute(embedded, target=1)
        >>> change = model(embedded)[0, 1] - model.head(torch.zeros(16))[1]
        >>> torch.allclose(scores.sum(), change, atol=1e-6)
        True
    """

    _looks_at_class: ClassVar[bool] = True

    def __init__(
        self,
        forward_func: Callable[..., Any],
        layer: nn.Module | None = None,
        device_ids: list[int] | None = None,
        *,
        head: Callable[[Tensor], Tensor] | None = None,
        readout: Readout = "final",
        batch_first: bool = True,
    ) -> None:
        super().__init__(forward_func, layer, device_ids, batch_first=batch_first)
        if head is not None and not callable(head):
            raise TypeError(
                f"head is of type {type(head).__name__}; expected a function of the states, e.g. "
                "model.head"
            )
        self.head, self.readout = head, check_readout(readout)
        if head is None and not (isinstance(readout, str) and readout == "final"):
            raise ValueError(
                f"readout is {readout!r} without a head, where the model's derivative says what is "
                "read; leave readout out, or pass head too"
            )

    @property
    def _needs_gradient(self) -> bool:
        return self.head is None

    @in_full_precision
    def _score(self, layer: nn.Module, record: Record) -> Tensor:
        path = record.path
        if self.head is None:
            assert record.gradient is not None
            paths, reads = all_reads(layer, record.call, path, record.gradient)
            return path.without_padding(logit_delta(paths, reads))
        return path.without_padding(self._of_head(record, record.target, self.readout))

    def _of_head(self, record: Record, target: Any, readout: Readout) -> Tensor:
        """Scores (rows, time) by what the head says of the states."""
        dtype = next(record.layer.parameters(), record.call.output.data).dtype
        return head_delta(
            record.path.directions,
            lambda states: self._values(states.to(dtype), target),
            record.path.lengths,
            readout=readout,
        )

    def _score_predictions(self, record: Record, predictions: Predictions) -> Tensor:
        path, steps = record.path, predictions.steps
        if self.head is not None:
            return self._predictions_of_head(record, predictions)
        if steps is not None:
            assert record.gradient is not None
            paths, reads = all_reads(record.layer, record.call, path, record.gradient)
            predictions.done(predictions.number)
            return logit_matrix(paths, reads, steps, path.lengths)
        every = [
            logit_delta(*all_reads(record.layer, record.call, path, gradient))
            for gradient in predictions.gradients()
        ]
        return torch.stack(every, 1)

    def _predictions_of_head(self, record: Record, predictions: Predictions) -> Tensor:
        if predictions.steps is None:
            raise ValueError(
                "the model's predictions do not each read one step of the layer, so that the head "
                "that was given does not make them; leave head out"
            )
        ends = record.path.lengths
        scores = []
        for number, step in enumerate(predictions.steps):
            readout = step.expand(len(record.rows))
            readout = readout if ends is None else readout.minimum((ends - 1).clamp(min=0))
            scores.append(self._of_head(record, predictions.target(number), readout))
            predictions.done(1)
        return torch.stack(scores, 1)

    def _values(self, states: Tensor, target: Any) -> Tensor:
        """What the head says of states (batch, states, width): the class's output of each."""
        assert self.head is not None
        batch, number = states.shape[:2]
        output = self.head(states.flatten(0, 1))
        shape = output.shape if isinstance(output, Tensor) else ()
        if len(shape) not in (1, 2) or shape[0] != batch * number:
            given = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
            raise ValueError(
                f"head answered states of shape {(batch * number, states.shape[2])} with {given}; "
                f"expected ({batch * number}, classes) or ({batch * number},), each row on its own"
            )
        if target is not None:
            each = expand_target(target, number, ExpansionTypes.repeat_interleave)
            try:
                output = select_targets(output, each)
            except (AssertionError, IndexError, RuntimeError) as error:
                raise target_out_of_range(target, output, "head") from error
        if output.numel() != batch * number:
            raise ValueError(
                f"head answers with {output.shape[1]} numbers for each state, but one is "
                "explained; pass the class as target"
            )
        values = output.reshape(batch, number)
        return values.to(torch.promote_types(values.dtype, torch.float32))

    def _totals(self, run: Run) -> Tensor:
        """The change of the output against layers whose states are all the initial ones.

        What reaches the output beside the layers is added to it, to first order.
        """
        assert run.value is not None
        with tensors_kept(self.forward_func):
            at_rest = read_at_rest(run.modules, run.forward, run.first_states).reshape(-1)
        totals = run.value - at_rest
        return totals + run.sums(run.beside()).to(totals) if run.has_beside else totals
