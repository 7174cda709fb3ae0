"""Scores that a reverse scan gives, through all layers and directions of a recurrent stack."""

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from typing import Any, NamedTuple, TypeAlias

import torch
from torch import Tensor

from captum_rnn.functional.baseline import BaselineRun
from captum_rnn.functional.cells import SECANT, TANGENT, Rule
from captum_rnn.functional.cells.cell import first_order, with_initial
from captum_rnn.functional.cells.scan import Multipliers
from captum_rnn.functional.stack import Stack

Ends: TypeAlias = tuple[Tensor, Tensor | None]
"""States after each step (time, batch, state) and, of an LSTM, its cell states."""


def walk_back(
    stack: Stack,
    rule: Rule,
    base: Sequence[Sequence[Any]] | None = None,
    *,
    to_inputs: bool = True,
) -> list[list[Multipliers]]:
    """Multipliers of all layers and directions, from what the classifier reads back to the inputs.

    Args:
        stack: The stacked layers.
        rule: What stands for the derivatives.
        base: What the cells of each layer and direction recomputed of the baseline's steps, where
            the rule compares with one.
        to_inputs: Whether to go on to the inputs of the lowest layer.

    Returns:
        For each layer, from the lowest, the multipliers of its directions, in their order of
        reading.
    """
    found: list[list[Multipliers]] = []
    for index, layer in reversed(list(enumerate(stack.layers))):
        above = read_above(stack, found[0], len(layer)) if found else [None] * len(layer)
        of_layer = []
        for direction, (passed, of_above) in enumerate(zip(layer, above, strict=True)):
            walked = passed.cell.multipliers(
                passed.steps if rule is TANGENT else passed.steps_for(rule),
                passed.read if of_above is None else passed.read + of_above,
                passed.read_cells,
                rule=rule,
                base=None if base is None else base[index][direction],
                of_inputs=to_inputs or index > 0,
            )
            of_layer.append(walked)
        found.insert(0, of_layer)
    return found


def of_inputs(stack: Stack, layer: Sequence[Multipliers]) -> Tensor:
    """The multipliers of a layer's inputs (time, batch, features), in the order of the text."""
    parts = [
        stack.reorder(found.inputs, direction)
        for direction, found in enumerate(layer)
        if found.inputs is not None
    ]
    return reduce(torch.add, parts)


class HandedOn(NamedTuple):
    """What a stack hands on to whatever stands before it: multipliers of all that it was given."""

    inputs: Tensor
    """Of its inputs (time, batch, features), in the order of the text."""
    initial: tuple[Tensor, ...]
    """Of its initial states (number, batch, state), and of an LSTM's cell states."""


def handed_on(stack: Stack, rule: Rule, base: Sequence[Sequence[Any]] | None = None) -> HandedOn:
    """The multipliers of what a stack was given.

    Args:
        stack: The stacked layers.
        rule: What stands for the derivatives.
        base: As for `walk_back`.
    """
    layers = walk_back(stack, rule, base)
    found = [of_direction for layer in layers for of_direction in layer]
    initial = [torch.stack([one.states[0] for one in found])]
    cells = [one.cells[0] for one in found if one.cells is not None]
    if cells:
        initial.append(torch.stack(cells))
    return HandedOn(of_inputs(stack, layers[0]), stack.as_given(tuple(initial)))


def read_above(stack: Stack, above: Sequence[Multipliers], directions: int) -> list[Tensor]:
    """What a layer reads of the states of each direction below it, in that direction's order."""
    parts = of_inputs(stack, above).chunk(directions, -1)
    return [stack.reorder(part, direction) for direction, part in enumerate(parts)]


def adjoint_scores(
    stack: Stack,
    instead: Sequence[Sequence[Ends]],
    rule: Rule = TANGENT,
    base: Sequence[Sequence[Any]] | None = None,
) -> Tensor:
    r"""First-order change of the output for each step, against another state after it.

    .. math:: \langle s_t - s'_t, \mathrm{d} f / \mathrm{d} s_t \rangle

    summed over the layers and directions, the state s being h and, for an LSTM, c.

    Args:
        stack: The stacked layers.
        instead: For each layer and direction, the states (time, batch, state) that stand instead of
            those after each step, and the cell states of an LSTM, in the order of reading.
        rule: What stands for the derivative.
        base: As for `walk_back`.

    Returns:
        The changes (time, batch) in the order of the text.
    """
    return step_changes(stack, instead, worth_of_steps(stack, rule, base))


