"""What a layer reads at its next call may be made when the one before has run."""

import pytest
import torch
from torch import nn

from captum_rnn import HiddenStateDeltaAttribution, LeaveOneOutAttribution


def from_vectors(model, vectors, step):
    return torch.sigmoid(model.gate(vectors[:, step])) * torch.cos(vectors[:, step])


def after_the_first(model, vectors, step):
    return vectors[:, step] if step == 0 else from_vectors(model, vectors, step)


def into_others(model, vectors, step):
    made = torch.zeros(len(vectors), 5)
    with torch.no_grad():
        torch.add(vectors[:, step], 1.0, out=made)
        made += vectors[:, step]
    return from_vectors(model, vectors, step)


def overwritten(model, vectors, step):
    read = vectors[:, step].clone()
    with torch.no_grad():
        vectors[:, step].zero_()
    return read


class Stepwise(nn.Module):
    """Makes what each step reads when the step before is done, or, `at_once`, for all of them."""

    def __init__(self, kind, make, *, at_once):
        super().__init__()
        self.embedding, self.gate = nn.Embedding(30, 5), nn.Linear(5, 5)
        self.layer = nn.GRU(5, 6, batch_first=True)
        self.cell, self.head = nn.GRUCell(5, 6), nn.Linear(6, 2)
        for name, weight in self.cell.named_parameters():
            weight.data.copy_(getattr(self.layer, f"{name}_l0").data)
        self.kind, self.make, self.at_once = kind, make, at_once

    def forward(self, ids):
        vectors, state = self.embedding(ids), None
        if self.at_once:
            steps = [self.make(self, vectors.clone(), step) for step in range(ids.shape[1])]
            return self.head(self.layer(torch.stack(steps, 1))[1][0])
        for step in range(ids.shape[1]):
            read = self.make(self, vectors, step)
            if self.kind == "cell":
                state = self.cell(read, state)
            else:
                state = self.layer(read.unsqueeze(1), state)[1]
        return self.head(state.view(len(ids), 6))


@pytest.mark.parametrize("readout", ["final", "auto", None])
@pytest.mark.parametrize("make", [from_vectors, after_the_first, into_others, overwritten])
@pytest.mark.parametrize("kind", ["cell", "layer"])
def test_they_score_as_in_one_call(kind, make, readout):
    stepwise, at_once = (Stepwise(kind, make, at_once=at_once) for at_once in (False, True))
    at_once.load_state_dict(stepwise.state_dict())
    ids = torch.randint(1, 30, (3, 4))
    found, right = [], []
    for model, scores in ((stepwise, found), (at_once, right)):
        layer = model.cell if kind == "cell" and model is stepwise else model.layer
        explained = (
            LeaveOneOutAttribution(model, layer)
            if readout is None
            else HiddenStateDeltaAttribution(model, layer, readout=readout)
        )
        # In the first run the head is asked, in later ones it is not.
        scores += [explained.attribute(ids, target=1) for _ in range(2)]
    assert (right[0] != 0).all()
    torch.testing.assert_close(found, right, rtol=1e-4, atol=1e-5)
