"""Models that answer the same to a text alone as in its batch, in every way to be told of it."""

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

from captum_rnn import pack_tokens

WORDS = 12
IDS = torch.tensor([[3, 7, 2, 1, 9], [5, 2, 8, 0, 0], [4, 0, 0, 0, 0], [10, 6, 1, 2, 0]])
LENGTHS = (IDS != 0).sum(1)


class Reader(nn.Module):
    """Embedding → LSTM → last state → two classes, in float64."""

    def __init__(self, bidirectional=False):
        super().__init__()
        self.embedding = nn.Embedding(WORDS, 4)
        self.layer = nn.LSTM(4, 5, batch_first=True, bidirectional=bidirectional)
        self.head = nn.Sequential(nn.Linear(10 if bidirectional else 5, 4), nn.Tanh())
        self.out = nn.Linear(4, 2)
        self.double().eval()
        with torch.no_grad():
            for weight in self.parameters():
                weight.mul_(2)

    def read(self, fed):
        final = self.layer(fed)[1][0]
        return self.out(self.head(torch.cat(list(final), 1)))

    def forward(self, ids):
        """Ids alone; 0 is padding."""
        return self.read(pack_tokens(self.embedding(ids), ids != 0))

    def packed(self, ids, lengths):
        """Ids, and their number in each row."""
        packed = pack_padded_sequence(
            self.embedding(ids), lengths.cpu(), True, enforce_sorted=False
        )
        return self.read(packed)

    def marked(self, ids, mask, scale):
        """Ids, a mask of the real ones and a number for each row."""
        return self.read(pack_tokens(self.embedding(ids), mask)) * scale.unsqueeze(1)

    def empty(self):
        """What it says of its initial state."""
        return self.out(self.head(torch.zeros(1, self.head[0].in_features).double()))[0].detach()

    def of_words(self, words):
        """What it says of a list of words (classes,); of none, of its initial state."""
        with torch.no_grad():
            if not words:
                return self.empty()
            return self.read(self.embedding(torch.tensor([words])))[0]
