"""Small models as users write them."""

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence


class Classifier(nn.Module):
    """Embedding (if a vocabulary is given) → recurrent layer → readout → two classes."""

    def __init__(self, layer: nn.RNNBase, vocabulary: int | None = None, readout: str = "final"):
        super().__init__()
        self.readout = readout
        self.embedding = nn.Embedding(vocabulary, layer.input_size) if vocabulary else None
        self.layer = layer
        width = (layer.proj_size or layer.hidden_size) * (2 if layer.bidirectional else 1)
        self.head = nn.Linear(width, 2).to(layer.weight_ih_l0.dtype)
        self.enforce_sorted = False

    def forward(self, tokens: Tensor, lengths: Tensor | None = None, initial=None) -> Tensor:
        embedded = self.embedding(tokens) if self.embedding else tokens
        if not self.layer.batch_first:
            embedded = embedded.transpose(0, 1)
        if lengths is not None:
            embedded = pack_padded_sequence(
                embedded, lengths.cpu(), self.layer.batch_first, self.enforce_sorted
            )
        outputs, final = self.layer(embedded, initial)
        if self.readout == "final":
            hidden = final[0] if isinstance(final, tuple) else final
            directions = 2 if self.layer.bidirectional else 1
            return self.head(hidden[-directions:].transpose(0, 1).flatten(1))
        if isinstance(outputs, PackedSequence):
            outputs = pad_packed_sequence(outputs, batch_first=True)[0]
        elif not self.layer.batch_first:
            outputs = outputs.transpose(0, 1)
        return self.head(outputs.amax(1) if self.readout == "max" else outputs.mean(1))


class SentencePair(nn.Module):
    """One encoder over two sentences, compared by their cosine."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(50, 5)
        self.encoder = nn.LSTM(5, 6, batch_first=True)

    def encode(self, ids: Tensor) -> Tensor:
        return self.encoder(self.embedding(ids))[1][0][-1]

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        similarity = torch.cosine_similarity(self.encode(first), self.encode(second))
        return torch.stack([-similarity, similarity], 1)


def hooks(model: nn.Module) -> int:
    """How many hooks the modules of the model have."""
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules())
