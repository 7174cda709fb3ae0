"""Padding that a model masks, and zeros that it reads, told apart in each precision."""

import pytest
import torch
from torch import nn

from captum_rnn import LeaveOneOutAttribution, RecurrentShapleyAttribution

DTYPES = [torch.float64, torch.float32, torch.float16, torch.bfloat16]
IDS = torch.tensor([[3, 7, 2, 1, 0, 0], [5, 2, 8, 4, 6, 9]])


class Model(nn.Module):
    """Reads the mean of the states, of all of them or of those that are no padding.

    `noise`: by how many units of the last digit longer texts are off, as sums in another order are.
    """

    def __init__(self, dtype, *, masks, noise=0):
        super().__init__()
        self.masks, self.noise = masks, noise
        self.embedding, self.layer = nn.Embedding(10, 8), nn.GRU(8, 6, batch_first=True)
        self.head = nn.Linear(6, 2)
        self.to(dtype).eval()

    def forward(self, ids):
        outputs = self.layer(self.embedding(ids))[0]
        is_read = (ids != 0).unsqueeze(2).to(outputs) if self.masks else torch.ones_like(outputs)
        answer = self.head((outputs * is_read).sum(1) / is_read.sum(1))
        return answer * (1 + self.noise * torch.finfo(answer.dtype).eps * (ids.shape[1] > 4))


@pytest.mark.parametrize("noise", [0, 1])
@pytest.mark.parametrize("dtype", DTYPES)
def test_masked_padding_asks_for_lengths(dtype, noise):
    model = Model(dtype, masks=True, noise=noise)
    method = RecurrentShapleyAttribution(model, model.layer)
    with pytest.raises(ValueError, match=r"seem to be padding; pass lengths, here 4"):
        method.attribute(IDS, target=1, estimator="permutations")
    told = method.attribute(IDS, target=1, lengths=torch.tensor([4, 6]), estimator="permutations")
    assert not told[0, 4:].any()
    one = LeaveOneOutAttribution(model, model.layer)
    with pytest.raises(ValueError, match=r"seem to be padding"):
        one.attribute(IDS[:1, [0, 4, 5]], target=1)  # of one token, which would leave nothing


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("dtype", DTYPES)
def test_zeros_that_are_read_are_tokens(dtype, seed):
    torch.manual_seed(seed)
    model = Model(dtype, masks=False)

    def with_scale(ids):  # which is given along, so that the model may know of padding
        return model(ids) * (ids != 0).any(1, keepdim=True)

    method = RecurrentShapleyAttribution(with_scale, model.layer)
    scores = method.attribute(IDS, target=1, estimator="permutations")
    assert scores[0, 4:].abs().gt(0).all()
    assert scores.isfinite().all()
