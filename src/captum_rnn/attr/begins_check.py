"""Models that say something else of the same text in another run."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from captum_rnn._captum import run_forward
from captum_rnn.attr.subtexts import SubTexts
from captum_rnn.states.modes import tensors_kept
from captum_rnn.states.rest import begun_with

_States: TypeAlias = list[tuple[Tensor, ...] | None]


def check_begins_alike(
    parts: SubTexts, forward_func: Callable[..., Any], modules: Sequence[nn.Module]
) -> None:
    """Raises ValueError if the states that a text begins with are those of an earlier run.

    Or if the model draws random numbers, as by dropout: how much they change is a matter of chance.

    The longest text is run without its last token, before and after it is run without its first.
    What a state of long ago still changes of the answer may be nothing there, and all of it in a
    shorter text.

    Args:
        parts: The sub-texts of the texts.
        forward_func: The model.
        modules: Its layers.
    """
    row = parts.tokens.sum(1).argmax()
    places = parts.tokens[row].nonzero().flatten()
    if len(places) < 2:
        return
    kept = parts.tokens[row].repeat(2, 1)
    kept[0, places[0]] = kept[1, places[-1]] = False

    def run_again() -> None:
        with tensors_kept(forward_func):
            _begun(parts, forward_func, modules, row, kept[0])

    drawn = _random_state(parts.inputs)
    try:
        with tensors_kept(forward_func):
            begun = partial(_begun, parts, forward_func, modules, row)
            first, between = begun(kept[0]), begun(kept[1])
            is_given = any(states is not None for states in (*first, *between))
            again = begun(kept[0]) if is_given else first
    except Exception:  # of texts that are too short, which are named where they are run
        return
    if not torch.equal(drawn, _random_state(parts.inputs)) and _draws(run_again):
        raise ValueError(
            "the model draws random numbers in each run, as where it drops out at random, so that "
            "what tokens change cannot be told from them; call model.eval(), or let forward_func "
            "begin with states of its own in place of random ones"
        )
    if not _are_alike(first, again):
        raise ValueError(
            "the model keeps a state from run to run, so that what it says of a text depends on "
            "the one before it; let forward_func give it the state to begin with, or reset it, in "
            "each run"
        )


def _random_state(inputs: Tensor) -> Tensor:
    if inputs.device.type == "cuda":
        return torch.cuda.get_rng_state(inputs.device)
    return torch.get_rng_state()


class _Drawing(TorchDispatchMode):
    """Notices functions that may draw random numbers, in the thread that entered it."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.seen = False

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        self.seen |= torch.Tag.nondeterministic_seeded in func.tags
        return func(*args, **kwargs or {})


def _draws(run: Callable[[], Any]) -> bool:
    """Whether it is this run that draws, and not another thread meanwhile."""
    drawing = _Drawing()
    with drawing:
        run()
    return drawing.seen


def _begun(
    parts: SubTexts,
    forward_func: Callable[..., Any],
    modules: Sequence[nn.Module],
    row: Tensor,
    kept: Tensor,
) -> _States:
    (part,) = parts.batches(row.reshape(1), kept.unsqueeze(0))
    run = partial(run_forward, forward_func, part.inputs, part.target, part.arguments)
    return begun_with(modules, run)


def _are_alike(first: _States, again: _States) -> bool:
    def alike(one: tuple[Tensor, ...] | None, other: tuple[Tensor, ...] | None) -> bool:
        if one is None or other is None:
            return one is other
        pairs = zip(one, other, strict=True)
        return all(
            a.shape == b.shape and torch.allclose(a, b, 1e-3, 1e-5, equal_nan=True)
            for a, b in pairs
        )

    return len(first) == len(again) and all(map(alike, first, again))
