"""An independent reference: cells stepped token by token in float64, scores in plain loops."""

import math

import torch
from torch import Tensor, nn

KINDS = ["rnn_tanh", "rnn_relu", "lstm", "gru", "lstm_projected"]


def make_layer(kind: str, features: int = 5, hidden: int = 12, **options) -> nn.RNNBase:
    if kind.startswith("rnn"):
        return nn.RNN(features, hidden, nonlinearity=kind.removeprefix("rnn_"), **options)
    if kind == "gru":
        return nn.GRU(features, hidden, **options)
    return nn.LSTM(features, hidden, proj_size=4 if kind == "lstm_projected" else 0, **options)


def make_initial_state(layer: nn.RNNBase, batch: int) -> Tensor | tuple[Tensor, Tensor]:
    number = layer.num_layers * (2 if layer.bidirectional else 1)
    dtype = layer.weight_ih_l0.dtype
    hidden = torch.randn(number, batch, layer.proj_size or layer.hidden_size, dtype=dtype)
    if isinstance(layer, nn.LSTM):
        return hidden, torch.randn(number, batch, layer.hidden_size, dtype=dtype)
    return hidden


def top_states(layer: nn.RNNBase, sequence: Tensor, initial=None) -> list[Tensor]:
    """States (time + 1, hidden) of each direction of the top layer, in its order of reading.

    `sequence` is (time, features); `initial` as the layer takes it, for one row.
    """
    directions = 2 if layer.bidirectional else 1
    layer_input = sequence.double()
    for layer_index in range(layer.num_layers):
        paths = []
        for direction in range(directions):
            steps = layer_input if direction == 0 else layer_input.flip(0)
            start = _start(layer, layer_index * directions + direction, initial)
            suffix = f"_l{layer_index}" + ("_reverse" if direction else "")
            paths.append(_walk(layer, suffix, steps, start))
        outputs = [path[1:] if d == 0 else path[1:].flip(0) for d, path in enumerate(paths)]
        layer_input = torch.cat(outputs, 1)
    return paths


def _start(layer, index, initial):
    hidden = torch.zeros(layer.proj_size or layer.hidden_size, dtype=torch.float64)
    cell = torch.zeros(layer.hidden_size, dtype=torch.float64)
    if isinstance(initial, tuple):
        return initial[0][index].double(), initial[1][index].double()
    return (hidden if initial is None else initial[index].double()), cell


def _walk(layer, suffix, steps, start) -> Tensor:
    weights = {
        name: getattr(layer, name + suffix).detach().double()
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr")
        if hasattr(layer, name + suffix)
    }
    hidden, cell = start
    if layer.proj_size:
        step = _projected_step(weights)
    else:
        step = _cell_step(layer, weights, steps.shape[1])
    path = [hidden]
    for token in steps:
        hidden, cell = step(token, hidden, cell)
        path.append(hidden)
    return torch.stack(path)


def _cell_step(layer, weights, features):
    options = {"nonlinearity": layer.nonlinearity} if isinstance(layer, nn.RNN) else {}
    kinds = {nn.RNN: nn.RNNCell, nn.LSTM: nn.LSTMCell, nn.GRU: nn.GRUCell}
    cell_kind = next(cell for kind, cell in kinds.items() if isinstance(layer, kind))
    cell_module = cell_kind(features, layer.hidden_size, bias=layer.bias, **options).double()
    cell_module.load_state_dict(weights)

    def step(token, hidden, cell):
        with torch.no_grad():
            if isinstance(layer, nn.LSTM):
                after, cell = cell_module(token[None], (hidden[None], cell[None]))
                return after[0], cell[0]
            return cell_module(token[None], hidden[None])[0], cell

    return step


def _projected_step(weights):
    def step(token, hidden, cell):
        gates = weights["weight_ih"] @ token + weights["weight_hh"] @ hidden
        if "bias_ih" in weights:
            gates = gates + weights["bias_ih"] + weights["bias_hh"]
        in_gate, forget_gate, candidate, out_gate = gates.chunk(4)
        cell = forget_gate.sigmoid() * cell + in_gate.sigmoid() * candidate.tanh()
        return weights["weight_hr"] @ (out_gate.sigmoid() * cell.tanh()), cell

    return step


def distance(kind: str, state: Tensor, target: Tensor) -> float:
    state, target = state.tolist(), target.tolist()
    differences = [abs(a - b) for a, b in zip(target, state, strict=True)]
    dot = sum(a * b for a, b in zip(state, target, strict=True))
    norm, state_norm = math.hypot(*target), math.hypot(*state)
    if kind == "cosine":
        return 1 - (dot / (norm * state_norm) if norm * state_norm else 0.0)
    if kind == "projection":
        return norm - dot / norm
    return {"l1": sum, "l2": lambda d: math.hypot(*d), "linf": max}[kind](differences)


def scores(paths: list[Tensor], kind: str = "l2", normalize: bool = True) -> list[float]:
    """Scores of the tokens of one row, in reading order of the text; final readout."""
    tokens = len(paths[0]) - 1
    raw, scale = [0.0] * tokens, 0.0
    for direction, path in enumerate(paths):
        target = path[-1]
        scale += 1.0 if kind == "cosine" else distance(kind, torch.zeros_like(target), target)
        for step in range(tokens):
            gain = distance(kind, path[step], target) - distance(kind, path[step + 1], target)
            raw[step if direction == 0 else tokens - 1 - step] += gain
    return [value / scale for value in raw] if normalize else raw


def batch_scores(layer, inputs, initial, lengths, **options):
    """`scores` of every row (batch, time), 0 beyond its length."""
    rows = torch.zeros(inputs.shape[:2], dtype=torch.float64)
    for row, length in enumerate(lengths):
        start = initial
        if isinstance(initial, tuple):
            start = tuple(state[:, row] for state in initial)
        elif initial is not None:
            start = initial[:, row]
        paths = top_states(layer, inputs[row, :length], start)
        rows[row, :length] = torch.tensor(scores(paths, **options), dtype=torch.float64)
    return rows
