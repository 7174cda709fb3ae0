"""What each feature of a step changed, against a reference for it alone."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from captum_rnn.functional.propagation import Ends, step_changes
from captum_rnn.functional.stack import Stack


def feature_changes(stack: Stack, reference: Tensor, worth: Sequence[Sequence[Ends]]) -> Tensor:
    r"""The share of each feature in a step's change, by the cells' derivative at the midpoint.

    .. math:: (x_t - x'_t)_j \, \frac{\partial}{\partial x_j} \big\langle
              \mathrm{cell}(s_{t-1}, x), \lambda_t \big\rangle
              \quad \text{at} \quad x = \tfrac12 (x_t + x'_t)

    with λ what the states after the step are worth, over all layers. It costs no more for many
    features than for few. The features of a step sum to what replacing all of them at once would
    change, to third order in the difference.

    Args:
        stack: The stacked layers.
        reference: What stands instead of the input of each step; see `Stack.stepped_with`.
        worth: What the states after each step are worth, for each layer and direction.

    Returns:
        Scores (time, batch, features) in the order of the text.
    """
    multipliers = feature_multipliers(stack, reference, worth)
    return multipliers.mul_(stack.inputs - reference.to(stack.inputs))


def feature_multipliers(stack: Stack, reference: Tensor, worth: Sequence[Sequence[Ends]]) -> Tensor:
    """The derivatives at the midpoint alone (time, batch, features), in the order of the text.

    Args:
        stack: The stacked layers.
        reference: As for `feature_changes`.
        worth: As for `feature_changes`.
    """
    steps = midpoint_steps(stack, reference)
    of_inputs: Tensor | None = None
    for layer, of_layer, worths in reversed(list(zip(stack.layers, steps, worth, strict=True))):
        above = [None] * len(layer) if of_inputs is None else of_inputs.chunk(len(layer), -1)
        found = []
        for direction, (passed, of_one, (states, cells), of_above) in enumerate(
            zip(layer, of_layer, worths, above, strict=True)
        ):
            if of_above is not None:
                states = states + stack.reorder(of_above, direction)
            of_tokens = passed.cell.through_steps(of_one, states, cells)
            found.append(stack.reorder(of_tokens, direction))
        of_inputs = torch.stack(found).sum(0)
    assert of_inputs is not None
    return of_inputs


def midpoint_steps(stack: Stack, reference: Tensor) -> list[list[Any]]:
    """What the cells of each layer and direction would do halfway between inputs and references.

    Every step goes on from the recorded state before it; see `Cell.steps_apart`.

    Args:
        stack: The stacked layers.
        reference: What stands instead of the input of each step; see `Stack.stepped_with`.
    """
    reference = reference.to(stack.inputs)
    read, steps = torch.lerp(stack.inputs, reference.expand_as(stack.inputs), 0.5), []
    for layer in stack.layers:
        of_layer = []
        for direction, passed in enumerate(layer):
            cells = None if passed.initial_cell is None else passed.steps.cells
            tokens = stack.reorder(read, direction)
            of_layer.append(passed.cell.steps_apart(tokens, passed.states, cells))
        steps.append(of_layer)
        if layer is not stack.layers[-1]:
            made = [p.cell.made(of_one) for p, of_one in zip(layer, of_layer, strict=True)]
            parts = [stack.reorder(m, d) for d, m in enumerate(made) if m is not None]
            read = torch.cat(parts, -1)
    return steps


def exact_feature_changes(
    stack: Stack, reference: Tensor, worth: Sequence[Sequence[Ends]]
) -> Tensor:
    """The same by replacing each feature alone, with a step of all cells for every feature.

    Args:
        stack: The stacked layers.
        reference: As for `feature_changes`.
        worth: As for `feature_changes`.

    Returns:
        Scores (time, batch, features) in the order of the text.
    """
    changes = [
        step_changes(stack, stack.stepped_with(replaced), worth)
        for replaced in replaced_one_by_one(stack, reference)
    ]
    return torch.stack(changes, 2)


def replaced_one_by_one(stack: Stack, reference: Tensor) -> Iterator[Tensor]:
    """The inputs (time, batch, features) with one feature after the other replaced."""
    reference = reference.to(stack.inputs).expand_as(stack.inputs)
    for feature in range(reference.shape[2]):
        replaced = stack.inputs.clone()
        replaced[..., feature] = reference[..., feature]
        yield replaced
