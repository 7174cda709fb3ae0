"""What the scores of any model are: the model itself, run with its layers unrolled under autograd.

Nothing is assumed of the model. Which tokens a step read is told by the derivative of what it read,
step by step; what a token's state is worth, by a zero that is added to it. Ids are told apart by
the rows of the embedding, so that no id may stand twice.
"""

import contextlib
from dataclasses import dataclass, field

import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence


@dataclass
class Step:
    """One step of one row in one direction of one layer of a stack.

    Attributes:
        at: The run, the row and the step.
        index: The number of the layer and direction.
        is_top: Whether the layer outputs its state.
        changes: Of the hidden and of the cell state.
        zeros: What was added to them.
    """

    at: tuple[int, int, int]
    index: int
    is_top: bool
    changes: tuple
    zeros: tuple


@dataclass
class Unrolling:
    """What layers did in one run of the model; with `cut`, their answers are leaves."""

    cut: bool = False
    steps: list[Step] = field(default_factory=list)
    read: dict = field(default_factory=dict)
    leaves: list = field(default_factory=list)
    ends: list = field(default_factory=list)

    @contextlib.contextmanager
    def __call__(self, layers):
        for layer in layers:
            vars(layer)["forward"] = self._forward(layer)
        try:
            yield
        finally:
            for layer in layers:
                del vars(layer)["forward"]

    def _forward(self, layer):
        def of_cell(token, state=None):
            given = state if isinstance(state, tuple) or state is None else (state,)
            given = given and tuple(part.unsqueeze(0) for part in given)
            _, final = self._run(layer, token.unsqueeze(1), [1] * len(token), given)
            hidden, *cells = (part[0] for part in final)
            return (hidden, *cells) if cells else hidden

        def of_layer(given, hx=None):
            initial = hx if isinstance(hx, tuple) or hx is None else (hx,)
            if isinstance(given, PackedSequence):
                data, ends = pad_packed_sequence(given, batch_first=True)
                grid, final = self._run(layer, data, ends.tolist(), initial)
                order, ends = given.sorted_indices, ends.cpu()
                by_length = (grid, ends) if order is None else (grid[order], ends[order])
                packed = pack_padded_sequence(*by_length, batch_first=True).data
                outputs = given._replace(data=packed)
            else:
                data = given if layer.batch_first else given.transpose(0, 1)
                grid, final = self._run(layer, data, [data.shape[1]] * len(data), initial)
                outputs = grid if layer.batch_first else grid.transpose(0, 1)
            return outputs, final if len(final) > 1 else final[0]

        return of_cell if isinstance(layer, nn.RNNCellBase) else of_layer

    def _run(self, layer, data, ends, initial):
        stack, run = _Weights(layer), len(self.ends)
        self.ends.append(ends)
        if initial is None:
            zeros = data.new_zeros(stack.number, len(data), layer.hidden_size)
            initial = zeros[..., : stack.width], zeros
        rows = [
            self._row(stack, run, row, list(data[row, :end]), [part[:, row] for part in initial])
            for row, end in enumerate(ends)
        ]
        outputs, hidden, cells = zip(*rows, strict=True)
        grid = nn.utils.rnn.pad_sequence(list(outputs), batch_first=True)
        final = [torch.stack(hidden, 1), torch.stack(cells, 1)][: 1 + stack.has_cells]
        if self.cut:
            answer = [part.detach().requires_grad_() for part in (grid, *final)]
            self.leaves.append(answer)
            grid, *final = (part.clone() for part in answer)
        return grid, tuple(final)

    def _row(self, stack, run, row, tokens, initial):
        self.read.update({(run, row, step): token for step, token in enumerate(tokens)})
        hidden, cells = [], []
        for level in range(stack.levels):
            above, shown = [], []
            for direction in range(stack.directions):
                index = level * stack.directions + direction
                state = initial[0][index], initial[-1][index]
                made, with_zeros = [None] * len(tokens), [None] * len(tokens)
                order = range(len(tokens))
                for step in reversed(order) if direction else order:
                    new = stack.step(index, tokens[step], *state)
                    zeros = tuple(torch.zeros_like(part, requires_grad=True) for part in new)
                    changes = [(n - o).detach() for n, o in zip(new, state, strict=True)]
                    is_top = level == stack.levels - 1
                    self.steps.append(Step((run, row, step), index, is_top, tuple(changes), zeros))
                    state = tuple(n + z for n, z in zip(new, zeros, strict=True))
                    made[step], with_zeros[step] = new[0], state[0]
                above.append(made)
                shown.append(with_zeros)
                hidden.append(state[0])
                cells.append(state[1])
            # The step itself takes all layers at once: what it changes does not pass the next.
            tokens = [torch.cat(parts) for parts in zip(*above, strict=True)]
        outputs = torch.stack([torch.cat(parts) for parts in zip(*shown, strict=True)])
        return outputs, torch.stack(hidden), torch.stack(cells)


