"""Word vectors added up or averaged, and the states on the way."""

from typing import Literal, TypeAlias, get_args

import torch
from torch import Tensor, nn

Pooling: TypeAlias = Literal["sum", "mean"]


class WordPooling(nn.Module):
    r"""The sum or the mean of a text's word vectors.

    Read from left to right, the sum is the last state of a recurrence without any gate,
    :math:`h_t = h_{t-1} + e_t`, and the mean is that of :math:`h_t = h_{t-1} + e_t / n`.

    Args:
        pooling: ``"sum"`` or ``"mean"``.

    Raises:
        ValueError: Another pooling.

    Example:
        >>> embedded = torch.tensor([[[1.0], [5.0], [3.0]]])
        >>> read = torch.tensor([[True, False, True]])
        >>> WordPooling("mean")(embedded, read), WordPooling("mean").states(embedded, read).tolist()
        (tensor([[2.]]), [[[0.0], [0.5], [0.5], [2.0]]])
    """

    def __init__(self, pooling: Pooling = "sum") -> None:
        super().__init__()
        if pooling not in get_args(Pooling):
            raise ValueError(f'pooling is {pooling!r}; expected "sum" or "mean"')
        self.pooling = pooling

    def forward(self, embedded: Tensor, read: Tensor) -> Tensor:
        """Pools the vectors of the words that are read.

        Args:
            embedded: Word vectors (batch, time, features).
            read: Boolean mask (batch, time) of the words that count.

        Returns:
            Pooled vectors (batch, features); zeros for a text without such a word.
        """
        return self._shares(embedded, read).sum(1)

    def states(self, embedded: Tensor, read: Tensor) -> Tensor:
        """The partial sums, the empty one first: the states of the recurrence.

        Args:
            embedded: Word vectors (batch, time, features).
            read: Boolean mask (batch, time) of the words that count.

        Returns:
            States (batch, time + 1, features).
        """
        sums = self._shares(embedded, read).cumsum(1)
        return torch.cat([torch.zeros_like(sums[:, :1]), sums], 1)

    def _shares(self, embedded: Tensor, read: Tensor) -> Tensor:
        """What each word adds (batch, time, features)."""
        shares = embedded.masked_fill(~read.unsqueeze(2), 0.0)
        if self.pooling == "mean":
            shares = shares / read.sum(1).clamp(min=1).reshape(-1, 1, 1)
        return shares
