"""Which modules are followed: torch's recurrent layers, and others that show their states."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NoReturn

import torch
from torch import nn

from captum_rnn.states.weights import from_cell

_PLEASE = (
    "pass the nn.RNN, nn.LSTM or nn.GRU of the model as layer, e.g. "
    "HiddenStateDeltaAttribution(model, model.lstm)"
)


@dataclass(frozen=True)
class LayerForm:
    """How a layer lays out what it reads and answers.

    Attributes:
        batch_first: Whether it reads (batch, time, features).
        directions: 2 of a bidirectional layer of torch, else 1.
        num_layers: How many stacked layers can be told apart.
        has_cells: Whether it has the cell states of an LSTM.
        has_gates: Whether it has the weights of one of torch's layers, which tell its gates.
    """

    batch_first: bool
    directions: int = 1
    num_layers: int = 1
    has_cells: bool = False
    has_gates: bool = False


def form_of(layer: nn.Module) -> LayerForm:
    """The form of a layer; one that is not torch's reads batch first, unless it says otherwise."""
    if not isinstance(layer, nn.RNNBase):
        return LayerForm(bool(getattr(layer, "batch_first", True)))
    batch_first = layer.batch_first
    directions = 2 if layer.bidirectional else 1
    return LayerForm(batch_first, directions, layer.num_layers, layer.mode == "LSTM", True)


def runs_torchs_own_code(layer: nn.Module) -> bool:
    """Whether nothing was added to or changed in what torch's layer does.

    Hooks on all modules run before those on a layer, and may change what it answers.
    """
    is_torchs = type(layer) in (nn.RNN, nn.LSTM, nn.GRU) and "forward" not in vars(layer)
    return is_torchs and not nn.modules.module._global_forward_hooks


def torch_layer(layer: object) -> nn.RNNBase:
    """As `recurrent_layer`, for what needs a layer of torch; TypeError if it is another one."""
    found = recurrent_layer(layer)
    if not isinstance(found, nn.RNNBase):
        raise TypeError(
            f"the layer is of type {type(found).__name__}; expected an nn.RNN, nn.LSTM or nn.GRU"
        )
    return found


def recurrent_layer(layer: object) -> nn.Module:
    """Returns `layer`, or what `torch.compile` wraps in it, if it can be followed.

    Of an `nn.RNNCell`, `nn.LSTMCell` or `nn.GRUCell` it is the layer that takes its steps. Else it
    is an `nn.RNN`, `nn.LSTM`, `nn.GRU` or a subclass, or a module of the caller's own whose
    output is a sequence of states (batch, time, features), or begins with one.

    Raises:
        TypeError: It is something else; the error says what to pass.
    """
    if isinstance(layer, nn.RNNBase):
        return layer
    if hasattr(layer, "_orig_mod"):
        return recurrent_layer(layer._orig_mod)
    kind = layer.__name__ if isinstance(layer, type) else type(layer).__name__
    if isinstance(layer, (list, tuple)):
        raise TypeError(
            f"layer is a {kind} of {len(layer)} layers, but this method looks at one; pass one of "
            "them, or use AdjointDeltaAttribution or another method that looks at the class"
        )
    if not isinstance(layer, nn.Module):
        raise TypeError(f"the layer is of type {kind}, which is not recurrent; {_PLEASE}")
    _refuse_what_runs_unseen(layer, kind)
    held = [name for name, module in layer.named_modules() if isinstance(module, nn.RNNBase)]
    if held:
        names = " or ".join(f"its .{name}" for name in held)
        which = type(layer.get_submodule(held[0])).__name__
        if len(held) > 1:
            names += f", or several of them as {as_list(held)} where the method looks at the class"
        raise TypeError(
            f"the layer is of type {kind}, which is not recurrent itself but holds "
            f"{f'one {which}' if len(held) == 1 else f'{len(held)} recurrent layers'}; pass {names}"
        )
    if isinstance(layer, nn.RNNCellBase):
        return from_cell(layer)
    if type(layer).__module__.startswith("torch.nn."):
        raise TypeError(f"the layer is of type {kind}, which is not recurrent; {_PLEASE}")
    return layer


def parts_of(layer: nn.Module) -> list[str]:
    """The names of the modules in a layer that may be recurrent themselves, the outermost ones."""
    found: list[str] = []
    for name, module in layer.named_modules():
        is_torchs = type(module).__module__.startswith("torch.nn.")
        is_recurrent = isinstance(module, (nn.RNNBase, nn.RNNCellBase)) or not is_torchs
        inside = any(name.startswith(f"{outer}.") for outer in found)
        if name and is_recurrent and not inside and any(True for _ in module.parameters()):
            found.append(name)
    return found


def as_list(names: list[str]) -> str:
    """How modules in a layer are passed as several layers, for errors."""
    return f"layer=[{', '.join(f'rnn.{name}' for name in names)}]"


def can_be_watched(layer: object) -> bool:
    """Whether a hook can be put on it; of what kind it is, is judged when it has run."""
    return isinstance(layer, nn.Module) and not isinstance(layer, torch.jit.ScriptModule)


def refuse_what_is_not_recurrent(layers: Iterable[object]) -> None:
    """Raises TypeError for the first of some layers that cannot be followed."""
    for layer in layers:
        recurrent_layer(layer)


def _refuse_what_runs_unseen(layer: nn.Module, kind: str) -> None:
    """Raises TypeError for a layer whose weights or calls cannot be seen."""

    def refuse(what: str) -> NoReturn:
        raise TypeError(
            f"the layer is of type {kind}: {what}; explain the model as it was before, with a "
            "layer in Python"
        )

    where = type(layer).__module__
    if isinstance(layer, torch.jit.ScriptModule):
        name = getattr(layer, "original_name", kind)
        refuse(f"a scripted {name} tells no hook what it reads and answers")
    exported = type(layer) is nn.Module or isinstance(layer, torch.fx.GraphModule)
    if exported or where.startswith("torch.export"):
        refuse("what an exported model keeps of a layer, which is never called")
    if ".quantized." in where or ".quantizable." in where:
        refuse("its weights are quantised, and torch's kernel for them shows no gates")
