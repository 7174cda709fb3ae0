"""Stepwise replay: a layer whose gates are unknown, followed by calling it one step at a time.

From its recorded input and initial state the layer is called for each step, and has to give what
was recorded. How a state depends on the one before is then known by autograd through one step.
Slow, general and exact: a call of the layer for each step, and a backward pass through it.
"""

from dataclasses import dataclass
from typing import ClassVar, NamedTuple, NoReturn

import torch
from torch import Tensor, nn

from captum_rnn.functional import StatePath
from captum_rnn.functional.cells import TANGENT, Rule
from captum_rnn.functional.cells.cell import Cell
from captum_rnn.functional.cells.scan import Multipliers
from captum_rnn.functional.proof import Proof
from captum_rnn.functional.stack import LayerPass, Stack
from captum_rnn.states.hooks import LayerCall
from captum_rnn.states.layers import form_of
from captum_rnn.states.recording import ReadGradient
from captum_rnn.states.stacked_layers import time_first
from captum_rnn.states.stepping import NotSteppedError, Stepper


class Walked(NamedTuple):
    """What a layer read (time, batch, features) and became (time + 1, batch, state)."""

    inputs: Tensor
    states: Tensor

    @property
    def cells(self) -> NoReturn:
        """What only gates tell apart from the rest of a state."""
        raise ValueError(
            "the cell states of a layer that is followed step by step are a part of its state and "
            "have no vectors of their own; leave with_cells out"
        )


