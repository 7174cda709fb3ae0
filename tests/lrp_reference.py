"""An independent reference: the published rules of relevance propagation, one sum at a time.

Rows one by one, units one by one, in NumPy float64. A layer runs forwards with every sum it makes
written down, then backwards with one call of the ε-rule for each of those sums.
"""

import numpy as np
from torch import nn


def share_out(terms, total, relevance, epsilon):
    """The ε-rule: what each term of a sum gets of the sum's relevance; the bias keeps its share."""
    sign = 1.0 if total >= 0 else -1.0
    return [term / (total + epsilon * sign) * relevance for term in terms]


def share_out_linear(weights, source, totals, relevance, epsilon):
    """The same for totals_j = Σ_i weights[j, i] · source_i + anything else."""
    received = np.zeros(len(source))
    for row, total, share in zip(weights, totals, relevance, strict=True):
        received += share_out(row * source, total, share, epsilon)
    return received


def token_scores(layer, sequence, read, epsilon=0.001, final=(None, None), initial=None):
    """Scores (time,) of one row: those of its features added up."""
    return feature_scores(layer, sequence, read, epsilon, final, initial).sum(1)


def feature_scores(layer, sequence, read, epsilon=0.001, final=(None, None), initial=None):
    """Scores (time, features) of one row.

    `sequence` is (time, features). `read` holds the derivatives of the output with respect to the
    top layer's outputs (time, direction · state), or None; `final` those with respect to all final
    states (layer · direction, state), and to all final cell states of an LSTM. `initial` is as the
    layer takes it, for one row.
    """
    return _walk_back(passes_of(layer, sequence, initial, epsilon), read, final)[0]


def bounded_scores(layer, sequence, read, epsilon, final, initial, bound=30):
    """The same with ε ten times as large, until relevance is at most `bound` times what is read."""
    while True:
        passes = passes_of(layer, sequence, initial, epsilon)
        scores, of_initial = _walk_back(passes, read, final)
        if np.abs(scores).sum() + of_initial <= bound * _size_read(passes, read, final):
            return scores
        epsilon *= 10


def passes_of(layer, sequence, initial=None, epsilon=0.001):
    """All that the layer makes of one row, by layer and direction."""
    inputs, passes = np.asarray(sequence, np.float64), []
    for layer_index in range(layer.num_layers):
        directions = range(2 if layer.bidirectional else 1)
        passes.append([_Pass(layer, layer_index, d, inputs, initial, epsilon) for d in directions])
        inputs = np.concatenate([one.outputs for one in passes[-1]], 1)
    return passes


def _walk_back(passes, read, final):
    """Scores (time, features), and the size of the relevance of the initial states."""
    of_initial = 0.0
    outputs = np.concatenate([one.outputs for one in passes[-1]], 1)
    relevance = 0 * outputs if read is None else outputs * np.asarray(read, np.float64)
    for layer_index, of_layer in reversed(list(enumerate(passes))):
        below = 0.0
        for direction, part in enumerate(np.split(relevance, len(of_layer), axis=1)):
            ends = _of_pass(final, layer_index * len(of_layer) + direction)
            below = below + of_layer[direction].back(part, *ends)
            of_initial += of_layer[direction].of_initial
        relevance = below
    return relevance, of_initial


def _of_pass(final, index):
    return [None if states is None else np.asarray(states)[index] for states in final]


def _size_read(passes, read, final):
    """The size of the terms that are read, those of one state added up first."""
    size = 0.0
    for layer_index, of_layer in enumerate(passes):
        for direction, one in enumerate(of_layer):
            weights = np.zeros_like(one.outputs)
            if layer_index == len(passes) - 1 and read is not None:
                weights += np.split(np.asarray(read), len(of_layer), axis=1)[direction]
            end, last = 0 if direction else -1, one.steps[-1]
            of_state, of_cell = _of_pass(final, layer_index * len(of_layer) + direction)
            if of_state is not None:
                weights[end] += of_state
            size += np.abs(one.outputs * weights).sum()
            size += 0.0 if of_cell is None else np.abs(last["c"] * of_cell).sum()
    return size


def _sigmoid(values):
    return 1 / (1 + np.exp(-values))


