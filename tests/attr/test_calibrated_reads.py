"""What a classifier reads and a calibration learns no vector for is refused."""

import pytest
import torch
from torch import nn

from captum_rnn import CalibratedDeltaAttribution


class ReadingAll(nn.Module):
    """Reads last states of every layer."""

    def __init__(self, kind, part):
        super().__init__()
        self.layer = kind(3, 4, num_layers=2, batch_first=True)
        self.head, self.part = nn.Linear(4, 2), part

    def forward(self, vectors):
        _, final = self.layer(vectors)
        return self.head(self.part(final))


UNLEARNT = {
    "h_n of lower layers": (nn.GRU, lambda final: final.sum(0), "reads h_n of layers below"),
    "c_n of lower layers": (nn.LSTM, lambda final: final[1][0], "reads c_n of layers below"),
    "c_n": (nn.LSTM, lambda final: final[1][-1], "pass with_cells=True"),
}


@pytest.mark.parametrize("what", UNLEARNT)
def test_states_that_no_vector_is_learnt_for_are_refused(what):
    kind, part, words = UNLEARNT[what]
    model, vectors = ReadingAll(kind, part), torch.randn(4, 5, 3)
    with pytest.raises(ValueError, match=words):
        CalibratedDeltaAttribution(model, model.layer).fit([vectors])


def test_cell_states_that_are_read_are_learnt_with_cells():
    """One token, of zero states before: the derivative is that of the head alone."""
    model, vectors = ReadingAll(nn.LSTM, UNLEARNT["c_n"][1]), torch.randn(4, 1, 3)
    method = CalibratedDeltaAttribution(model, model.layer, with_cells=True).fit([vectors])
    cells = model.layer(vectors)[1][1][-1]
    expected = (cells @ model.head.weight[1]).detach()
    torch.testing.assert_close(method.attribute(vectors, target=1).sum((1, 2)), expected)
