"""A model that runs its layer once, for those that run it in parts."""

from torch import nn

import reference
from attribution_methods import FEATURES, VOCABULARY


class Whole(nn.Module):
    """Reads all tokens at once, and the mean of the outputs."""

    def __init__(self, kind="lstm", num_layers=2, batch_first=True):
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, FEATURES)
        self.layer = reference.make_layer(
            kind, FEATURES, 6, num_layers=num_layers, batch_first=batch_first
        )
        self.head = nn.Linear(6, 2)
        self.double().eval()

    def run(self, vectors, state=None):
        if not self.layer.batch_first:
            vectors = vectors.transpose(0, 1)
        outputs, state = self.layer(vectors, state)
        return outputs if self.layer.batch_first else outputs.transpose(0, 1), state

    def forward(self, ids):
        return self.head(self.run(self.embedding(ids))[0].mean(1))