class _Pass:
    """One direction of one layer."""

    def __init__(self, layer, layer_index, direction, inputs, initial, epsilon):
        suffix = f"_l{layer_index}" + ("_reverse" if direction else "")
        self.weights = {
            name.removesuffix(suffix): parameter.detach().double().numpy()
            for name, parameter in layer.named_parameters()
            if name.endswith(suffix)
        }
        self.kind, self.epsilon, self.hidden = layer.mode, epsilon, layer.hidden_size
        self.order = slice(None, None, -1) if direction else slice(None)
        self.steps = []
        index = layer_index * (2 if layer.bidirectional else 1) + direction
        state, cell = _start(layer, index, initial)
        for token in inputs[self.order]:
            state, cell = self.step(token, state, cell)
        self.outputs = np.stack([step["h"] for step in self.steps])[self.order]

    def part(self, name, index):
        if name not in self.weights:
            return 0.0
        return self.weights[name][index * self.hidden : (index + 1) * self.hidden]

    def both(self, index, token, state):
        return (
            self.part("weight_ih", index) @ token
            + self.part("bias_ih", index)
            + self.part("weight_hh", index) @ state
            + self.part("bias_hh", index)
        )

    def step(self, token, state, cell):
        made = {"x": token, "h_before": state, "c_before": cell}
        self.steps.append(made)
        if self.kind == "LSTM":
            in_gate, forget_gate, made["pre"], out_gate = (
                self.both(index, token, state) for index in range(4)
            )
            made["old"] = _sigmoid(forget_gate) * cell
            made["new"] = _sigmoid(in_gate) * np.tanh(made["pre"])
            made["c"] = made["old"] + made["new"]
            made["out"] = made["h"] = _sigmoid(out_gate) * np.tanh(made["c"])
            if "weight_hr" in self.weights:
                made["h"] = self.weights["weight_hr"] @ made["out"]
            return made["h"], made["c"]
        if self.kind == "GRU":
            made["reset"] = _sigmoid(self.both(0, token, state))
            update = _sigmoid(self.both(1, token, state))
            made["pre"] = (
                self.part("weight_ih", 2) @ token
                + self.part("bias_ih", 2)
                + made["reset"] * (self.part("weight_hh", 2) @ state + self.part("bias_hh", 2))
            )
            made["old"] = update * state
            made["new"] = (1 - update) * np.tanh(made["pre"])
            made["h"] = made["old"] + made["new"]
            return made["h"], None
        made["pre"] = self.both(0, token, state)
        made["h"] = np.tanh(made["pre"]) if self.kind == "RNN_TANH" else np.maximum(made["pre"], 0)
        return made["h"], None

    def back(self, given, read_state, read_cell):
        """Relevance of the inputs (time, features) from that of the outputs (time, state)."""
        walk = {"LSTM": self.back_lstm, "GRU": self.back_gru}.get(self.kind, self.back_plain)
        last = self.steps[-1]
        of_state = 0.0 * last["h"] if read_state is None else last["h"] * read_state
        of_cell = np.zeros(self.hidden) if read_cell is None else last["c"] * read_cell
        received = []
        for made, outside in zip(self.steps[::-1], given[self.order][::-1], strict=True):
            of_token, of_state, of_cell = walk(made, of_state + outside, of_cell)
            received.append(of_token)
        self.of_initial = np.abs(of_state).sum() + np.abs(of_cell).sum()
        return np.stack(received[::-1])[self.order]

    def back_lstm(self, made, of_state, of_cell):
        if "weight_hr" in self.weights:
            of_state = share_out_linear(
                self.weights["weight_hr"], made["out"], made["h"], of_state, self.epsilon
            )
        old, new = self.back_sum(made, made["c"], of_cell + of_state)
        of_token, of_previous = self.back_candidate(made, new, 2, np.ones(self.hidden))
        return of_token, of_previous, old

    def back_gru(self, made, of_state, of_cell):
        old, new = self.back_sum(made, made["h"], of_state)
        of_token, of_previous = self.back_candidate(made, new, 2, made["reset"])
        return of_token, of_previous + old, of_cell

    def back_plain(self, made, of_state, of_cell):
        return *self.back_candidate(made, of_state, 0, np.ones(self.hidden)), of_cell

    def back_sum(self, made, totals, relevance):
        shares = [
            share_out([old, new], total, share, self.epsilon)
            for old, new, total, share in zip(
                made["old"], made["new"], totals, relevance, strict=True
            )
        ]
        return np.array(shares).T

    def back_candidate(self, made, relevance, index, gate):
        of_token = share_out_linear(
            self.part("weight_ih", index), made["x"], made["pre"], relevance, self.epsilon
        )
        gated = gate[:, None] * self.part("weight_hh", index)
        of_state = share_out_linear(gated, made["h_before"], made["pre"], relevance, self.epsilon)
        return of_token, of_state


def _start(layer, index, initial):
    if initial is None:
        return np.zeros(layer.proj_size or layer.hidden_size), np.zeros(layer.hidden_size)
    if isinstance(layer, nn.LSTM):
        return tuple(state[index].double().numpy() for state in initial)
    return initial[index].double().numpy(), None
