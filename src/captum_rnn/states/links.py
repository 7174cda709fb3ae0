"""Which runs of a layer go on from which: by the values of their states, row by row."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

import torch
from torch import Tensor, nn

from captum_rnn.states.hooks import LayerCall
from captum_rnn.states.layers import form_of
from captum_rnn.states.recording import data_of

Link: TypeAlias = tuple[int, int] | None
"""The earlier call and its row whose final state a row of a call goes on from; None: none."""


class Links(NamedTuple):
    """How runs of layers go on from each other.

    Attributes:
        rows: For each call its rows' links; a call that was given no state has none.
        restarted: The calls that begin with what is made of earlier answers of their own layer, and
            is none of them, such as a state that has decayed meanwhile.
    """

    rows: list[list[Link]]
    restarted: set[int]


def links_between(
    layers: Sequence[nn.Module],
    calls: Sequence[LayerCall],
    begins: Callable[[int, Tensor, Sequence[int]], bool],
    as_it_was: Callable[[int, Tensor], bool],
) -> Links:
    """How calls go on from each other, all rows of a call alike where any begins otherwise.

    Args:
        layers: The layer of each call.
        calls: The calls, in their order.
        begins: Whether some rows (rows,) of a call begin with what is made of answers of others, or
            of the tokens.
        as_it_was: Whether zeros with which rows (rows,) of a call begin were handed on unchanged.
    """
    links: list[list[Link]] = []
    restarted: set[int] = set()
    for number, call in enumerate(calls):
        if call.initial is None:
            links.append([])
            continue
        found = _links_of(number, layers, calls)
        open_rows = _open_rows(layers[number], call.initial, found)
        zeros = _linked_zeros(layers[number], call.initial, found)
        if zeros.any() and not as_it_was(number, zeros):
            found, open_rows = [None] * len(found), torch.ones_like(zeros)
        if open_rows.any():
            if any(found) and begins(number, open_rows, range(number)):
                found, open_rows = [None] * len(found), torch.ones_like(open_rows)
            own = [n for n in range(number) if layers[n] is layers[number]]
            if own and begins(number, open_rows, own):
                restarted.add(number)
        links.append(found)
    return Links(links, restarted)


def _linked_zeros(layer: nn.Module, initial: tuple[Tensor, ...], links: Sequence[Link]) -> Tensor:
    """The rows (rows,) of a call that begin with zeros which an earlier call ended with."""
    linked = torch.tensor([link is not None for link in links])
    if not form_of(layer).has_gates or not linked.any():
        return torch.zeros_like(linked)
    return linked & ~states_of(initial).any(1).cpu()


def _open_rows(layer: nn.Module, initial: tuple[Tensor, ...], links: Sequence[Link]) -> Tensor:
    """The rows (rows,) of a call that begin with a state of no earlier call, nor with zeros."""
    unlinked = torch.tensor([link is None for link in links])
    if not form_of(layer).has_gates:
        return unlinked & any(bool(state.any()) for state in initial)
    return unlinked & states_of(initial).any(1).cpu()


def _links_of(number: int, layers: Sequence[nn.Module], calls: Sequence[LayerCall]) -> list[Link]:
    """For each row of a call, the earlier call and its row whose final state it goes on from."""
    if not form_of(layers[number]).has_gates:
        return _links_of_other(number, layers, calls)
    initial = states_of(calls[number].initial or ())
    links: list[Link] = [None] * len(initial)
    open_rows = (initial != 0).any(1)
    for earlier in reversed(range(number)):
        if not open_rows.any():
            break
        final = states_of(calls[earlier].final)
        if layers[earlier] is not layers[number] or final.shape[1] != initial.shape[1]:
            continue
        if final.shape == initial.shape:
            same = open_rows & (final == initial).all(1)
            for row in same.nonzero().flatten().tolist():
                links[row] = (earlier, row)
            open_rows = open_rows & ~same
        for row in open_rows.nonzero().flatten().tolist():
            found = (final == initial[row]).all(1).nonzero().flatten()
            if len(found):
                links[row] = (earlier, int(found[0]))
                open_rows[row] = False
    return _with_zeros(number, layers, calls, links)


def _with_zeros(
    number: int,
    layers: Sequence[nn.Module],
    calls: Sequence[LayerCall],
    links: list[Link],
) -> list[Link]:
    """The same, and rows that a call left at zeros, as relu may, if all its other rows go on."""
    initial = states_of(calls[number].initial or ())
    before = [n for n in range(number) if layers[n] is layers[number]]
    final = states_of(calls[before[-1]].final) if before else initial[:0]
    is_zero = ~initial.any(1)
    if final.shape != initial.shape or not is_zero.any():
        return links
    going_on = [(before[-1], row) for row in range(len(links))]
    others = zip(is_zero.tolist(), links, going_on, strict=True)
    if not all(zero or link == own for zero, link, own in others):
        return links
    left = (is_zero & ~final.any(1)).tolist()
    return [own if zero else link for zero, link, own in zip(left, links, going_on, strict=True)]


def _links_of_other(
    number: int, layers: Sequence[nn.Module], calls: Sequence[LayerCall]
) -> list[Link]:
    """The same of a layer that is not torch's: all rows go on from one call, or none does.

    Where the rows lie in its states is not known.
    """
    call, batch_first = calls[number], form_of(layers[number]).batch_first
    rows = data_of(call.output).shape[0 if batch_first else 1]
    given = call.initial or ()
    for earlier in reversed(range(number)):
        final = calls[earlier].final
        same_layer = layers[earlier] is layers[number] and len(final) == len(given)
        if same_layer and all(map(torch.equal, final, given)):
            return [(earlier, row) for row in range(rows)]
    return [None] * rows


def states_of(parts: Sequence[Tensor]) -> Tensor:
    """All states of each row (rows, width)."""
    batched = [part if part.dim() == 3 else part.unsqueeze(1) for part in parts]
    return torch.cat([part.transpose(0, 1).flatten(1) for part in batched], 1)


def groups_of(links: list[list[Link]]) -> list[list[int]]:
    """The calls that are linked, together, each group in the order of the calls."""
    group_of = list(range(len(links)))
    for number, of_call in enumerate(links):
        for earlier in {link[0] for link in of_call if link is not None}:
            old, new = group_of[number], group_of[earlier]
            group_of = [new if group == old else group for group in group_of]
    return [
        [number for number, own in enumerate(group_of) if own == group]
        for group in dict.fromkeys(group_of)
    ]
