"""Packed sequences that remember which tokens of the input they hold."""

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence


class TokenSequence(PackedSequence):
    """A packed sequence that remembers which tokens of the input it holds; see `pack_tokens`.

    Attributes:
        read: Boolean mask (batch, time), true where the token is in the sequence.
    """

    read: Tensor


def pack_tokens(embedded: Tensor, read: Tensor) -> TokenSequence:
    """Packs the tokens that `read` marks, wherever they stand, for a recurrent layer.

    The other tokens never reach the layer, so its state is carried over them, as in frameworks
    with masked time steps. Attributions score them exactly 0.

    A row without any marked token cannot be packed by torch: it runs one step on its first
    position, and the model has to replace that row's final state by zeros.

    Args:
        embedded: Embedded tokens (batch, time, features).
        read: Boolean mask (batch, time).

    Returns:
        The packed sequence, sorted by length inside; the layer's final states come back in the
        order of the batch.

    Raises:
        ValueError: `read` is not a boolean mask of the first two axes of `embedded`.

    Example:
        >>> read = torch.tensor([[True, False, True]])
        >>> tokens = pack_tokens(torch.tensor([[[0.0], [1.0], [2.0]]]), read)
        >>> tokens.data.tolist()
        [[0.0], [2.0]]
    """
    if read.dtype != torch.bool or read.shape != embedded.shape[:2]:
        raise ValueError(
            f"read has dtype {read.dtype} and shape {tuple(read.shape)}; expected a boolean mask "
            f"of shape (batch, time) = {tuple(embedded.shape[:2])}, as embedded has them"
        )
    batch, time = read.shape
    read_first = torch.argsort((~read).to(torch.uint8), dim=1, stable=True)
    places = read_first + time * torch.arange(batch, device=read.device).unsqueeze(1)
    steps = read.sum(1).clamp(min=1).cpu()
    packed = pack_padded_sequence(places, steps, batch_first=True, enforce_sorted=False)
    tokens = TokenSequence(
        embedded.flatten(0, 1).index_select(0, packed.data),
        packed.batch_sizes,
        packed.sorted_indices,
        packed.unsorted_indices,
    )
    tokens.read = read
    return tokens


def padded(packed: PackedSequence) -> tuple[Tensor, Tensor]:
    """What torch's `pad_packed_sequence` makes, batch first, in one pass over the data.

    Returns:
        The steps (batch, time, features), 0 beyond the end of a row, and the number of steps of
        each row (batch,) on the device of the data.

    Example:
        >>> read = torch.tensor([[True, False], [True, True]])
        >>> steps, ends = padded(pack_tokens(torch.ones(2, 2, 1), read))
        >>> steps.squeeze(2).tolist(), ends.tolist()
        ([[1.0, 0.0], [1.0, 1.0]], [1, 2])
    """
    data = packed.data
    sizes = packed.batch_sizes.to(data.device)
    rows = torch.arange(int(packed.batch_sizes[0]), device=data.device)
    if packed.unsorted_indices is not None:
        rows = packed.unsorted_indices
    is_step = rows.unsqueeze(1) < sizes  # (batch, time)
    places = (sizes.cumsum(0) - sizes) + rows.unsqueeze(1)
    steps = data.index_select(0, places.clamp(max=len(data) - 1).flatten())
    (beyond,) = (~is_step).flatten().nonzero(as_tuple=True)
    steps.index_fill_(0, beyond, 0)
    return steps.view(*is_step.shape, *data.shape[1:]), is_step.sum(1)
