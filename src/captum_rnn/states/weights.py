"""The weights of one level of a recurrent layer, as a layer of its own or as a cell."""

from typing import Any

import torch
from torch import Tensor, nn

from captum_rnn.functional.cells import Cell, CellWeights, GruCell, LstmCell, PlainCell


def level_alone(layer: nn.RNNBase, level: int) -> nn.RNNBase:
    """A layer of one level that shares the weights of one level of `layer`."""
    base = next(kind for kind in (nn.RNN, nn.LSTM, nn.GRU) if isinstance(layer, kind))
    options: dict[str, Any] = {"bias": layer.bias, "bidirectional": layer.bidirectional}
    if isinstance(layer, nn.RNN):
        options["nonlinearity"] = layer.nonlinearity
    if isinstance(layer, nn.LSTM):
        options["proj_size"] = layer.proj_size
    features = getattr(layer, f"weight_ih_l{level}").shape[1]
    alone = base(features, layer.hidden_size, device="meta", **options)
    for name, _ in list(alone.named_parameters()):
        # A weight under a parametrization, e.g. weight_norm, is a tensor but no parameter.
        weight = getattr(layer, name.replace("_l0", f"_l{level}")).detach()
        setattr(alone, name, nn.Parameter(weight, requires_grad=False))
    return alone


def cell_of(layer: nn.RNNBase, level: int, direction: int) -> Cell[Any]:
    """The cell of one direction of one level, in float32 at least."""
    suffix = f"_l{level}" + ("_reverse" if direction == 1 else "")

    def weight(name: str) -> Tensor | None:
        found: Tensor | None = getattr(layer, name + suffix, None)
        if found is None:
            return None
        return found.detach().to(torch.promote_types(found.dtype, torch.float32))

    of_input, of_hidden = weight("weight_ih"), weight("weight_hh")
    assert of_input is not None
    assert of_hidden is not None
    weights = CellWeights(
        of_input, of_hidden, weight("bias_ih"), weight("bias_hh"), weight("weight_hr")
    )
    if isinstance(layer, nn.LSTM):
        return LstmCell(weights)
    if isinstance(layer, nn.GRU):
        return GruCell(weights)
    return PlainCell(weights, "relu" if layer.mode == "RNN_RELU" else "tanh")


def weights_dtype(layer: nn.RNNBase) -> torch.dtype:
    """The precision of the layer's weights."""
    return next(layer.parameters()).dtype
