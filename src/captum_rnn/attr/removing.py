"""The shell of methods that remove tokens from the text and read what the model says then."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from captum_rnn._captum import format_output, is_tuple, run_forward
from captum_rnn.attr.asking import asked_run, may_carry, without_unread
from captum_rnn.attr.begins_check import check_begins_alike
from captum_rnn.attr.counts_check import check_counts_tokens
from captum_rnn.attr.inputs import Lengths
from captum_rnn.attr.notice import warn_of_shares
from captum_rnn.attr.padding_check import check_padding_is_told
from captum_rnn.attr.records import Run
from captum_rnn.attr.recurrent import RecurrentAttribution
from captum_rnn.attr.subtexts import (
    SubTexts,
    check_answers_apart,
    check_read_alone,
    check_stays_unread,
)
from captum_rnn.states.chains import NoSingleRunError
from captum_rnn.states.hooks import LayerCall
from captum_rnn.states.modes import mode_of, tensors_kept
from captum_rnn.states.rest import read_at_rest

Empty = Callable[[Any], Tensor | float]


@dataclass(frozen=True)
class Texts:
    """Texts of which tokens can be removed.

    Attributes:
        run: The model's run on them.
        parts: Their sub-texts.
        whole: What the model says of them (batch,).
        empty: What it says of none of their tokens (batch,).
    """

    run: Run
    parts: SubTexts
    whole: Tensor
    empty: Tensor

    @property
    def tokens(self) -> Tensor:
        """Their tokens (batch, time), as a mask; padding is none."""
        return self.parts.tokens


class RemovingAttribution(RecurrentAttribution):
    """A method that runs the model on sub-texts, which a recurrent network reads as they are.

    Args:
        forward_func: The model, or any function that runs it.
        layer: The recurrent layer in it.
        device_ids: Kept for Captum's signature; the layer has to run on one device.
        empty: What the model says of a text without tokens, as a function of the target: a number,
            or one for each row (batch,). None: what it makes of the layer's initial state.
        batch_first: Whether dimension 0 of the inputs is the batch; False: it is the time.
    """

    _looks_at_class: ClassVar[bool] = True
    _asks_for_none: ClassVar[bool] = True
    """Whether sub-texts without any token are asked for of every text, not only of single ones."""

    def __init__(
        self,
        forward_func: Callable[..., Any],
        layer: nn.Module | None = None,
        device_ids: list[int] | None = None,
        *,
        empty: Empty | None = None,
        batch_first: bool = True,
    ) -> None:
        super().__init__(forward_func, layer, device_ids, batch_first=batch_first)
        self.empty = empty
        self._answers_apart: set[tuple[bool, ...]] = set()

    @property
    def _needs_gradient(self) -> bool:
        return False

    def _empty_values(self, run: Run, target: Any) -> Tensor:
        """What the model says of a text without tokens (batch,)."""
        assert run.value is not None
        if self.empty is None:
            with tensors_kept(self.forward_func):
                return read_at_rest(run.modules, run.forward, run.first_states).reshape(-1)
        given = torch.as_tensor(self.empty(target), dtype=run.value.dtype)
        return given.to(run.value).expand(run.value.shape)

    def _texts(
        self,
        inputs: Any,
        target: Any,
        additional_forward_args: Any,
        lengths: Lengths,
        internal_batch_size: int,
    ) -> Texts:
        """Runs the model on the inputs, and checks that it answers their tokens alone alike."""
        run = self._tokens_run(inputs, target, additional_forward_args, lengths)
        assert run.value is not None
        parts = SubTexts(
            inputs,
            target,
            additional_forward_args,
            run,
            batch_first=self.batch_first,
            rows_at_once=internal_batch_size,
        )
        sizes = parts.tokens.sum(1)
        asked = bool((sizes == 1).any()) or self._asks_for_none
        whole = empty = self._empty_values(run, target) if asked else torch.zeros_like(run.value)
        rows = sizes.nonzero().flatten()
        if len(rows):
            alone = parts.values(self.forward_func, rows, parts.tokens[rows])
            check_read_alone(parts, alone, run.value[rows])
            self._check_answers_apart(parts, run.modules)
            if lengths is None:
                check_counts_tokens(parts, self.forward_func, run.modules)
                check_stays_unread(parts, self.forward_func, empty)
            whole = empty.to(alone.dtype).index_copy(0, rows, alone)
            may_mask = run.tells_ends or additional_forward_args is not None
            if may_mask and not all(map(_is_packed, run.calls)):
                check_padding_is_told(parts, self.forward_func, whole, of_all=self._asks_for_none)
            if self.empty is None and asked:
                self._check_empty(run, parts, rows, empty)
        return Texts(run, parts, whole, empty.to(whole.dtype))

    def _tokens_run(self, *given: Any) -> Run:
        """The model's run; of a layer called by steps, without padding that nothing reads."""
        _, target, additional_forward_args, _ = given
        try:
            run = self._run(*given)
            if not may_carry(run, target, additional_forward_args):
                return run
        except NoSingleRunError:  # unless all but one of the runs are read by nothing
            pass
        unknown = "which runs of the layer it reads"
        run = asked_run(self._run, given, self.forward_func, wanted=False, unknown=unknown)
        return without_unread(run, target, additional_forward_args)

    def _check_answers_apart(self, parts: SubTexts, modules: list[nn.Module]) -> None:
        """Once for each mode of the model; see `check_begins_alike`, `check_answers_apart`."""
        mode = mode_of(self.forward_func)
        if mode is None or mode not in self._answers_apart:
            check_begins_alike(parts, self.forward_func, modules)
            check_answers_apart(parts, self.forward_func)
            self._answers_apart.update([] if mode is None else [mode])

    def _check_empty(self, run: Run, parts: SubTexts, rows: Tensor, empty: Tensor) -> None:
        """Raises ValueError if what the model says of no tokens depends on those there were."""
        tokens = parts.tokens[rows]
        first = tokens & (tokens.cumsum(1) == 1)
        known = parts.inputs[parts.tokens]

        def at_rest(inputs: Tensor, target: Any, arguments: Any) -> Any:
            other = _other_tokens(inputs, known)
            return read_at_rest(
                run.modules, lambda: run_forward(self.forward_func, other, target, arguments)
            )

        found = parts.values(self.forward_func, rows, first, run_as=at_rest)
        if not parts.agree(found, empty[rows]).all():
            raise ValueError(
                "what the model makes of the layer's initial state depends on the tokens, which "
                "reach its output beside the layer too, or on how many there are; pass empty, what "
                "it says of a text without tokens"
            )

    def _formatted(self, inputs: Any, texts: Texts, scores: Tensor, per_step: bool) -> Any:
        """Scores of the tokens (batch, time) in the shape of the inputs, or for each step."""
        in_layout = [scores if self.batch_first else scores.transpose(0, 1)]
        if not per_step:
            warn_of_shares(type(self).__name__, False, texts.run.layouts, in_layout)
        return format_output(is_tuple(inputs), texts.run.arrange(in_layout, per_step=per_step))


def _is_packed(call: LayerCall) -> bool:
    """Whether the model told the layer where its rows end."""
    return isinstance(call.input, PackedSequence) and not call.of_kernel


def _other_tokens(tokens: Tensor, known: Tensor) -> Tensor:
    """Other tokens than those of a text: other vectors, or other ids of the texts."""
    if tokens.is_floating_point():
        return tokens + 1
    ids = torch.unique(known)
    if len(ids) == 1:
        return torch.where(tokens > 1, tokens - 1, tokens + 1)
    return torch.where(tokens == ids[-1], ids[-2], ids[-1])  # the first may be padding
