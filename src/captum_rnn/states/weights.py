"""The weights of a recurrent layer as they were while it ran, as stacked layers and as cells."""

from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import Tensor, nn

from captum_rnn.functional.cells.cell import Cell
from captum_rnn.functional.cells.gru import GruCell
from captum_rnn.functional.cells.lstm import LstmCell
from captum_rnn.functional.cells.plain import PlainCell
from captum_rnn.functional.cells.weights import CellWeights


def running_weights(layer: nn.Module) -> dict[str, Tensor]:
    """The tensors that a layer computes with just now, by name; to be called while it runs.

    `torch.func.functional_call` puts other weights into the layer for one call, and weight drop,
    pruning, weight norm or a parametrization compute them again for each. Nothing is copied.
    """
    weights: dict[str, Tensor] = {}
    if isinstance(layer, nn.RNNBase):
        # Weights that are computed are not parameters; reading them from the layer may draw again.
        flat = zip(layer._flat_weights_names, layer._flat_weights, strict=True)
        weights.update({name: weight for name, weight in flat if weight is not None})
    if type(layer) not in (nn.RNN, nn.LSTM, nn.GRU):  # which may hold more, and not call torch's
        weights.update(layer.named_parameters())
        weights.update(layer.named_buffers())
    return weights


def running_rounding(states: Tensor) -> float:
    """The relative rounding error of the arithmetic that runs just now, to the states' precision.

    Under autocast, and with TF32 on a GPU, it is larger than the states' precision lets expect.
    """
    device, dtype = states.device.type, states.dtype
    if torch.is_autocast_enabled(device):
        dtype = torch.get_autocast_dtype(device)
    rounding = torch.finfo(dtype).eps
    if device == "cuda" and dtype == torch.float32:
        tf32 = torch.backends.cudnn.allow_tf32 or torch.backends.cuda.matmul.allow_tf32
        rounding = 2.0**-10 if tf32 else rounding
    return rounding


def from_cell(cell: nn.RNNCellBase, *, batch_first: bool = True) -> nn.RNNBase:
    """The layer that takes the steps of a cell, with the cell's own parameters.

    Args:
        cell: An `nn.RNNCell`, `nn.LSTMCell` or `nn.GRUCell`.
        batch_first: Whether the layer reads (batch, time, features).

    Returns:
        An `nn.RNN`, `nn.LSTM` or `nn.GRU` of one layer, in the mode of the cell.

    Raises:
        TypeError: Something else than a cell of torch.

    Example:
        >>> cell = nn.LSTMCell(3, 4)
        >>> layer = from_cell(cell)
        >>> token = torch.randn(2, 3)
        >>> torch.allclose(layer(token.unsqueeze(1))[1][0][0], cell(token)[0])
        True
        >>> layer.weight_ih_l0 is cell.weight_ih
        True
    """
    kinds: list[tuple[type[nn.RNNCellBase], Any]] = [
        (nn.RNNCell, nn.RNN),
        (nn.LSTMCell, nn.LSTM),
        (nn.GRUCell, nn.GRU),
    ]
    bases = [base for kind, base in kinds if isinstance(cell, kind)]
    if not bases:
        raise TypeError(
            f"cell is of type {type(cell).__name__}; expected an nn.RNNCell, nn.LSTMCell or "
            "nn.GRUCell"
        )
    options: dict[str, Any] = {"bias": cell.bias, "batch_first": batch_first, "device": "meta"}
    if isinstance(cell, nn.RNNCell):
        options["nonlinearity"] = cell.nonlinearity
    layer: nn.RNNBase = bases[0](cell.input_size, cell.hidden_size, **options)
    for name, _ in list(layer.named_parameters()):
        weight = getattr(cell, name.removesuffix("_l0"))
        is_parameter = isinstance(weight, nn.Parameter)  # or computed, as under weight norm
        setattr(layer, name, weight if is_parameter else nn.Parameter(weight.detach()))
    layer.train(cell.training)
    return layer


def layer_alone(layer: nn.RNNBase, weights: Mapping[str, Tensor], layer_index: int) -> nn.RNNBase:
    """A module of one layer that shares the weights of one stacked layer of `layer`."""
    options: dict[str, Any] = {"bias": layer.bias, "bidirectional": layer.bidirectional}
    base: Any = nn.GRU if layer.mode == "GRU" else nn.RNN
    if layer.mode == "LSTM":
        base, options["proj_size"] = nn.LSTM, layer.proj_size
    elif base is nn.RNN:
        options["nonlinearity"] = _nonlinearity(layer)
    features = weights[f"weight_ih_l{layer_index}"].shape[1]
    alone: nn.RNNBase = base(features, layer.hidden_size, device="meta", **options)
    for name, _ in list(alone.named_parameters()):
        weight = weights[name.replace("_l0", f"_l{layer_index}")].detach()
        setattr(alone, name, nn.Parameter(weight, requires_grad=False))
    return alone


def cell_of(
    layer: nn.RNNBase, weights: Mapping[str, Tensor], layer_index: int, direction: int
) -> Cell[Any]:
    """The cell of one direction of one stacked layer, in float32 at least."""
    suffix = f"_l{layer_index}" + ("_reverse" if direction == 1 else "")

    def weight(name: str) -> Tensor | None:
        found = weights.get(name + suffix)
        if found is None:
            return None
        return found.detach().to(torch.promote_types(found.dtype, torch.float32))

    of_input, of_hidden = weight("weight_ih"), weight("weight_hh")
    assert of_input is not None
    assert of_hidden is not None
    cell_weights = CellWeights(
        of_input, of_hidden, weight("bias_ih"), weight("bias_hh"), weight("weight_hr")
    )
    if layer.mode == "LSTM":
        return LstmCell(cell_weights)
    if layer.mode == "GRU":
        return GruCell(cell_weights)
    return PlainCell(cell_weights, _nonlinearity(layer))


def _nonlinearity(layer: nn.RNNBase) -> Literal["tanh", "relu"]:
    return "relu" if layer.mode == "RNN_RELU" else "tanh"