def worth_of_steps(
    stack: Stack,
    rule: Rule = TANGENT,
    base: Sequence[Sequence[Any]] | None = None,
    later: Sequence[Tensor] | None = None,
) -> list[list[Ends]]:
    """What the state after each step is worth by later steps and what is read of it.

    What the layer above reads of a state is left out, and counted there: where a step is skipped or
    taken otherwise, that layer's own step is, too.

    Args:
        stack: The stacked layers.
        rule: What stands for the derivative.
        base: As for `walk_back`.
        later: What modules behind this one read of the top layer's states (time, batch, state), for
            each direction in its order of reading, where their own steps are scored too.
    """
    found = worth_of_states(stack, rule, base, later)
    return [
        [(states[1:], None if cells is None else cells[1:]) for states, cells in layer]
        for layer in found
    ]


def worth_of_states(
    stack: Stack,
    rule: Rule = TANGENT,
    base: Sequence[Sequence[Any]] | None = None,
    later: Sequence[Tensor] | None = None,
) -> list[list[Ends]]:
    """The same of all states (time + 1, batch, state), the initial one first."""
    layers = walk_back(stack, rule, base, to_inputs=False)
    worth: list[list[Ends]] = []
    for index, layer in enumerate(layers):
        is_top = index + 1 == len(layers)
        above = later if is_top else read_above(stack, layers[index + 1], len(layer))
        worth.append([])
        for direction, found in enumerate(layer):
            states = found.states
            if above is not None:
                states = states - with_initial(above[direction])
            worth[-1].append((states, found.cells))
    return worth


def step_changes(
    stack: Stack, instead: Sequence[Sequence[Ends]], worth: Sequence[Sequence[Ends]]
) -> Tensor:
    """What the states that stand instead of those after each step would change (time, batch)."""
    changes = []
    for layer, others, worths in zip(stack.layers, instead, worth, strict=True):
        for direction, (passed, (states, cells), (of_states, of_cells)) in enumerate(
            zip(layer, others, worths, strict=True)
        ):
            change = first_order(passed.states[1:], states, of_states)
            if cells is not None and of_cells is not None:
                change += first_order(passed.steps.cells[1:], cells, of_cells)
            changes.append(stack.reorder(change, direction))
    return reduce(torch.add, changes)


def skipped(stack: Stack) -> list[list[Ends]]:
    """The states and cell states before each step, for all layers and directions."""
    return [
        [
            (passed.states[:-1], None if passed.initial_cell is None else passed.steps.cells[:-1])
            for passed in layer
        ]
        for layer in stack.layers
    ]


def deep_lift(stack: Stack, base: BaselineRun) -> Tensor:
    r"""DeepLIFT of what the lowest layer reads, through the stack.

    .. math:: (x_t - x'_t) \, W^\top \mu_t

    with the multipliers μ of `captum_rnn.functional.cells.Secant`. If what the classifier reads
    explains its change from the baseline, Σ ⟨s − s', read⟩ = f − f', so do the scores.

    Args:
        stack: The stacked layers.
        base: The run over the baseline, for the rule `SECANT`.

    Returns:
        Scores (time, batch, features) in the order of the text.
    """
    layers = walk_back(stack, SECANT, base.steps)
    return of_inputs(stack, layers[0]).mul_(stack.inputs - base.inputs)


def change_read(stack: Stack, base: BaselineRun) -> tuple[Tensor, Tensor]:
    """What the classifier's derivatives make of the change of all states from a baseline.

    Returns:
        Σ ⟨s − s', read⟩ of each row (batch,), and the sum of the sizes of its terms.
    """
    terms = []
    for layer, runs in zip(stack.layers, base.layers, strict=True):
        for passed, run in zip(layer, runs, strict=True):
            terms.append(passed.read * (passed.states - run.states)[1:])
            if passed.read_cells is not None and run.cells is not None:
                terms.append(passed.read_cells * (passed.steps.cells - run.cells)[1:])
    sums = [(term.sum((0, 2)), term.abs().sum((0, 2))) for term in terms]
    change, size = (reduce(torch.add, parts) for parts in zip(*sums, strict=True))
    return change, size


def shared_out(stack: Stack, base: BaselineRun, share: Tensor) -> Stack:
    r"""The same with derivatives whose terms in `change_read` are larger or smaller by a share.

    .. math:: c \mapsto c + \text{share} \cdot |c|

    Args:
        stack: The layers, with what the classifier reads of them.
        base: The run over the baseline.
        share: For each row (batch,), what is to be added, of the sum of the terms' sizes.
    """

    def larger(read: Tensor, states: Tensor, of_base: Tensor) -> Tensor:
        sign = (read * (states - of_base)[1:]).sign()
        return read * (1 + share.to(read).unsqueeze(1) * sign)

    layers = []
    for layer, runs in zip(stack.layers, base.layers, strict=True):
        passes = []
        for passed, run in zip(layer, runs, strict=True):
            read, read_cells = larger(passed.read, passed.states, run.states), passed.read_cells
            if read_cells is not None and run.cells is not None:
                read_cells = larger(read_cells, passed.steps.cells, run.cells)
            passes.append(replace(passed, read=read, read_cells=read_cells))
        layers.append(passes)
    return replace(stack, layers=layers)
