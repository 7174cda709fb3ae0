"""An independent reference: DeepLIFT's Rescale rule, one number at a time.

Rows one by one, in NumPy float64. Both runs of a layer are written down, then walked backwards by
the definition: quotients of differences, and half of a product to each factor.
"""

import numpy as np

from lrp_reference import _start


def feature_scores(layer, sequence, base, read, final=(None, None), initial=None):
    """Scores (time, features) of one row.

    `sequence` and `base` are (time, features). `read` and `final` are multipliers of what is read,
    as in `lrp_reference.token_scores`.
    """
    directions = 2 if layer.bidirectional else 1
    inputs, others = (np.asarray(steps, np.float64) for steps in (sequence, base))
    passes, first = [], inputs - others
    for layer_index in range(layer.num_layers):
        passes.append(
            [_Pass(layer, layer_index, d, inputs, others, initial) for d in range(directions)]
        )
        inputs = np.concatenate([one.outputs[0] for one in passes[-1]], 1)
        others = np.concatenate([one.outputs[1] for one in passes[-1]], 1)
    given = np.zeros_like(inputs) if read is None else np.asarray(read, np.float64)
    for layer_index in reversed(range(layer.num_layers)):
        below = 0.0
        for direction, part in enumerate(np.split(given, directions, axis=1)):
            index = layer_index * directions + direction
            ends = [None if states is None else np.asarray(states)[index] for states in final]
            below = below + passes[layer_index][direction].back(part, *ends)
        given = below
    return given * first


def quotient(function, pair):
    """(φ(z) − φ(z')) / (z − z') of each unit, the derivative where they meet; relu's at 0 is 0."""
    slopes = []
    for one, other in zip(*pair, strict=True):
        if one == other and function is relu:
            slopes.append(float(one > 0))
        elif one == other:
            step = 1e-6
            slopes.append((function(one + step) - function(one - step)) / (2 * step))
        else:
            slopes.append((function(one) - function(other)) / (one - other))
    return np.array(slopes)


def half(pair):
    return (pair[0] + pair[1]) / 2


def sigmoid(values):
    return 1 / (1 + np.exp(-values))


def relu(values):
    return np.maximum(values, 0)


