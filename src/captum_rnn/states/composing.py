"""Which token a step of a layer read by way of a step of another layer."""

from collections.abc import Sequence
from dataclasses import replace

import torch

from captum_rnn.states.following import Entry
from captum_rnn.states.places import Placement
from captum_rnn.states.recording import Recording, data_of
from captum_rnn.states.steps import Steps
from captum_rnn.states.tracing import traced


def composed(
    placement: Placement, recording: Recording, calls: Sequence[Steps]
) -> tuple[Placement, set[int]]:
    """Adds the tokens of calls whose steps read one step each of an earlier call.

    Args:
        placement: Which tokens are read directly.
        recording: What the layers did, with its graph.
        calls: The steps of each call.

    Returns:
        The placement with these tokens, and the calls that read so.
    """
    firsts = [sum(placement.counts[:index]) for index in range(len(calls))]
    entries = []
    for call, steps, first in zip(recording.calls, calls, firsts, strict=True):
        leaf = data_of(call.output)
        numbers = (steps.numbers + first).reshape(*leaf.shape[:-1], 1)
        entries.append(Entry(leaf, numbers))
        if steps.time == 1 and call.final[0].numel() == leaf.numel():
            entries.append(Entry(call.final[0], numbers.reshape(1, -1, 1)))
    found: set[int] = set()
    for index, steps in enumerate(calls):
        numbers = steps.numbers + firsts[index]
        parts, mixed = traced(entries, (), {index: (steps.data, numbers)})
        pairs = [(part.places, part.steps) for part in parts]
        if mixed or not pairs:
            continue
        below, above = (torch.cat(each) for each in zip(*pairs, strict=True))
        below, above = torch.unique(torch.stack([below[below >= 0], above[below >= 0]]), dim=1)
        one_each = len(above) == len(numbers) == len(above.unique()) == len(below.unique())
        if not one_each:
            continue
        step_below = torch.zeros(sum(placement.counts), dtype=torch.int64, device=above.device) - 1
        step_below[below] = above
        taken = step_below[placement.steps]
        extra = torch.stack([placement.places[taken >= 0], taken[taken >= 0]])
        pairs_now = torch.cat([torch.stack([placement.places, placement.steps]), extra], 1)
        pairs_now = torch.unique(pairs_now, dim=1)
        placement = replace(placement, places=pairs_now[0], steps=pairs_now[1], straight=False)
        found.add(index)
    return placement, found
