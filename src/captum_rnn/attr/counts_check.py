"""Arguments of a model that hold as many as there are tokens, and may be something else."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from captum_rnn._captum import run_forward
from captum_rnn.attr.subtexts import SubTexts
from captum_rnn.states.hooks import LayerCall
from captum_rnn.states.layers import form_of
from captum_rnn.states.recording import data_of, with_data
from captum_rnn.states.rest import read_instead

_APART = 1e-4
"""Of the size of two values, what is more than rounding between them."""


def check_counts_tokens(
    parts: SubTexts, forward_func: Callable[..., Any], modules: Sequence[nn.Module]
) -> None:
    """Raises ValueError if an integer of each text, equal to its number of tokens, is none.

    A number of tokens that is one too small is as good as a text without its last token, or keeps
    the model from the last step, whose token a layer that reads backward has read for the others.
    A class or a language that happens to have that number does neither; one that changes nothing
    may be cut with the text.

    Args:
        parts: The sub-texts of the texts.
        forward_func: The model.
        modules: Its layers.
    """
    if int(parts.tokens.sum(1).max()) < 2:
        return
    for place in parts.counting:
        if not any(
            _holds(is_fine, parts, forward_func, modules, place)
            for is_fine in (_is_as_cut, _ends_what_is_read, _changes_nothing)
        ):
            raise ValueError(
                f"additional_forward_args[{place}] holds the numbers of tokens, but the model does "
                "not read it as such: with one less it does not leave the last token out. Pass "
                "lengths if they are, or let forward_func bring along what counts no tokens"
            )


def _holds(is_fine: Callable[..., bool], *given: Any) -> bool:
    try:
        return is_fine(*given)
    except ValueError:  # the model fails on some number or text
        return False


def _is_as_cut(
    parts: SubTexts, forward_func: Callable[..., Any], modules: Sequence[nn.Module], place: int
) -> bool:
    """Whether the longest text with one less is as good as without its last token."""
    row = parts.tokens.sum(1).argmax().reshape(1)
    kept = parts.tokens[row]
    shorter = kept & (kept.cumsum(1) < kept.sum())
    first = parts.values(forward_func, row, kept, run_as=_with(forward_func, place, -1))
    second = parts.values(forward_func, row, shorter)
    return bool(parts.agree(first, second, rtol=_APART, atol=_APART / 10).all())


def _ends_what_is_read(
    parts: SubTexts, forward_func: Callable[..., Any], modules: Sequence[nn.Module], place: int
) -> bool:
    """Whether the output of the last step of the longest text is read, and with one less is not."""
    row = parts.tokens.sum(1).argmax().reshape(1)

    def answer(run_as: Callable[..., Any]) -> Tensor:
        return parts.values(forward_func, row, parts.tokens[row], run_as=run_as)

    def with_other_end(run_as: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *given: read_instead(modules, partial(run_as, *given), _with_other_end)

    own, smaller = partial(run_forward, forward_func), _with(forward_func, place, -1)
    if not parts.round_alike(answer(smaller), answer(with_other_end(smaller))).all():
        return False
    full, changed = answer(own), answer(with_other_end(own))
    return not parts.agree(full, changed, rtol=_APART, atol=_APART / 10).all()


def _changes_nothing(
    parts: SubTexts, forward_func: Callable[..., Any], modules: Sequence[nn.Module], place: int
) -> bool:
    """Whether all texts have the same value with one less, and with one alone."""
    rows = (parts.tokens.sum(1) > 1).nonzero().flatten()
    full, *others = (
        parts.values(forward_func, rows, parts.tokens[rows], run_as=run_as)
        for run_as in (
            None,
            _with(forward_func, place, -1),
            _with(forward_func, place, None),
        )
    )
    return all(bool(parts.round_alike(full, other).all()) for other in others)


def _with(forward_func: Callable[..., Any], place: int, more: int | None) -> Callable[..., Any]:
    """The model, with an argument that is changed by a number, or all ones."""

    def run_as(inputs: Tensor, target: Any, arguments: Any) -> Any:
        given = list(arguments)
        given[place] = torch.ones_like(given[place]) if more is None else given[place] + more
        return run_forward(forward_func, inputs, target, tuple(given))

    return run_as


def _with_other_end(number: int, module: nn.Module, call: LayerCall) -> list[Any]:
    """What a layer answers to one text, with another output of the last step."""
    if isinstance(module, nn.RNNCellBase):
        return [call.output, *call.final]
    data = data_of(call.output).clone()
    is_batch_first = form_of(module).batch_first and data.dim() == 3
    end = (
        data[:, -1] if is_batch_first and not isinstance(call.output, PackedSequence) else data[-1]
    )
    end.copy_(1 - end)
    return [with_data(call.output, data), *call.final]
