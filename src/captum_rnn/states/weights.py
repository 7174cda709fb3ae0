"""The weights of a recurrent layer as they were while it ran, as levels and as cells."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from captum_rnn.functional.cells import Cell, CellWeights, GruCell, LstmCell, PlainCell


def running_weights(layer: nn.Module) -> dict[str, Tensor]:
    """The tensors that a layer computes with just now, by name; to be called while it runs.

    `torch.func.functional_call` puts other weights into the layer for one call, and weight drop,
    pruning, weight norm or a parametrization compute them anew for each. Nothing is copied.
    """
    weights: dict[str, Tensor] = dict(layer.named_parameters())
    weights.update(layer.named_buffers())
    if isinstance(layer, nn.RNNBase):
        # Weights that are computed are not parameters; reading them from the layer may draw again.
        flat = zip(layer._flat_weights_names, layer._flat_weights, strict=True)
        weights.update({name: w for name, w in flat if name not in weights and w is not None})
    return {name: weight.detach() for name, weight in weights.items()}


def level_alone(layer: nn.RNNBase, weights: Mapping[str, Tensor], level: int) -> nn.RNNBase:
    """A layer of one level that shares the weights of one level of `layer`."""
    base = next(kind for kind in (nn.RNN, nn.LSTM, nn.GRU) if isinstance(layer, kind))
    options: dict[str, Any] = {"bias": layer.bias, "bidirectional": layer.bidirectional}
    if isinstance(layer, nn.RNN):
        options["nonlinearity"] = layer.nonlinearity
    if isinstance(layer, nn.LSTM):
        options["proj_size"] = layer.proj_size
    features = weights[f"weight_ih_l{level}"].shape[1]
    alone = base(features, layer.hidden_size, device="meta", **options)
    for name, _ in list(alone.named_parameters()):
        weight = weights[name.replace("_l0", f"_l{level}")]
        setattr(alone, name, nn.Parameter(weight, requires_grad=False))
    return alone


def cell_of(
    layer: nn.RNNBase, weights: Mapping[str, Tensor], level: int, direction: int
) -> Cell[Any]:
    """The cell of one direction of one level, in float32 at least."""
    suffix = f"_l{level}" + ("_reverse" if direction == 1 else "")

    def weight(name: str) -> Tensor | None:
        found = weights.get(name + suffix)
        return None if found is None else found.to(torch.promote_types(found.dtype, torch.float32))

    of_input, of_hidden = weight("weight_ih"), weight("weight_hh")
    assert of_input is not None
    assert of_hidden is not None
    cell_weights = CellWeights(
        of_input, of_hidden, weight("bias_ih"), weight("bias_hh"), weight("weight_hr")
    )
    if isinstance(layer, nn.LSTM):
        return LstmCell(cell_weights)
    if isinstance(layer, nn.GRU):
        return GruCell(cell_weights)
    return PlainCell(cell_weights, "relu" if layer.mode == "RNN_RELU" else "tanh")
