"""Local delta: the step taken against the step that a baseline would have taken."""

from typing import ClassVar

from torch import Tensor, nn

from captum_rnn.attr.comparing import ComparingAttribution
from captum_rnn.attr.method import in_full_precision
from captum_rnn.attr.records import Record, Run
from captum_rnn.attr.through import check_no_walk
from captum_rnn.functional.features import feature_changes, feature_multipliers
from captum_rnn.functional.local import all_read, local_delta, read_from_here_on
from captum_rnn.functional.stack import Stack
from captum_rnn.states.recovery import unstack


class LocalDeltaAttribution(ComparingAttribution):
    r"""Scores each token by its step, against the step that a baseline would have taken.

    .. math:: \text{score}_t = \langle h_t - \mathrm{cell}(h_{t-1}, x'_t), g \rangle,
              \qquad g = \frac{\partial f_c}{\partial h_n}

    x'_t is what the layer would have read of the baseline; without `baselines`, a zero vector. The
    baseline's steps are one application of the cell to the recorded states. The derivative g comes
    from one backward pass through the classifier's head, which stops at the layer's output; where
    the classifier reads several outputs, each token is compared with all that it reads from that
    token on. What the scores sum to is not known.

    Each feature of a float input has its own score, where the layer reads it by itself or what is
    linear in the features, by the cell's derivative halfway between input and baseline; they sum to
    the step's score to third order. With `per_step=True` steps are compared as a whole.

    An initial state s_0 that is among the inputs is one more step, compared with its baseline:
    ⟨s_0 − s'_0, all that is read⟩. What static covariates get goes on to them by derivatives.

    Args:
        forward_func: The model, or any function that runs it.
        layer: The `nn.RNN`, `nn.LSTM` or `nn.GRU` in it. Another module, or a subclass that takes
            its steps otherwise, is called one step at a time, which costs a call and a
            backward pass for each step.
        device_ids: Kept for Captum's signature; the layer has to run on one device.
        batch_first: Whether dimension 0 of the inputs is the batch; False: it is the time.

    Example:
        >>> import torch
        >>> class Classifier(nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.embedding = nn.Embedding(100, 8)
        ...         self.gru = nn.GRU(8, 16, batch_first=True)
        ...         self.head = nn.Linear(16, 2)
        ...     def forward(self, token_ids):
        ...         return self.head(self.gru(self.embedding(token_ids))[1][-1])
        >>> model = Classifier()
        >>> local, unknown = LocalDeltaAttribution(model, model.gru), 1
        >>> scores = local.attribute(torch.tensor([[5, 1, 99]]), baselines=unknown, target=1)
        >>> scores.shape, scores[0, 1].abs().item() < 1e-6
        (torch.Size([1, 3]), True)
    """

    _looks_at_class: ClassVar[bool] = True
    _passes_on: ClassVar[bool] = True
    _scores_static: ClassVar[bool] = True
    _compares_with_zero: ClassVar[bool] = True

    def _knows_features(self, run: Run) -> bool:
        return not run.mixed and not any(run.depends) and any(run.reads_own_features)

    def _goes_through(self, run: Run) -> bool:
        return not (run.composed or any(run.depends))

    def _token_scores(self, run: Run) -> list[Tensor]:
        if run.composed:
            raise ValueError(
                "layer holds layers that read each other's steps, but LocalDeltaAttribution knows "
                "what a baseline makes of one layer's step alone; pass one of them, or use "
                "AdjointDeltaAttribution"
            )
        if any(run.depends):
            check_no_walk(run, type(self).__name__)
        return super()._token_scores(run)

    @in_full_precision
    def _handed_on(self, layer: nn.Module, record: Record) -> tuple[Tensor, tuple[Tensor, ...]]:
        stack = unstack(layer, record.call, record.gradient)
        reference = _reference(record, stack)
        inputs = feature_multipliers(stack, reference, read_from_here_on(stack))
        return inputs.transpose(0, 1), all_read(stack)

    @in_full_precision
    def _score(self, layer: nn.Module, record: Record) -> Tensor:
        assert record.gradient is not None
        stack = unstack(layer, record.call, record.gradient)
        baseline = _reference(record, stack)
        if record.of_features:
            scores = feature_changes(stack, baseline, read_from_here_on(stack))
        else:
            scores = local_delta(stack, baseline)
        return record.path.without_padding(scores.transpose(0, 1))


def _reference(record: Record, stack: Stack) -> Tensor:
    """What stands instead of the input of each step: a zero vector without baselines."""
    if record.baseline is None:
        return stack.inputs.new_zeros(1, 1, stack.inputs.shape[2])
    return record.baseline
