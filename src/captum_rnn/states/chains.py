"""Rows of runs that follow each other, each going on from the state of the one before."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from captum_rnn.states.layers import form_of
from captum_rnn.states.recording import ReadGradient, data_of
from captum_rnn.states.steps import Steps

Row = tuple[int, int]
"""A call and one of its rows."""


@dataclass(frozen=True)
class Chaining:
    """Puts rows of calls behind each other.

    Attributes:
        layer: The layer of the calls.
        gradients: What is read of each call, if that is known.
        steps: The steps of each call.
        links: For each row of each call, the row that it goes on from; see `links_between`.
    """

    layer: nn.Module
    gradients: Sequence[ReadGradient | None]
    steps: Sequence[Steps]
    links: Sequence[Sequence[Row | None]]

    def of(self, group: Sequence[int]) -> tuple[list[list[Row]], bool]:
        """The chains of the calls of a group, and whether any went on twice from one state.

        Raises:
            ValueError: Two go on from one state and are both read, so that they are no single run.
        """
        chains: list[list[Row]] = []
        ended: dict[Row, int] = {}
        forked = False
        for number in group:
            for row in range(self.steps[number].rows):
                link = self.links[number][row] if self.links[number] else None
                if link is None:
                    chains.append([])
                    chain = len(chains) - 1
                elif link in ended:
                    chain = ended.pop(link)
                else:
                    chain, forked = self._cut_behind(link, chains, ended), True
                chains[chain].append((number, row))
                ended[number, row] = chain
        return chains, forked

    def _cut_behind(self, link: Row, chains: list[list[Row]], ended: dict[Row, int]) -> int:
        """The chain that ends with a state again, without what was made of that state before.

        A row that keeps its state over padding has taken steps there that nothing is read of. They
        become a chain of their own.
        """
        chain = next(index for index, links in enumerate(chains) if link in links)
        first = chains[chain].index(link) + 1
        others = chains[chain][first:]
        if any(self._is_read(*other) for other in others):
            raise no_single_run(self.layer)
        del chains[chain][first:]
        chains.append(others)
        ended[others[-1]] = len(chains) - 1
        return chain

    def _is_read(self, number: int, row: int) -> bool:
        """Whether the classifier reads anything of a row of a call, as far as that is known."""
        gradient, steps = self.gradients[number], self.steps[number]
        if gradient is None or not form_of(self.layer).has_gates:
            return True
        parts = [state[:, row] for state in gradient.final if state is not None]
        if gradient.output is not None:
            outputs = data_of(gradient.output)
            own = torch.div(steps.numbers, steps.time, rounding_mode="floor") == row
            parts.append(outputs.reshape(-1, outputs.shape[-1])[own])
        return any(bool(part.any()) for part in parts)


class NoSingleRunError(ValueError):
    """Runs go on from one state, and all are read, as far as that is known."""


def no_single_run(layer: nn.Module) -> NoSingleRunError:
    """The error for runs that go on from one state and are all read."""
    return NoSingleRunError(
        f"two runs of {type(layer).__name__} go on from one state, so that they are no single run; "
        "explain one of them at a time"
    )
