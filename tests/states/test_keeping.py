"""A model may write into its states and word vectors in any way: as if it wrote into copies."""

import warnings

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from captum_rnn import AdjointDeltaAttribution, HiddenStateDeltaAttribution, LogitDeltaAttribution

WORDS, FEATURES, HIDDEN = 30, 5, 5


class Dirtying(torch.autograd.Function):
    """Writes in place in an autograd function of one's own."""

    @staticmethod
    def forward(ctx, tensor):
        ctx.mark_dirty(tensor)
        return tensor.zero_()

    @staticmethod
    def backward(ctx, gradient):
        return gradient


with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)

    @torch.jit.script
    def scripted(tensor: torch.Tensor) -> torch.Tensor:
        """Writes where only torch's own interpreter sees it."""
        return tensor.fill_(3.0)


def set_item(tensor):
    tensor[:, 1:] = 2.0


def add_to(tensor):
    tensor += 1.0


def of_numpy(tensor):
    tensor.detach().numpy()[:] = 4.0


def as_array(tensor):
    np.asarray(tensor.detach())[:] = 4.0


WRITES = {
    "relu_": lambda t: t.relu_(),
    "torch.relu_": lambda t: torch.relu_(t),
    "functional": lambda t: F.relu(t, inplace=True),
    "functional, by position": lambda t: F.relu(t, True),
    "a module": lambda t: nn.Hardtanh(-0.1, 0.1, inplace=True)(t),
    "dropout": lambda t: F.dropout(t, 0.9, True, True),
    "set_item": set_item,
    "add_to": add_to,
    "a view": lambda t: t[:, 1].fill_(3.0),
    "views": lambda t: [part.zero_() for part in t.unbind(1)[1:]],
    "transposed": lambda t: t.transpose(0, 1).flatten(1)[0].zero_(),
    "out": lambda t: torch.mul(t, 0.0, out=t),
    "detached": lambda t: t.detach().zero_(),
    "data": lambda t: t.data.zero_(),
    "of_numpy": of_numpy,
    "as_array": as_array,
    "dlpack": lambda t: torch.from_dlpack(t.detach()).zero_(),
    "foreach": lambda t: torch._foreach_zero_([t]),
    "aten": lambda t: torch.ops.aten.zero_(t),
    "storage": lambda t: t.detach().untyped_storage().fill_(0),
    "index_put_": lambda t: t.index_put_((torch.tensor([0]),), torch.zeros(1)),
    "copy_": lambda t: t.copy_(torch.ones_like(t)),
    "swapped": lambda t: t.data.copy_(t.data.flip(1).clone()),
    "an autograd function": Dirtying.apply,
    "scripted": scripted,
}


class Model(nn.Module):
    """Reads its last state, then writes into the outputs of its layer or what that has read."""

    def __init__(self, write, what, *, copies):
        super().__init__()
        self.embedding = nn.Embedding(WORDS, FEATURES)
        self.layer = nn.GRU(FEATURES, HIDDEN, batch_first=True)
        self.head, self.write, self.what = nn.Linear(HIDDEN, 2), write, what
        self.copies = copies

    def forward(self, ids):
        vectors = self.embedding(ids)
        outputs, _ = self.layer(vectors)
        answer = self.head(outputs[:, -1].clone())
        written = outputs if self.what == "outputs" else vectors
        with torch.no_grad():
            self.write(written.clone() if self.copies else written)
        return answer


METHODS = {
    "final": lambda model: HiddenStateDeltaAttribution(model, model.layer),
    "auto": lambda model: HiddenStateDeltaAttribution(model, model.layer, readout="auto"),
    "logit": lambda model: LogitDeltaAttribution(model, model.layer),
    "adjoint": lambda model: AdjointDeltaAttribution(model, model.layer),
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("what", ["outputs", "vectors"])
@pytest.mark.parametrize("write", WRITES)
def test_what_was_recorded_is_what_the_layer_did(write, what, method):
    models = [Model(WRITES[write], what, copies=copies) for copies in (False, True)]
    models[1].load_state_dict(models[0].state_dict())
    ids = torch.randint(WORDS, (3, 4))
    target = {} if method in ("final", "auto") else {"target": 1}
    right = METHODS[method](models[1]).attribute(ids, **target)
    explained = METHODS[method](models[0])
    # A method that reads derivatives hands the model a copy of its outputs.
    if write == "scripted" and (what == "vectors" or method == "final"):
        with pytest.raises(ValueError, match=r"\.clone\(\)"):
            explained.attribute(ids, **target)
    else:
        found = explained.attribute(ids, **target)
        torch.testing.assert_close(found, right, rtol=0, atol=1e-6)


@pytest.mark.parametrize("what", ["outputs", "vectors"])
@pytest.mark.parametrize("write", sorted(WRITES))
def test_in_inference_mode(write, what):
    models = [Model(WRITES[write], what, copies=copies) for copies in (False, True)]
    models[1].load_state_dict(models[0].state_dict())
    ids = torch.randint(WORDS, (3, 4))
    with torch.inference_mode():
        found, right = (METHODS["final"](model).attribute(ids) for model in models)
    torch.testing.assert_close(found, right, rtol=0, atol=1e-6)


def test_no_copy_is_made_of_a_long_batch():
    model = Model(lambda tensor: tensor.sum(), "outputs", copies=False)
    copied = []

    def clone(tensor, **named):
        copied.append(tensor.numel())
        return of_torch(tensor, **named)

    ids = torch.randint(WORDS, (8, 20))
    of_torch = torch.Tensor.clone
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.Tensor, "clone", clone)
        METHODS["final"](model).attribute(ids)
    assert max(copied) < ids.numel() * HIDDEN