class ReplayedCell(Cell[Walked]):
    """Steps that are made by calling the layer, all its stacked layers at once.

    The state is flat: the layer's output, followed by all that it hands on.

    Args:
        stepper: Calls the layer.
        name: The layer's class, for errors.
    """

    has_slopes: ClassVar[bool] = False

    def __init__(self, stepper: Stepper, name: str) -> None:
        self._stepper, self._name = stepper, name

    def steps(
        self, inputs: Tensor, states: Tensor, initial_cell: Tensor | None, rule: Rule = TANGENT
    ) -> Walked:
        """Nothing is known of what happens inside a step, so that only derivatives go through it.

        Raises:
            ValueError: Another rule.
        """
        if rule is not TANGENT:
            self._refuse(rule)
        return Walked(inputs, states)

    def made(self, steps: Walked) -> None:
        """The states are those of the replay, which were compared when it was made."""

    def after(
        self, inputs: Tensor, previous: Tensor, previous_cells: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        """One step from each previous state."""
        tokens = inputs.expand(*previous.shape[:2], -1)
        with torch.no_grad():
            made = [
                self._stepper.step(token, state, number)
                for number, (token, state) in enumerate(zip(tokens, previous, strict=True))
            ]
        return torch.stack(made), None

    def walk(self, inputs: Tensor, state: Tensor, cell: Tensor | None) -> Tensor:
        """The states (time + 1, batch, state) of a run of its own, the initial one first."""
        states = [state]
        with torch.no_grad():
            for number, token in enumerate(inputs):
                states.append(self._stepper.step(token, states[-1], number))
        return torch.stack(states)

    def multipliers(
        self,
        steps: Walked,
        read: Tensor,
        read_cells: Tensor | None,
        *,
        rule: Rule = TANGENT,
        base: Walked | None = None,
        of_inputs: bool = True,
    ) -> Multipliers:
        """Back through the steps, with a backward pass through each."""
        into = torch.cat([torch.zeros_like(read[:1]), read])
        inputs = torch.empty_like(steps.inputs)
        for number in reversed(range(len(read))):
            with torch.enable_grad():
                token = steps.inputs[number].detach().requires_grad_()
                state = steps.states[number].detach().requires_grad_()
                made = self._stepper.step(token, state, number)
            inputs[number], of_state = torch.autograd.grad(
                made, [token, state], into[number + 1], materialize_grads=True
            )
            into[number] += of_state
        return Multipliers(into, None, inputs)

    def steps_apart(self, inputs: Tensor, states: Tensor, cells: Tensor | None) -> Walked:
        """Nothing is known of what happens inside a step."""
        return Walked(inputs, states)

    def through_steps(self, steps: Walked, states: Tensor, cells: Tensor | None) -> Tensor:
        """Back through each step on its own."""
        found = torch.empty_like(steps.inputs)
        for number, of_state in enumerate(states):
            with torch.enable_grad():
                token = steps.inputs[number].detach().requires_grad_()
                made = self._stepper.step(token, steps.states[number].detach(), number)
            (found[number],) = torch.autograd.grad(made, token, of_state, materialize_grads=True)
        return found

    def slopes(self, steps: Walked, base: Walked | None, part: slice, rule: Rule) -> NoReturn:
        """There are no gates to name."""
        self._refuse(rule)

    def slot_weights(self, rule: Rule) -> NoReturn:
        """There are no gates to name."""
        self._refuse(rule)

    def _refuse(self, rule: Rule) -> NoReturn:
        raise ValueError(
            f"{self._name} does not compute the gates of nn.RNN, nn.LSTM or nn.GRU, which the rule "
            f"{type(rule).__name__} goes through; use AdjointDeltaAttribution, which follows it "
            "step by step"
        )


@dataclass(frozen=True)
class ReplayedStack(Stack):
    """A layer that was followed by calling it, as a stack of one.

    Attributes:
        parts: Where the output and each tensor of the layer's state lie in the flat state.
        copied: The part of the state that the output is a copy of, if it is one.
        num_layers: Into how many stacked layers a tensor of the state is divided.
        stepper: Called the layer.
    """

    parts: tuple[slice, ...]
    copied: slice | None
    num_layers: int
    stepper: Stepper

    def as_given(self, initial: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Values of the tensors of the state, those of the output added to the one it shows."""
        flat = initial[0][0]
        if self.copied is not None:
            flat = flat.clone()
            flat[:, self.copied] += flat[:, self.parts[0]]
        return tuple(self.stepper.leaves_of(flat))

    def shown(self, states: Tensor) -> Tensor:
        """The output, which a flat state begins with."""
        return states[..., self.parts[0]]

    def of_shown(self, derivatives: Tensor) -> Tensor:
        """What goes through the output, and through the state that it is a copy of."""
        found = derivatives[..., self.parts[0]]
        return found if self.copied is None else found + derivatives[..., self.copied]

    def path(self, layer_index: int, direction: int, *, cells: bool = False) -> StatePath:
        """The states of one stacked layer, as the module hands them on."""
        of_all = self.parts[2 if cells else 1]
        width = (of_all.stop - of_all.start) // self.num_layers
        start = of_all.start + layer_index % self.num_layers * width
        states = self.layers[0][0].states[:, :, start : start + width].transpose(0, 1)
        return StatePath(states[:, :1], states[:, 1:], ends=self.ends)


def replayed(
    layer: nn.Module, call: LayerCall, gradient: ReadGradient | None = None
) -> ReplayedStack:
    """Follows a layer by calling it one step at a time.

    Args:
        layer: The layer.
        call: The call of it that is to be repeated.
        gradient: What the classifier reads of it; None: nothing.

    Raises:
        NotSteppedError: It cannot be called so.
        StepsDifferError: Called so, it does something else than in the call.
    """
    form = form_of(layer)
    if form.directions == 2:
        raise NotSteppedError("it reads in both directions, which no single step does")
    batch_first = form.batch_first
    inputs, ends = time_first(call.input, batch_first)
    outputs, _ = time_first(call.output, batch_first)
    stepper = Stepper(layer, call, inputs, batch_first=batch_first)
    cell = ReplayedCell(stepper, type(layer).__name__)
    path, parts = cell.walk(inputs, stepper.initial, None), stepper.slices()
    shown = path[..., parts[0]]
    proof = Proof("what it answers to one step at a time", call.rounding, ends)
    proof.check(shown[1:], torch.cat([torch.zeros_like(outputs[:1]), outputs]))
    last = _last_steps(path, ends)
    rows = torch.arange(path.shape[1], device=path.device)
    copied = None
    for number, (part, final) in enumerate(zip(parts[1:], call.final, strict=True)):
        proof.check_end(path[last, rows][:, part], stepper.flat_leaf(number, final).to(path))
        end = slice(max(part.start, part.stop - shown.shape[-1]), part.stop)
        if copied is None and torch.equal(path[1:, :, end], shown[1:]):
            copied = end  # which then also tells the output before the first step
            shown[0] = path[0, :, end]
    read = torch.zeros_like(path[1:])
    if gradient is not None:
        if gradient.output is not None:
            read[..., parts[0]] = time_first(gradient.output, batch_first)[0]
        for number, of_final in enumerate(gradient.final):
            if of_final is not None:
                flat = stepper.flat_leaf(number, of_final).to(read)
                read[last - 1, rows, parts[1 + number]] += flat
    passed = LayerPass(cell, inputs, path, None, read, None, proof)
    return ReplayedStack([[passed]], ends, tuple(parts), copied, form.num_layers, stepper)


def _last_steps(states: Tensor, ends: Tensor | None) -> Tensor:
    """The number of steps of each row (batch,)."""
    full = torch.full((states.shape[1],), len(states) - 1, device=states.device)
    return full if ends is None else ends