class _Pass:
    """One direction of one layer, over the text and over the baseline."""

    def __init__(self, layer, layer_index, direction, inputs, others, initial):
        suffix = f"_l{layer_index}" + ("_reverse" if direction else "")
        self.weights = {
            name.removesuffix(suffix): parameter.detach().double().numpy()
            for name, parameter in layer.named_parameters()
            if name.endswith(suffix)
        }
        self.kind, self.hidden = layer.mode, layer.hidden_size
        self.order = slice(None, None, -1) if direction else slice(None)
        index = layer_index * (2 if layer.bidirectional else 1) + direction
        state, cell = _start(layer, index, initial)
        self.steps, states, cells = [], [state, state], [cell, cell]
        for pair in zip(inputs[self.order], others[self.order], strict=True):
            made = [self.step(*of_run) for of_run in zip(pair, states, cells, strict=True)]
            self.steps.append({name: (made[0][name], made[1][name]) for name in made[0]})
            states, cells = self.steps[-1]["h"], self.steps[-1].get("c", cells)
        self.outputs = [
            np.stack([step["h"][run] for step in self.steps])[self.order] for run in (0, 1)
        ]

    def part(self, name, gate):
        if name not in self.weights:
            return 0.0
        return self.weights[name][gate * self.hidden : (gate + 1) * self.hidden]

    def of_input(self, gate, token):
        return self.part("weight_ih", gate) @ token + self.part("bias_ih", gate)

    def of_state(self, gate, state):
        return self.part("weight_hh", gate) @ state + self.part("bias_hh", gate)

    def step(self, token, state, cell):
        made = {"h_before": state}
        sums = [
            self.of_input(gate, token) + self.of_state(gate, state)
            for gate in range({"LSTM": 4, "GRU": 2}.get(self.kind, 1))
        ]
        if self.kind == "LSTM":
            made |= dict(zip(("zi", "zf", "zg", "zo"), sums, strict=True), c_before=cell)
            made["c"] = sigmoid(sums[1]) * cell + sigmoid(sums[0]) * np.tanh(sums[2])
            made["h"] = sigmoid(sums[3]) * np.tanh(made["c"])
            if "weight_hr" in self.weights:
                made["h"] = self.weights["weight_hr"] @ made["h"]
        elif self.kind == "GRU":
            reset, update = (sigmoid(values) for values in sums)
            made |= {"zr": sums[0], "zz": sums[1], "hn": self.of_state(2, state)}
            made["zn"] = self.of_input(2, token) + reset * made["hn"]
            made["h"] = (1 - update) * np.tanh(made["zn"]) + update * state
        else:
            made["z"] = sums[0]
            made["h"] = (np.tanh if self.kind == "RNN_TANH" else relu)(sums[0])
        return made

    def back(self, given, read_state, read_cell):
        """Multipliers of the inputs (time, features) from those of the outputs (time, state)."""
        walk = {"LSTM": self.back_lstm, "GRU": self.back_gru}.get(self.kind, self.back_plain)
        of_state = np.zeros_like(given[0]) if read_state is None else read_state
        of_cell = np.zeros(self.hidden) if read_cell is None else read_cell
        received = []
        for made, outside in zip(self.steps[::-1], given[self.order][::-1], strict=True):
            of_token, of_state, of_cell = walk(made, of_state + outside, of_cell)
            received.append(of_token)
        return np.stack(received[::-1])[self.order]

    def through_weights(self, of_sums):
        """To input and state, from the sums that both are added to: {gate: multipliers}."""
        return [
            sum(self.part(name, gate).T @ values for gate, values in of_sums.items())
            for name in ("weight_ih", "weight_hh")
        ]

    def back_lstm(self, made, of_state, of_cell):
        gates = {name: tuple(map(sigmoid, made[f"z{name}"])) for name in "ifo"}
        squashed = tuple(map(np.tanh, made["c"]))
        candidate = tuple(map(np.tanh, made["zg"]))
        if "weight_hr" in self.weights:
            of_state = self.weights["weight_hr"].T @ of_state
        of_output = of_state * half(squashed) * quotient(sigmoid, made["zo"])
        of_cell = of_cell + of_state * half(gates["o"]) * quotient(np.tanh, made["c"])
        of_sums = {
            0: of_cell * half(candidate) * quotient(sigmoid, made["zi"]),
            1: of_cell * half(made["c_before"]) * quotient(sigmoid, made["zf"]),
            2: of_cell * half(gates["i"]) * quotient(np.tanh, made["zg"]),
            3: of_output,
        }
        return *self.through_weights(of_sums), of_cell * half(gates["f"])

    def back_gru(self, made, of_state, of_cell):
        reset, update = (tuple(map(sigmoid, made[name])) for name in ("zr", "zz"))
        candidate = tuple(map(np.tanh, made["zn"]))
        kept = 1 - update[0], 1 - update[1]
        of_candidate = of_state * half(kept) * quotient(np.tanh, made["zn"])
        of_update = of_state * (half(made["h_before"]) - half(candidate))
        of_sums = {
            0: of_candidate * half(made["hn"]) * quotient(sigmoid, made["zr"]),
            1: of_update * quotient(sigmoid, made["zz"]),
        }
        of_token, of_previous = self.through_weights(of_sums)
        of_token = of_token + self.part("weight_ih", 2).T @ of_candidate
        of_previous = of_previous + self.part("weight_hh", 2).T @ (of_candidate * half(reset))
        return of_token, of_previous + of_state * half(update), of_cell

    def back_plain(self, made, of_state, of_cell):
        function = np.tanh if self.kind == "RNN_TANH" else relu
        return *self.through_weights({0: of_state * quotient(function, made["z"])}), of_cell
