"""An independent reference for derivatives: torch's cells unrolled under autograd, in float64.

To every state a zero is added where it leaves its step towards the next one and the classifier; the
gradient of that zero is the total derivative with respect to the state. The layer above reads the
state without it, as the step that it belongs to is over by then.
"""

import copy

import torch
from torch import Tensor, nn


class Unrolled:
    """One row through a recurrent layer and what reads it.

    States and derivatives are indexed [layer_index][direction] and stand in that direction's order
    of reading; scores come back in the order of the text.
    """

    def __init__(self, reader: nn.Module, sequence: Tensor, initial=None, target: int = 1):
        reader = copy.deepcopy(reader).double().requires_grad_(False)
        self.layer = reader.layer
        self.directions = 2 if self.layer.bidirectional else 1
        self.time = len(sequence)
        self._walk(sequence.double(), initial)
        outputs = torch.cat(
            [self._in_text_order(path[1:], d) for d, path in enumerate(self._carried[-1])], 1
        )
        finals = [path[-1] for of_layer in self._carried for path in of_layer]
        cell_finals = [path[-1] for of_layer in self._carried_cells for path in of_layer]
        has_cells = isinstance(self.layer, nn.LSTM)
        read = (outputs, torch.stack(finals), torch.stack(cell_finals) if has_cells else None)
        value = reader.read(*read)[target]
        self.value = value.item()
        self._differentiate(value, *read)

    def _walk(self, layer_input, initial):
        self.steps, self.inputs, self.states, self.cells = [], [], [], []
        self._carried, self._carried_cells, self._zeros, self._cell_zeros = [], [], [], []
        for layer_index in range(self.layer.num_layers):
            self.inputs.append(layer_input.detach())
            for rooms in (self.steps, self.states, self.cells, self._carried, self._carried_cells):
                rooms.append([])
            self._zeros.append([])
            self._cell_zeros.append([])
            for direction in range(self.directions):
                tokens = self._in_text_order(layer_input, direction)
                self._walk_direction(layer_index, direction, tokens, initial)
            layer_input = torch.cat(
                [self._in_text_order(path[1:], d) for d, path in enumerate(self.states[-1])], 1
            )
        self.states = [[path.detach() for path in of_layer] for of_layer in self.states]
        self.cells = [[path.detach() for path in of_layer] for of_layer in self.cells]

    def _walk_direction(self, layer_index, direction, tokens, initial):
        step = make_step(self.layer, layer_index, direction)
        hidden, cell = _start(self.layer, layer_index * self.directions + direction, initial)
        zeros = torch.zeros(self.time + 1, len(hidden), dtype=torch.float64, requires_grad=True)
        cell_zeros = torch.zeros(self.time + 1, len(cell), dtype=torch.float64, requires_grad=True)
        states, cells = [hidden], [cell]
        carried, carried_cells = [hidden + zeros[0]], [cell + cell_zeros[0]]
        for token, zero, cell_zero in zip(tokens, zeros[1:], cell_zeros[1:], strict=True):
            hidden, cell = step(token, carried[-1], carried_cells[-1])
            states.append(hidden)
            cells.append(cell)
            carried.append(hidden + zero)
            carried_cells.append(cell + cell_zero)
        self.steps[-1].append(step)
        self.states[-1].append(torch.stack(states))
        self.cells[-1].append(torch.stack(cells))
        self._carried[-1].append(torch.stack(carried))
        self._carried_cells[-1].append(torch.stack(carried_cells))
        self._zeros[-1].append(zeros)
        self._cell_zeros[-1].append(cell_zeros)

    def _differentiate(self, value, outputs, finals, cell_finals):
        leaves = [
            zeros
            for rooms in (self._zeros, self._cell_zeros)
            for of_layer in rooms
            for zeros in of_layer
        ]
        ends = [finals] if cell_finals is None else [finals, cell_finals]
        *found, of_outputs, of_finals, of_cells = [
            *torch.autograd.grad(
                value, [*leaves, outputs, *ends], allow_unused=True, materialize_grads=True
            ),
            *([None] if cell_finals is None else []),
        ]
        self._finals, self._cell_finals = of_finals, of_cells
        count = len(leaves) // 2
        by_layer = [
            [
                flat[layer_index * self.directions :][: self.directions]
                for layer_index in range(len(self.states))
            ]
            for flat in (found[:count], found[count:])
        ]
        self.worth, self.cell_worth = by_layer
        """Total derivatives (time + 1, state) with respect to all states, the initial one first."""
        self.adjoint, self.cell_adjoint = (
            [[of_states[1:] for of_states in of_layer] for of_layer in worth] for worth in by_layer
        )
        """The same of the state after each step (time, state)."""
        self.direct = []
        """Of the top layer: derivatives with respect to what the classifier reads of each state."""
        for direction, part in enumerate(of_outputs.chunk(self.directions, 1)):
            direct = self._in_text_order(part, direction).clone()
            direct[-1] += of_finals[direction - self.directions]
            self.direct.append(direct)

    def _in_text_order(self, steps, direction):
        return steps if direction == 0 else steps.flip(0)

    def stepped_with(self, token: Tensor) -> list[list[tuple[Tensor, Tensor]]]:
        """States and cell states after each step, had that step read `token`.

        One token (features,), or one for each step (time, features) in the order of the text.
        """
        layer_input, made = token.double().expand(self.time, -1), []
        for layer_index, steps in enumerate(self.steps):
            made.append([])
            for direction, step in enumerate(steps):
                tokens = self._in_text_order(layer_input, direction)
                after = [
                    step(
                        tokens[t],
                        self.states[layer_index][direction][t],
                        self.cells[layer_index][direction][t],
                    )
                    for t in range(self.time)
                ]
                made[-1].append(tuple(torch.stack(part) for part in zip(*after, strict=True)))
            layer_input = torch.cat(
                [self._in_text_order(states, d) for d, (states, _) in enumerate(made[-1])], 1
            )
        return made

    def adjoint_scores(self, token: Tensor | None = None) -> Tensor:
        """Skipped (None) or replaced: ⟨s_t − instead, λ_t⟩ over h and c, layers and directions."""
        made = None if token is None else self.stepped_with(token)
        scores = torch.zeros(self.time, dtype=torch.float64)
        for layer_index in range(len(self.states)):
            for direction in range(self.directions):
                states, cells = (
                    self.states[layer_index][direction],
                    self.cells[layer_index][direction],
                )
                instead = (
                    (states[:-1], cells[:-1]) if made is None else made[layer_index][direction]
                )
                change = (states[1:] - instead[0]) * self.adjoint[layer_index][direction]
                cell_change = (cells[1:] - instead[1]) * self.cell_adjoint[layer_index][direction]
                scores += self._in_text_order(change.sum(1) + cell_change.sum(1), direction)
        return scores

    def read_scores(self, token: Tensor | None = None) -> Tensor:
        """Logit delta (None) or local delta: ⟨s_t − instead, all that is read from t on⟩.

        Of outputs, of the last states of all layers, and of the last cell states.
        """
        made = None if token is None else self.stepped_with(token)
        scores = torch.zeros(self.time, dtype=torch.float64)
        for layer_index in range(len(self.states)):
            for direction in range(self.directions):
                index = layer_index * self.directions + direction
                states, cells = (
                    self.states[layer_index][direction],
                    self.cells[layer_index][direction],
                )
                instead = (
                    (states[:-1], cells[:-1]) if made is None else made[layer_index][direction]
                )
                still_read = self._finals[index].expand(self.time, -1)
                if layer_index == len(self.states) - 1:
                    direct = self.direct[direction]
                    still_read = torch.stack([direct[step:].sum(0) for step in range(self.time)])
                change = ((states[1:] - instead[0]) * still_read).sum(1)
                if self._cell_finals is not None:
                    change = change + (cells[1:] - instead[1]) @ self._cell_finals[index]
                scores += self._in_text_order(change, direction)
        return scores


