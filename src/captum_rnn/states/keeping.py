"""What is kept of a run in the model's own memory, and copied before the model may write to it.

A copy of the states of a long batch costs as much as a good part of the layer that made them. What
is kept here shares the model's memory instead. While the model runs, each function of torch that
is given that memory is looked at: what is not known to read alone finds that a copy has been made
just before. What changes the memory out of sight, as scripted code may, is found by the version
that torch counts of a tensor, and is an error.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from captum_rnn.states.operations import CONVERSIONS, LOOKUPS, MOVES, names, tensors

_READ = (
    MOVES
    | LOOKUPS
    | CONVERSIONS
    | names(
        "shape size dim numel dtype device linear matmul mm bmm addmm baddbmm einsum dot mv "
        "embedding bilinear mean sum max min amax amin argmax argmin topk sort argsort norm "
        "logsumexp prod std var cumsum softmax log_softmax sigmoid tanh relu gelu silu elu "
        "selu leaky_relu softplus exp log sqrt abs neg pow sin cos dropout layer_norm "
        "batch_norm group_norm rms_norm adaptive_avg_pool1d adaptive_max_pool1d max_pool1d "
        "avg_pool1d conv1d conv2d scaled_dot_product_attention multi_head_attention_forward "
        "where masked_fill eq ne lt le gt ge isnan any all item tolist add sub mul div "
        "maximum minimum clamp __add__ __radd__ __sub__ __rsub__ __mul__ __rmul__ __truediv__ "
        "__rtruediv__ __matmul__ __rmatmul__ __neg__ __pow__ __eq__ __ne__ __lt__ __le__ "
        "__gt__ __ge__ __bool__ __len__ __float__ __int__ cross_entropy mse_loss nll_loss "
        "binary_cross_entropy_with_logits cosine_similarity normalize pad_packed_sequence "
        "_pad_packed_sequence is_floating_point is_complex lstm gru rnn_tanh rnn_relu "
        "requires_grad_ register_hook retain_grad is_inference is_contiguous stride "
        "storage_offset element_size get_device __hash__ __repr__ __format__ "
        "_set_grad_enabled"
    )
)
"""The names of functions that only read what they are given, unless they are told otherwise."""
_PROPERTIES_THAT_READ = names(
    "T mT H mH shape dtype device is_cuda requires_grad ndim layout grad_fn grad real imag is_leaf "
    "is_sparse is_quantized is_mkldnn is_meta itemsize nbytes names _version"
)


class _Same(torch.autograd.Function):
    """The same tensor in the same memory, made of it as a copy is, but no view of it."""

    @staticmethod
    def forward(_: Any, tensor: Tensor) -> Tensor:
        return tensor.detach()

    @staticmethod
    def backward(_: Any, *gradients: Tensor) -> Tensor:
        return gradients[0]


class _Kept(NamedTuple):
    ours: Tensor
    of_model: Tensor
    version: int


class Keeping:
    """What is kept of a run in the model's own memory."""

    def __init__(self) -> None:
        self._kept: dict[int, list[_Kept]] = {}
        self._lent: dict[int, Tensor] = {}

    def has_lent(self, tensor: Tensor) -> bool:
        """Whether the model was given the tensor by `lend`."""
        return id(tensor) in self._lent

    def keep(self, tensor: Tensor, *, in_graph: bool = False) -> Tensor:
        """A tensor with what another one holds now, whatever becomes of that.

        Args:
            tensor: A tensor of the model.
            in_graph: Whether derivatives go on to what the tensor was made of.
        """
        if tensor.is_inference():  # nothing counts how often it is changed
            return (tensor if in_graph else tensor.detach()).clone()
        ours = _Same.apply(tensor) if in_graph else tensor.detach()  # type: ignore[no-untyped-call]
        return self._keep(ours, tensor)

    def lend(self, leaf: Tensor) -> Tensor:
        """What the model is to read instead of a leaf, made of it; the leaf stays what it is."""
        if leaf.is_inference() or torch.is_inference_mode_enabled():
            return leaf.clone()
        lent = _Same.apply(leaf)  # type: ignore[no-untyped-call]
        self._keep(leaf, lent)
        self._lent[id(lent)] = lent
        return lent  # type: ignore[no-any-return]

    def before(
        self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        """Copies what a function is given and may write to; called before it runs."""
        if not self._kept or _only_reads(func, args, kwargs):
            return
        for tensor in tensors(args, kwargs):
            for kept in self._kept.pop(memory_of(tensor), ()):
                kept.ours.data = kept.ours.detach().clone()

    def check(self) -> None:
        """Ends with the run; ValueError if something was changed that no copy is made of."""
        every = [kept for shared in self._kept.values() for kept in shared]
        self._kept = {}
        if any(kept.of_model._version != kept.version for kept in every):
            raise ValueError(
                "the model changes states of its recurrent layer, or what the layer read, in "
                "place and out of sight, e.g. in scripted code; let it change a copy, by .clone()"
            )

    def _keep(self, ours: Tensor, of_model: Tensor) -> Tensor:
        kept = _Kept(ours, of_model, of_model._version)
        self._kept.setdefault(memory_of(of_model), []).append(kept)
        return ours


def _only_reads(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    if kwargs and (kwargs.get("inplace") or kwargs.get("out") is not None):
        return False
    name = func.__name__
    if name == "__get__":
        return func.__self__.__name__ in _PROPERTIES_THAT_READ  # type: ignore[attr-defined]
    # A last `True` may be an `inplace` given by position.
    return name in _READ and not (args and args[-1] is True)


def memory_of(tensor: Tensor) -> int:
    """Where the memory of a tensor begins, which it shares with its views."""
    try:
        return tensor.untyped_storage().data_ptr()
    except (NotImplementedError, RuntimeError):  # a tensor without memory of its own
        return 0