class _Weights:
    """A layer or a cell as steps, by the formulas of the documentation of torch."""

    def __init__(self, layer):
        is_cell = isinstance(layer, nn.RNNCellBase)
        self.mode = type(layer).__name__.removesuffix("Cell") if is_cell else layer.mode
        self.relu = (
            "relu" in (layer.nonlinearity if is_cell and self.mode == "RNN" else self.mode).lower()
        )
        self.levels = 1 if is_cell else layer.num_layers
        self.directions = 1 if is_cell or not layer.bidirectional else 2
        self.number = self.levels * self.directions
        self.width = (0 if is_cell else layer.proj_size) or layer.hidden_size
        self.has_cells = self.mode == "LSTM"
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr")
        self.weights = [
            [
                getattr(layer, name + ("" if is_cell else self._suffix(index)), None)
                for name in names
            ]
            for index in range(self.number)
        ]

    def _suffix(self, index):
        level, direction = divmod(index, self.directions)
        return f"_l{level}" + "_reverse" * direction

    def step(self, index, token, hidden, cell):
        of_input, of_hidden, bias, hidden_bias, projection = self.weights[index]
        one = nn.functional.linear(token, of_input, bias)
        other = nn.functional.linear(hidden, of_hidden, hidden_bias)
        if self.mode == "LSTM":
            into, forget, candidate, out = (one + other).chunk(4)
            cell = forget.sigmoid() * cell + into.sigmoid() * candidate.tanh()
            hidden = out.sigmoid() * cell.tanh()
            return hidden if projection is None else projection @ hidden, cell
        if self.mode == "GRU":
            (reset, update, new), (of_reset, of_update, of_new) = one.chunk(3), other.chunk(3)
            update = (update + of_update).sigmoid()
            new = (new + (reset + of_reset).sigmoid() * of_new).tanh()
            return (1 - update) * new + update * hidden, cell
        return (one + other).relu() if self.relu else (one + other).tanh(), cell


def scores_of(forward, layers, leaf):
    """The adjoint's and the logit delta's scores of each row of `leaf` (..., features).

    Args:
        forward: Runs the model on `leaf`, and returns the explained values (batch,).
        layers: The layers or cells that are followed.
        leaf: What the tokens are: word vectors, or the rows of an embedding.
    """
    with torch.enable_grad():
        whole, cut = Unrolling(), Unrolling(cut=True)
        with whole(layers):
            value = forward()
        zeros = [zero for step in whole.steps for zero in step.zeros]
        worth = iter(_gradients(value, zeros))
        places = {at: _places(token, leaf) for at, token in whole.read.items()}
        with cut(layers):
            value = forward()
        *read, beside = _gradients(
            value, [part for answer in cut.leaves for part in answer] + [leaf]
        )
        reads = [[read.pop(0) for _ in answer] for answer in cut.leaves]
    adjoint = (beside * leaf.detach()).sum(-1)
    logit = adjoint.clone()
    for step in whole.steps:
        at = places[step.at]
        direct = sum((c * next(worth)).sum() for c in step.changes)
        still_read = _still_read(step, reads[step.at[0]], cut.ends[step.at[0]][step.at[1]])
        later = sum((c * r).sum() for c, r in zip(step.changes, still_read, strict=False))
        for place in at:
            adjoint[place] += direct / len(at)
            logit[place] += later / len(at)
    return {"adjoint": adjoint, "logit": logit}


def _still_read(step, answers, end):
    """What the model reads of a state from its step on: of outputs, h_n and c_n."""
    of_outputs, *final = answers
    _, row, number = step.at
    read = [part[step.index, row].clone() for part in final]
    if step.is_top:
        width = len(read[0])
        direction = step.index % (of_outputs.shape[-1] // width)
        later = slice(0, number + 1) if direction else slice(number, end)
        part = slice(direction * width, (direction + 1) * width)
        read[0] += of_outputs[row, later, part].sum(0)
    return read


def _places(token, leaf):
    """The rows of a leaf that a token was made of."""
    (found,) = _gradients((token * torch.randn_like(token)).sum(), [leaf])
    return [tuple(place) for place in found.abs().sum(-1).nonzero().tolist()]


def _gradients(value, tensors):
    if not value.requires_grad:
        return [torch.zeros_like(tensor) for tensor in tensors]
    return torch.autograd.grad(
        value.sum(), tensors, retain_graph=True, allow_unused=True, materialize_grads=True
    )
