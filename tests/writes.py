"""Ways to write into a tensor, seen and unseen by torch's functions."""

import threading
import warnings

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode


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

    @torch.jit.script
    def scripted_beside(tensor: torch.Tensor) -> torch.Tensor:
        """The same, where the tensor does not count it as a change."""
        return tensor.data.fill_(3.0)


class Holder:
    """Not a tensor, but taken for one by torch's functions."""

    def __init__(self, tensor):
        self.tensor = tensor

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        return func(*[held.tensor.data for held in args])


class Zeroing(TorchDispatchMode):
    """Writes below the functions of torch."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        args[0].data.zero_()
        return func(*args, **(kwargs or {}))


@torch.library.custom_op("captum_rnn_tests::relu", mutates_args=("tensor",))
def named_like_one_of_torchs(tensor: torch.Tensor) -> None:
    tensor.numpy()[:] = 0.0


def below(tensor):
    with Zeroing():
        tensor.sum()


def in_a_hook(tensor):
    with torch.enable_grad():
        other = torch.ones(1, requires_grad=True) * 2
        other.register_hook(lambda gradient: gradient + tensor.data.zero_().sum())
        other.sum().backward()


def in_a_thread(tensor):
    thread = threading.Thread(target=tensor.data.zero_)
    thread.start()
    thread.join()


def unseen(tensor):
    with torch._C.DisableTorchFunction():
        tensor.data.zero_()


def as_running_mean(tensor):
    F.batch_norm(torch.ones(2, tensor.numel()), flat(tensor), flat(tensor), training=True)


def as_table(tensor):
    F.embedding(torch.tensor([0, 1]), flat(tensor).view(-1, 5), max_norm=0.01)


def resized(tensor):
    torch.cat([tensor.detach() * 0] * 3, out=tensor.detach())


def flat(tensor):
    dense = tensor.detach() if tensor.is_contiguous() else tensor.detach().transpose(0, 1)
    return dense.view(-1)


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
    "scripted, beside": scripted_beside,
    "a holder": lambda t: torch.relu_(Holder(t.mul_(-1))),
    "below": below,
    "an operation of one's own": named_like_one_of_torchs,
    "in a hook": in_a_hook,
    "in a thread": in_a_thread,
    "unseen": unseen,
    "vmap": lambda t: torch.vmap(lambda row: row.mul_(0.0))(t),
    "sparse": lambda t: torch.sparse_coo_tensor(torch.arange(len(flat(t)))[None], flat(t)).mul_(0),
    "as_running_mean": as_running_mean,
    "as_table": as_table,
    "resized": resized,
    "resize_": lambda t: t.detach().resize_(1000).zero_(),
    "its storage": lambda t: t.detach().untyped_storage().resize_(0),
}
