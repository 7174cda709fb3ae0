"""What a token that is put in changes, by autograd through unrolled cells: a reference."""

import torch

from unrolled import Unrolled


def insertion_changes(reader, sequence, token, initial=None):
    """Of a token that is put in at each place from the first to the last (time + 1,)."""
    unrolled, time = Unrolled(reader, sequence, initial), len(sequence)
    changes = torch.zeros(time + 1, dtype=torch.float64)
    for place in range(time + 1):
        read = token
        for layer_index, steps in enumerate(unrolled.steps):
            made = []
            for direction, step in enumerate(steps):
                here = place if direction == 0 else time - place
                state, cell, worth, cell_worth = (
                    path[layer_index][direction][here]
                    for path in (
                        unrolled.states,
                        unrolled.cells,
                        unrolled.worth,
                        unrolled.cell_worth,
                    )
                )
                new_state, new_cell = step(read, state, cell)
                made.append(new_state)
                changes[place] += (new_state - state) @ worth + (new_cell - cell) @ cell_worth
            read = torch.cat(made)
    return changes
