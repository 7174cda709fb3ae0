"""A readout at the end of rows, where the model reads elsewhere: an error that names the place."""

import pytest
import torch
from torch import nn

from captum_rnn import HiddenStateDeltaAttribution

LENGTHS = torch.tensor([2, 4, 3])


class Padded(nn.Module):
    """Runs its padding through the layer, and reads the state at the last token."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(40, 3)
        self.layer = nn.GRU(3, 5, batch_first=True)
        self.head = nn.Linear(5, 2)
        self.double()

    def forward(self, tokens, lengths=None):
        if lengths is None:  # as ids that are not 0
            lengths = (tokens != 0).sum(1)
        vectors = tokens if tokens.is_floating_point() else self.embedding(tokens)
        outputs, _ = self.layer(vectors)
        return self.head(outputs[torch.arange(len(tokens)), lengths - 1])


@pytest.fixture
def ids():
    ids = torch.randint(1, 40, (3, 4))
    return ids.masked_fill(torch.arange(4) >= LENGTHS[:, None], 0)


@pytest.mark.parametrize("readout", ["final", -1, 3])
@pytest.mark.parametrize("told", [False, True])
def test_padding_that_is_read_as_the_end_is_refused(ids, readout, told):
    model = Padded()
    method = HiddenStateDeltaAttribution(model, model.layer, readout=readout)
    arguments = LENGTHS if told else None
    with pytest.raises(ValueError, match=r"the model reads position \[1, 3, 2\]; .* lengths"):
        method.attribute(ids, additional_forward_args=arguments)


def test_so_is_padding_of_vectors():
    model, vectors = Padded(), torch.randn(3, 4, 3).double()
    vectors[torch.arange(4) >= LENGTHS[:, None]] = 0
    method = HiddenStateDeltaAttribution(model, model.layer)
    with pytest.raises(ValueError, match=r"position \[1, 3, 2\]"):
        method.attribute(vectors, additional_forward_args=LENGTHS)


@pytest.mark.parametrize("way", ["lengths", "auto", "positions"])
def test_what_the_error_names_is_each_row_alone(ids, way):
    model = Padded()
    options = {"auto": {"readout": "auto"}, "positions": {"readout": LENGTHS - 1}}.get(way, {})
    method = HiddenStateDeltaAttribution(model, model.layer, **options)
    scores = method.attribute(ids, lengths=LENGTHS if way == "lengths" else None)
    for row, length in enumerate(LENGTHS.tolist()):
        alone = HiddenStateDeltaAttribution(model, model.layer).attribute(
            ids[row : row + 1, :length]
        )
        torch.testing.assert_close(scores[row, :length], alone[0])
        assert (scores[row, length:] == 0).all()


def test_a_model_that_reads_the_last_step_is_let_be(ids):
    """Whatever its texts end in."""
    model = Padded()
    method = HiddenStateDeltaAttribution(model, model.layer)
    full = torch.full((3,), 4)
    scores = method.attribute(ids, additional_forward_args=full)
    torch.testing.assert_close(scores.sum(1), torch.ones(3).double())
    with torch.inference_mode():
        again = method.attribute(ids, additional_forward_args=full)
    torch.testing.assert_close(again, scores)
