"""A model may write into its states and word vectors in any way: as if it wrote into copies."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

from captum_rnn import (
    AdjointDeltaAttribution,
    HiddenStateDeltaAttribution,
    LogitDeltaAttribution,
    RecurrentDeepLiftAttribution,
    RecurrentShapleyAttribution,
)
from captum_rnn.states import keeping
from writes import WRITES

WORDS, FEATURES, HIDDEN = 30, 5, 5


class Model(nn.Module):
    """Reads its last state, then writes into the outputs of its layer or what that has read."""

    def __init__(self, write, what, *, copies):
        super().__init__()
        self.embedding = nn.Embedding(WORDS, FEATURES)
        self.layer = nn.GRU(FEATURES, HIDDEN, batch_first=True)
        self.head, self.write, self.what = nn.Linear(HIDDEN, 2), write, what
        self.copies = copies

    def forward(self, ids):
        vectors, read = self.read(ids)
        states = self.layer(read)
        answer = self.head(self.last(states).clone())
        written = states[0] if self.what == "outputs" else vectors
        with torch.no_grad():
            self.write(written.clone() if self.copies else written)
        return answer

    def read(self, ids):
        """The vectors of the words, in the memory that the layer reads, and what it is given."""
        vectors = self.embedding(ids)
        if self.what == "gathered":
            vectors = vectors[:, torch.arange(ids.shape[1])]
        if self.what == "selected":
            vectors = vectors.index_select(1, torch.arange(ids.shape[1]))
        if self.what != "packed":
            return vectors, vectors
        packed = pack_padded_sequence(vectors, [ids.shape[1]] * len(ids), batch_first=True)
        return packed.data, packed

    def last(self, answer):
        """The last state, of the outputs where they are not packed."""
        outputs, final = answer
        return final[-1] if self.what == "packed" else outputs[:, -1]


READ = ["vectors", "gathered", "selected", "packed"]
METHODS = {
    "final": lambda model: HiddenStateDeltaAttribution(model, model.layer),
    "auto": lambda model: HiddenStateDeltaAttribution(model, model.layer, readout="auto"),
    "logit": lambda model: LogitDeltaAttribution(model, model.layer),
    "adjoint": lambda model: AdjointDeltaAttribution(model, model.layer),
    "shapley": lambda model: RecurrentShapleyAttribution(model, model.layer),
    "deep lift": lambda model: RecurrentDeepLiftAttribution(model, model.layer),
}


def scores(model, method, ids):
    """The scores of a second run, in which nothing is asked of the head that the first one told."""
    target = {} if method in ("final", "auto") else {"target": 1}
    explained, write = METHODS[method](model), model.write
    model.write = lambda _: None
    explained.attribute(torch.randint(1, WORDS, (3, 4)), **target)
    model.write = write
    torch.manual_seed(0)
    return explained.attribute(ids, **target)


@pytest.mark.filterwarnings("ignore::UserWarning")  # of outputs that are resized
@pytest.mark.parametrize("method", ["final", "auto", "logit", "adjoint"])
@pytest.mark.parametrize("what", ["outputs", *READ])
@pytest.mark.parametrize("write", WRITES)
def test_what_was_recorded_is_what_the_layer_did(write, what, method):
    models = [Model(WRITES[write], what, copies=copies) for copies in (False, True)]
    models[1].load_state_dict(models[0].state_dict())
    ids = torch.randint(1, WORDS, (3, 4))
    found, right = (scores(model, method, ids) for model in models)
    torch.testing.assert_close(found, right, rtol=0, atol=1e-6)


class Storing(Model):
    """Keeps what it reads, and writes into that when it runs again."""

    def forward(self, ids):
        for tensor in vars(self).pop("kept", ()):
            with torch.no_grad():
                self.write(tensor)
        vectors, read = self.read(ids)
        states = self.layer(read)
        self.kept = [
            (part.clone() if self.copies else part).detach() for part in (states[0].data, vectors)
        ]
        return self.head(self.last(states))


class Sharing(Model):
    """Shares the memory of what the layer is about to read with an array, which it changes."""

    def forward(self, ids):
        vectors, read = self.read(ids)
        array = (vectors.clone() if self.copies else vectors).detach().numpy()
        states = self.layer(read)
        array[:] = 0.0
        return self.head(self.last(states))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("write", ["data", "of_numpy", "a view"])
@pytest.mark.parametrize("what", READ)
@pytest.mark.parametrize("kind", [Storing, Sharing])
def test_writes_before_and_after_the_run(kind, what, write, method):
    models = [kind(WRITES[write], what, copies=copies) for copies in (False, True)]
    models[1].load_state_dict(models[0].state_dict())
    ids = torch.randint(1, WORDS, (3, 4))
    found, right = (scores(model, method, ids) for model in models)
    torch.testing.assert_close(found, right, rtol=0, atol=1e-6)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("what", ["outputs", *READ])
@pytest.mark.parametrize("write", sorted(WRITES))
def test_in_inference_mode(write, what):
    models = [Model(WRITES[write], what, copies=copies) for copies in (False, True)]
    models[1].load_state_dict(models[0].state_dict())
    ids = torch.randint(WORDS, (3, 4))
    with torch.inference_mode():
        found, right = (METHODS["final"](model).attribute(ids) for model in models)
    torch.testing.assert_close(found, right, rtol=0, atol=1e-6)


@pytest.mark.parametrize("what", ["outputs", "gathered", "selected", "packed"])
@pytest.mark.parametrize("method", METHODS)
def test_no_memory_is_taken_where_nobody_writes(method, what, monkeypatch):
    model = Model(lambda tensor: tensor.sum(), what, copies=False)
    ids, late, cloned, clone = torch.randint(1, WORDS, (8, 20)), [], [], torch.Tensor.clone

    def sharing(tensor):
        late.append(torch._lazy_clone(tensor))
        return late[-1]

    def counted(tensor, **named):
        cloned.append(tensor.numel())
        return clone(tensor, **named)

    scores(model, method, ids)
    monkeypatch.setattr(keeping, "_SHARING", sharing)
    monkeypatch.setattr(torch.Tensor, "clone", counted)
    scores(model, method, ids)
    states = [copy for copy in late if copy.numel() == ids.numel() * HIDDEN]
    # What is read and answered; of gathered vectors, those that they are gathered from, too.
    assert len(states) >= (2 if what == "outputs" else 4)
    assert all(map(torch._C._is_cow_tensor, states))
    asks_head = what == "packed"  # which reads the last state, longer than before
    assert method != "final" or asks_head or max(cloned) < ids.numel() * HIDDEN


@pytest.mark.parametrize(
    "tensor",
    [
        torch.from_numpy(np.ones((2, 3), np.float32)),
        torch.ones(2, 3).share_memory_(),
        torch.ones(3).expand(2, 3),
        torch.ones(4, 3)[1:3],
        torch.ones(2, 3, device="meta"),
        torch.ones(2, 3).to_sparse(),
        torch.ones(2, 3, dtype=torch.int64),
        nn.Parameter(torch.ones(2, 3)),
        torch.ones(2, 0),
    ],
)
def test_any_tensor_can_be_copied_late(tensor):
    copy = keeping.late_copy(tensor)
    assert copy.shape == tensor.shape
    if tensor.device.type == "cpu":
        with torch.no_grad():
            copy.mul_(2)
        assert torch.equal(tensor.to_dense(), torch.ones(tensor.shape, dtype=tensor.dtype))
        assert torch.equal(copy.to_dense(), 2 * torch.ones(tensor.shape, dtype=tensor.dtype))