def unrolled_rows(reader, case, target: int = 1) -> list[Unrolled]:
    """Each row of a case from tests/readers.py on its own."""
    return [
        Unrolled(reader, case.inputs[row, :end], initial_of(case.initial, row), target)
        for row, end in enumerate(case.ends)
    ]


def padded(rows: list[Tensor], time: int) -> Tensor:
    """Scores of rows as a batch (batch, time), 0 beyond their ends."""
    scores = torch.zeros(len(rows), time, dtype=torch.float64)
    for row, values in enumerate(rows):
        scores[row, : len(values)] = values
    return scores


def initial_of(initial, row: int):
    if isinstance(initial, tuple):
        return tuple(state[:, row] for state in initial)
    return None if initial is None else initial[:, row]


def make_step(layer: nn.RNNBase, layer_index: int, direction: int):
    """One step of one layer's direction: (token, hidden, cell) -> (hidden, cell)."""
    suffix = f"_l{layer_index}" + ("_reverse" if direction else "")
    weights = {
        name: getattr(layer, name + suffix).detach().double()
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr")
        if hasattr(layer, name + suffix)
    }
    if layer.proj_size:
        return _projected_step(weights)
    kinds = {nn.RNN: nn.RNNCell, nn.LSTM: nn.LSTMCell, nn.GRU: nn.GRUCell}
    kind = next(cell for base, cell in kinds.items() if isinstance(layer, base))
    options = {"nonlinearity": layer.nonlinearity} if kind is nn.RNNCell else {}
    features = weights["weight_ih"].shape[1]
    module = kind(features, layer.hidden_size, bias=layer.bias, **options).double()
    module.load_state_dict(weights)
    module.requires_grad_(False)

    def step(token, hidden, cell):
        if kind is nn.LSTMCell:
            return module(token, (hidden, cell))
        return module(token, hidden), cell

    return step


