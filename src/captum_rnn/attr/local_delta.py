"""Local delta: the step taken against the step that a reference token would have taken."""

from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from captum_rnn.attr.inputs import check_reference
from captum_rnn.attr.recurrent import RecurrentAttribution
from captum_rnn.attr.run import Record, in_full_precision
from captum_rnn.functional.cells import first_order
from captum_rnn.functional.logit import check_reads
from captum_rnn.states import read_gradients, unstack


class LocalDeltaAttribution(RecurrentAttribution):
    r"""Scores each token by its step, against the step that a reference token would have taken.

    .. math:: \text{score}_t = \langle h_t - \mathrm{cell}(h_{t-1}, x_\text{ref}), g \rangle,
              \qquad g = \frac{\partial f_c}{\partial h_n}

    The reference steps of all tokens are one application of the cell to the recorded states. The
    derivative g comes from one backward pass through the classifier's head, which stops at the
    layer's output; where the classifier reads several outputs, each token is held against all that
    it reads from that token on. What the scores sum to is not known.

    Args:
        forward_func: The model, or any function that runs it.
        layer: The `nn.RNN`, `nn.LSTM` or `nn.GRU` in it.
        device_ids: Kept for Captum's signature; the layer has to run on one device.
        reference: The reference token as the layer reads it (features,), e.g.
            `model.embedding.weight[unknown_id]`.
        batch_first: Whether dimension 0 of the inputs is the batch; False: it is the time.

    Raises:
        ValueError: A reference of another shape than (features,).
        TypeError: A reference that is no tensor of numbers.
    """

    _looks_at_class: ClassVar[bool] = True

    def __init__(
        self,
        forward_func: Callable[..., Any],
        layer: nn.Module | None = None,
        device_ids: list[int] | None = None,
        *,
        reference: Tensor,
        batch_first: bool = True,
    ) -> None:
        super().__init__(forward_func, layer, device_ids, batch_first=batch_first)
        self.reference = check_reference(reference, "reference")

    @in_full_precision
    def _score(self, layer: nn.Module, record: Record) -> Tensor:
        assert record.gradient is not None
        check_reads(read_gradients(layer, record.call, record.gradient))
        check_reference(self.reference, "reference", record.call.features)
        stack = unstack(layer, record.call, record.gradient)
        changes = []
        tops = zip(
            stack.levels[-1], stack.stepped_with(self.reference.expand(1, 1, -1))[-1], strict=True
        )
        for direction, (passed, (states, _)) in enumerate(tops):
            read_from_here_on = passed.read.flip(0).cumsum(0).flip(0)
            change = first_order(passed.states[1:] - states, read_from_here_on)
            changes.append(stack.reorder(change, direction))
        return record.path.without_padding(torch.stack(changes).sum(0).t())
