"""Logit delta: how far each step moved the class's output."""

from typing import ClassVar

from torch import Tensor, nn

from captum_rnn.attr.recurrent import Record, Run
from captum_rnn.attr.telescoping import TelescopingAttribution
from captum_rnn.functional.logit import logit_delta
from captum_rnn.states import read_at_rest, read_gradients


class LogitDeltaAttribution(TelescopingAttribution):
    r"""Scores each token by how far its step moved the state along the class's gradient.

    .. math:: \text{score}_t = \langle h_t - h_{t-1}, g \rangle, \qquad
              g = \frac{\partial f_c}{\partial h_n}

    For a linear head that is f_c(h_t) − f_c(h_{t−1}), and the scores of a row sum exactly to
    f_c(h_n) − f_c(h_0). The derivative comes from one backward pass through the classifier's head,
    which stops at the layer's output and never enters the recurrence. Where the classifier reads
    several outputs, as with mean pooling, each token is held against all that it reads from that
    token on, so the readout need not be named. With a head that is not linear, or with `lengths`
    and a model that reads states beyond them, the convergence delta says what the scores leave out.

    Args:
        forward_func: The model, or any function that runs it.
        layer: The `nn.RNN`, `nn.LSTM` or `nn.GRU` in it.
        device_ids: Kept for Captum's signature; the layer has to run on one device.
        batch_first: Whether dimension 0 of the inputs is the batch; False: it is the time.

    Example:
        >>> import torch
        >>> class Classifier(nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.gru = nn.GRU(8, 16, batch_first=True)
        ...         self.head = nn.Linear(16, 2)
        ...     def forward(self, embedded):
        ...         return self.head(self.gru(embedded)[1][-1])
        >>> model, embedded = Classifier(), torch.randn(1, 5, 8)
        >>> scores = LogitDeltaAttribution(model, model.gru).attribute(embedded, target=1)
        >>> change = model(embedded)[0, 1] - model.head.bias[1]
        >>> torch.allclose(scores.sum(), change, atol=1e-6)
        True
    """

    _looks_at_class: ClassVar[bool] = True

    def _score(self, layer: nn.RNNBase, record: Record) -> Tensor:
        assert record.gradient is not None
        reads = read_gradients(layer, record.gradient)
        return record.path.without_padding(logit_delta(record.path.paths, reads))

    def _totals(self, run: Run) -> Tensor:
        """The change of the output against a layer whose states are all the initial ones."""
        assert run.value is not None
        return run.value - read_at_rest(run.layer, run.forward).reshape(-1)