def _projected_step(weights):
    def step(token, hidden, cell):
        gates = token @ weights["weight_ih"].T + hidden @ weights["weight_hh"].T
        if "bias_ih" in weights:
            gates = gates + weights["bias_ih"] + weights["bias_hh"]
        in_gate, forget_gate, candidate, out_gate = gates.chunk(4, -1)
        cell = forget_gate.sigmoid() * cell + in_gate.sigmoid() * candidate.tanh()
        return (out_gate.sigmoid() * cell.tanh()) @ weights["weight_hr"].T, cell

    return step


def _start(layer, index, initial):
    if isinstance(initial, tuple):
        return initial[0][index].double(), initial[1][index].double()
    hidden = torch.zeros(layer.proj_size or layer.hidden_size, dtype=torch.float64)
    cell = torch.zeros(layer.hidden_size, dtype=torch.float64)
    return (hidden if initial is None else initial[index].double()), cell


class UnrolledCell:
    """One layer in one direction over a batch, in which every step's state is read with weights.

    The read-out value is Σ ⟨read_t, h_t⟩ + ⟨read_cells_t, c_t⟩; all tensors are time-first.
    """

    def __init__(self, layer, inputs, hidden, cell, read, read_cells=None):
        step = make_step(layer, 0, 0)
        self.step = step
        time = len(inputs)
        inputs = inputs.clone().double().requires_grad_()
        zeros = hidden.new_zeros(time, *hidden.shape, dtype=torch.float64, requires_grad=True)
        cell_zeros = cell.new_zeros(time, *cell.shape, dtype=torch.float64, requires_grad=True)
        states, cells, value = [hidden.double()], [cell.double()], 0.0
        hidden, cell = states[0], cells[0]
        for t in range(time):
            hidden, cell = step(inputs[t], hidden, cell)
            states.append(hidden)
            cells.append(cell)
            value = value + (read[t].double() * hidden).sum()
            hidden, cell = hidden + zeros[t], cell + cell_zeros[t]
            if read_cells is not None:
                value = value + (read_cells[t].double() * cell).sum()
        self.states, self.cells = torch.stack(states).detach(), torch.stack(cells).detach()
        self.adjoint_states, self.adjoint_cells, self.adjoint_inputs = torch.autograd.grad(
            value, [zeros, cell_zeros, inputs], allow_unused=True, materialize_grads=True
        )
