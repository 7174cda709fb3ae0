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


def test_steps_that_read_several_tokens_are_learnt_from_as_they_are():
    """Behind a convolution the steps have no tokens of their own, but steps they are."""
    torch.manual_seed(0)
    mixing, layer = nn.Conv1d(3, 4, 3, padding=1).double(), nn.GRU(4, 5, batch_first=True).double()
    head = nn.Sequential(nn.Linear(5, 3), nn.Tanh()).double()

    def mixed(series):
        return mixing(series.transpose(1, 2)).transpose(1, 2)

    def model(series):
        return head(layer(mixed(series))[0][:, -1])

    batches = [torch.randn(2, time, 3, dtype=torch.float64) for time in (4, 6)]
    calibrated = CalibratedDeltaAttribution(model, layer).fit(batches)
    derivatives, cell = [], nn.GRUCell(4, 5).double()
    cell.load_state_dict({name[:-3]: weight for name, weight in layer.state_dict().items()})
    for series in batches:
        states = [torch.zeros(2, 5, dtype=torch.float64)]
        for token in mixed(series).unbind(1):
            states.append(cell(token, states[-1]))
        answers = head(states[-1]).sum(0)
        every = [torch.autograd.grad(answer, states[1:], retain_graph=True) for answer in answers]
        derivatives.append(torch.stack([torch.stack(part, 1) for part in every]).flatten(1, 2))
    expected = torch.cat(derivatives, 1).mean(1)
    torch.testing.assert_close(calibrated.calibration.vectors.squeeze(1), expected)

    series = batches[0]
    scores = calibrated.attribute(series, target=2, attribute_to_layer_input=True)
    states = torch.cat([series.new_zeros(2, 1, 5), layer(mixed(series))[0]], 1)
    along = states.diff(dim=1) @ expected[2]
    torch.testing.assert_close(scores.sum(2), along, rtol=0, atol=1e-12)
    with pytest.raises(ValueError, match="attribute_to_layer_input=True"):
        calibrated.attribute(series, target=2)
