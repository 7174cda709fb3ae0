"""Sentiment classifiers of several kinds whose layers can be asked one by one."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

PAD = 0


class LayeredClassifier(nn.Module):
    """Embedding → layers, each (batch, time, width) → one pooled state → dropout → linear head.

    Attributes:
        embedding: Word vectors; id 0 is padding.
        layers: The layers, from the lowest.
        pool: What makes one state (batch, width) of the top layer's output.
        head: The linear head.
    """

    def __init__(self, words: int, layers: Sequence[nn.Module], pool: nn.Module, width: int):
        super().__init__()
        self.embedding = nn.Embedding(words + 2, width, padding_idx=PAD)
        nn.init.normal_(self.embedding.weight[1:], std=0.1)
        self.layers = nn.ModuleList(layers)
        self.pool = pool
        self.dropout = nn.Dropout(0.3)
        self.head = nn.Linear(width, 2)

    def forward(self, ids: Tensor) -> Tensor:
        """Logits (batch, 2) of ids (batch, time)."""
        logits: Tensor = self.head(self.dropout(self.pool(self.encode(ids), ids != PAD)))
        return logits

    def encode(self, ids: Tensor) -> Tensor:
        """The top layer's output (batch, time, width)."""
        hidden: Tensor = self.embedding(ids)
        read = ids != PAD
        for layer in self.layers:
            hidden = self.run(layer, hidden, read)
        return hidden

    def run(self, layer: nn.Module, hidden: Tensor, read: Tensor) -> Tensor:
        """The output of one layer."""
        output: Tensor = layer(hidden, read)
        return output

    def stages(self) -> dict[str, nn.Module]:
        """The modules to ask, by name: every layer, then the pooled state that the head reads."""
        named = {f"layer {number}": layer for number, layer in enumerate(self.layers, start=1)}
        return named | {"pooled": self.pool}


class LstmClassifier(LayeredClassifier):
    """Three one-way LSTM layers; the head reads the last state."""

    def __init__(self, words: int, width: int):
        layers = [nn.LSTM(width, width, batch_first=True) for _ in range(3)]
        super().__init__(words, layers, LastState(), width)

    def run(self, layer: nn.Module, hidden: Tensor, read: Tensor) -> Tensor:
        """The output of one layer, which also runs over the padding behind the text."""
        output: Tensor = layer(hidden)[0]
        return output


class CnnClassifier(LayeredClassifier):
    """Three convolutions over three words each; the head reads the maximum over the text."""

    def __init__(self, words: int, width: int):
        super().__init__(words, [Convolution(width) for _ in range(3)], MaximumState(), width)


class TransformerClassifier(LayeredClassifier):
    """Learnt positions and three encoder layers; the head reads the mean over the text."""

    def __init__(self, words: int, width: int, longest: int = 64):
        super().__init__(words, [EncoderLayer(width) for _ in range(3)], MeanState(), width)
        self.positions = nn.Parameter(torch.randn(longest, width) * 0.1)

    def encode(self, ids: Tensor) -> Tensor:
        """The top layer's output (batch, time, width)."""
        hidden: Tensor = self.embedding(ids) + self.positions[: ids.shape[1]]
        read = ids != PAD
        for layer in self.layers:
            hidden = layer(hidden, read)
        return hidden


class Convolution(nn.Module):
    """A convolution over words with a residual, zero on padding."""

    def __init__(self, width: int):
        super().__init__()
        self.convolution = nn.Conv1d(width, width, kernel_size=3, padding=1)

    def forward(self, hidden: Tensor, read: Tensor) -> Tensor:
        """(batch, time, width) to the same."""
        found: Tensor = self.convolution(hidden.transpose(1, 2)).transpose(1, 2).relu()
        return (hidden + found) * read.unsqueeze(2)


class EncoderLayer(nn.TransformerEncoderLayer):
    """A Transformer encoder layer that takes the mask of what is read."""

    def __init__(self, width: int):
        super().__init__(
            width, 4, 2 * width, dropout=0.1, activation="gelu", batch_first=True, norm_first=True
        )

    def forward(self, hidden: Tensor, read: Tensor) -> Tensor:  # type: ignore[override]
        """(batch, time, width) to the same."""
        return super().forward(hidden, src_key_padding_mask=~read)


class LastState(nn.Module):
    """The output at the last word."""

    def forward(self, hidden: Tensor, read: Tensor) -> Tensor:
        """(batch, time, width) to (batch, width)."""
        last = read.sum(1).clamp(min=1) - 1
        return hidden[torch.arange(len(hidden), device=hidden.device), last]


class MeanState(nn.Module):
    """The mean over the words."""

    def forward(self, hidden: Tensor, read: Tensor) -> Tensor:
        """(batch, time, width) to (batch, width)."""
        return (hidden * read.unsqueeze(2)).sum(1) / read.sum(1, keepdim=True).clamp(min=1)


class MaximumState(nn.Module):
    """The maximum over the words."""

    def forward(self, hidden: Tensor, read: Tensor) -> Tensor:
        """(batch, time, width) to (batch, width)."""
        return hidden.masked_fill(~read.unsqueeze(2), -torch.inf).amax(1)
