"""Where batch, time and features lie in an input tensor, and back from scores to its shape."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence


@dataclass(frozen=True)
class InputLayout:
    """The layout of one input tensor.

    Attributes:
        shape: The tensor's shape: (batch, time, ...), (time, batch, ...) or (time, features).
        batch_first: Whether the batch comes before the time.
        unbatched: Whether there is no batch axis.
    """

    shape: torch.Size
    batch_first: bool = True
    unbatched: bool = False

    @property
    def batch(self) -> int:
        """Number of rows."""
        return 1 if self.unbatched else self.shape[0 if self.batch_first else 1]

    @property
    def time(self) -> int:
        """Number of tokens in a row, padding included."""
        return self.shape[0 if self.unbatched or not self.batch_first else 1]

    @property
    def _features(self) -> torch.Size:
        return self.shape[1 if self.unbatched else 2 :]

    def arrange(self, scores: Tensor) -> Tensor:
        """Brings token scores (batch, time) into the shape of the input.

        A token's score is shared equally over its features, so that their sum is the score.

        Example:
            >>> InputLayout(torch.Size([2, 1, 4]), batch_first=False).arrange(
            ...     torch.tensor([[1.0, 2.0]])
            ... ).sum(-1).tolist()
            [[1.0], [2.0]]
        """
        batched = scores if self.batch_first else scores.t()
        tokens = scores.squeeze(0) if self.unbatched else batched
        features = self._features
        if not features:
            return tokens.contiguous()
        shares = tokens.new_full(features, 1.0 / math.prod(features))
        return (tokens[(...,) + (None,) * len(features)] * shares).contiguous()

    def gather(self, attributions: Tensor) -> Tensor:
        """The token scores (batch, time) in attributions of the input's shape."""
        tokens = attributions.reshape(*self.shape[: 1 if self.unbatched else 2], -1).sum(-1)
        if self.unbatched:
            return tokens.unsqueeze(0)
        return tokens if self.batch_first else tokens.t()


def check_inputs(inputs: object) -> tuple[Tensor, ...]:
    """Returns the input tensors as a tuple.

    Raises:
        TypeError: Neither a tensor nor a tuple of tensors.
        ValueError: No tensor at all, or an empty one.
    """
    if isinstance(inputs, PackedSequence):
        raise TypeError(
            "inputs is a PackedSequence; expected the padded tensor: pass a model that packs it "
            "itself, with the recurrent module as layer"
        )
    tensors = inputs if isinstance(inputs, tuple) else (inputs,)
    for tensor in tensors:
        if not isinstance(tensor, Tensor):
            given = "a tuple that holds a" if tensors is inputs else "a"
            raise TypeError(
                f"inputs is {given} {type(tensor).__name__}; expected a tensor or a tuple of them"
            )
        if tensor.numel() == 0:
            raise ValueError(
                f"inputs is empty: its shape is {tuple(tensor.shape)}; expected at least one row "
                "with at least one token"
            )
    if not tensors:
        raise ValueError("inputs is an empty tuple; expected at least one tensor")
    return tensors
