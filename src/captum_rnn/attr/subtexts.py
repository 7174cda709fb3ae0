"""A model on sub-texts of its inputs: the tokens that are kept, one after the other."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from captum_rnn._captum import format_arguments, run_forward
from captum_rnn.attr.inputs import check_inputs, explained
from captum_rnn.attr.records import Run
from captum_rnn.attr.rows import target_of_rows
from captum_rnn.states.modes import tensors_kept


@dataclass(frozen=True)
class SubText:
    """Sub-texts of one length, as arguments of the model.

    Attributes:
        which: Which of all sub-texts they are (rows,).
        inputs: Their tokens, in the layout of the inputs.
        target: Their targets.
        arguments: The further arguments of the model.
    """

    which: Tensor
    inputs: Tensor
    target: Any
    arguments: Any


class SubTexts:
    """Sub-texts of the rows of one input, batched by their length, so that none is padded.

    Further arguments of the model are cut with the texts: tensors (batch, time, …) like the input,
    and integers (batch,) that are the rows' numbers of tokens; see `counts_check`. Other tensors
    (batch, …) go with their rows, and what is no tensor, or a single number, goes to all.

    Args:
        inputs: The input of the model.
        target: The target, as Captum takes it.
        additional_forward_args: The further arguments.
        run: The model's run on the inputs.
        batch_first: Whether dimension 0 of the input is the batch.
        rows_at_once: How many sub-texts are run together.

    Raises:
        ValueError: Several inputs, or an argument that cannot be cut.
    """

    def __init__(
        self,
        inputs: Any,
        target: Any,
        additional_forward_args: Any,
        run: Run,
        *,
        batch_first: bool = True,
        rows_at_once: int = 512,
    ) -> None:
        tensors = check_inputs(inputs)
        layout = run.layouts[0]
        if len(tensors) > 1 or layout.unbatched or run.placement.axes[0] != (0, 1):
            raise ValueError(
                f"inputs holds {len(tensors)} tensor(s) of shape {tuple(tensors[0].shape)}; "
                "expected one, (batch, time, …) or (time, batch, …), of which tokens are removed"
            )
        if run.placement.mixed:
            raise ValueError(
                "the steps of the layer read several tokens each, and other steps read them too, "
                "so that it cannot be told which tokens are read to be removed; use "
                "captum.attr.FeatureAblation"
            )
        self.tokens = _tokens_read(run, batch_first=batch_first)
        self.inputs = tensors[0] if batch_first else tensors[0].transpose(0, 1)
        self._layout, self._target, self._batch_first = layout, target, batch_first
        self.rows_at_once = rows_at_once
        assert run.value is not None
        of_answer = torch.finfo(run.value.dtype).eps
        self._rounding = max(of_answer, *(record.call.rounding for record in run.records))
        self.counts_tokens = False
        """Whether an argument says how many tokens each text has, or which they are."""
        self.counting: list[int] = []
        """The arguments that say, or seem to say, how many."""
        given = format_arguments(additional_forward_args) or ()
        self._arguments = [self._argument(place, each) for place, each in enumerate(given)]

    def values(
        self,
        forward_func: Callable[..., Any],
        rows: Tensor,
        kept: Tensor,
        done: Callable[[int], Any] = id,
        run_as: Callable[[Tensor, Any, Any], Any] | None = None,
    ) -> Tensor:
        """What the model says of sub-texts (sub-texts,), each of at least one token.

        Args:
            forward_func: The model.
            rows: The row of each (sub-texts,).
            kept: The tokens of each (sub-texts, time), as a mask.
            done: Is told how many sub-texts have been run.
            run_as: How to run inputs, target and further arguments; None: as Captum does.
        """
        run_as = run_as or partial(run_forward, forward_func)
        found: Tensor | None = None
        with torch.no_grad():
            for part in self.batches(rows, kept):
                try:
                    with tensors_kept(forward_func):
                        answer = run_as(part.inputs, part.target, part.arguments)
                except torch.cuda.OutOfMemoryError:
                    raise
                except Exception as error:
                    first = part.which[0]
                    raise _failed(error, int(rows[first]), kept[first]) from error
                if isinstance(answer, Tensor) and answer.numel() == 1 < len(part.which):
                    raise ValueError(
                        f"the model answered once for {len(part.which)} sub-texts that were run "
                        "together; pass internal_batch_size=1 for a model that takes one text"
                    )
                values = explained(answer, len(part.which))
                if found is None:
                    dtype = torch.promote_types(values.dtype, torch.float32)
                    found = torch.zeros(len(rows), dtype=dtype, device=values.device)
                found[part.which] = values.to(found.dtype)
                done(len(part.which))
        assert found is not None
        return found

    def batches(self, rows: Tensor, kept: Tensor) -> Iterator[SubText]:
        """The sub-texts that hold any token, those of one length together."""
        sizes = kept.sum(1)
        for size in torch.unique(sizes[sizes > 0]).tolist():
            for which in (sizes == size).nonzero().flatten().split(self.rows_at_once):
                own = rows[which]
                places = kept[which].nonzero()[:, 1].view(len(which), size)
                inputs = self._cut(self.inputs, own, places)
                arguments = tuple(cut(own, places) for cut in self._arguments)
                target = target_of_rows(self._target, own, self._layout.batch)
                yield SubText(which, inputs, target, arguments)

    def agree(
        self, values: Tensor, others: Tensor, rtol: float = 1e-3, atol: float = 1e-4
    ) -> Tensor:
        """Which values are the same, to what the precision of the layer lets tell at best."""
        rtol, atol = max(rtol, 4 * self._rounding), max(atol, self._rounding)
        return torch.isclose(values, others.to(values), rtol=rtol, atol=atol, equal_nan=True)

    def round_alike(self, values: Tensor, others: Tensor) -> Tensor:
        """Which values differ by some last digits alone, such as those of one sum in two orders.

        Of float64 by 40 units of the last one, of float32 by 5, of half precision by 2.
        """
        size = float(torch.cat([values, others.to(values)]).nan_to_num(0, 0, 0).abs().max())
        tolerance = self._rounding**0.9 * size + 0.5 * self._rounding
        return torch.isclose(values, others.to(values), rtol=0, atol=tolerance)

    def _cut(self, tensor: Tensor, rows: Tensor, places: Tensor) -> Tensor:
        """The kept tokens of each row, in the layout of the input."""
        found = tensor[rows.to(tensor.device).unsqueeze(1), places.to(tensor.device)]
        return found if self._batch_first else found.transpose(0, 1)

    def _argument(self, place: int, given: Any) -> Callable[[Tensor, Tensor], Any]:
        """From rows and places of the kept tokens to an argument of the model."""
        batch, time = self._layout.batch, self._layout.time
        if isinstance(given, Tensor) and given.dim() > 0:
            if given.shape[:2] == self._layout.shape[:2]:
                of_tokens = given if self._batch_first else given.transpose(0, 1)
                is_mask = of_tokens.dim() == 2
                if is_mask and torch.equal((of_tokens != 0).to(self.tokens), self.tokens):
                    self.counts_tokens = True
                return lambda rows, places: self._cut(of_tokens, rows, places)
            is_integer = not given.is_floating_point() and given.dtype != torch.bool
            if given.shape == (batch,) and is_integer:
                counts = self.tokens.sum(1).to(given)
                if torch.equal(given, counts):
                    self.counts_tokens = True
                    self.counting.append(place)
                    return lambda rows, places: given.new_full((len(rows),), places.shape[1])
                if given.min() > 0 and given.max() <= time:
                    raise ValueError(
                        f"additional_forward_args[{place}] holds {given.tolist()}, which may be "
                        f"numbers of tokens, but the layer reads {counts.tolist()} tokens of the "
                        "rows; pass lengths, or let forward_func bring along what counts no tokens"
                    )
            if len(given) == batch:
                return lambda rows, places: given[rows.to(given.device)]
            raise ValueError(
                f"additional_forward_args[{place}] has shape {tuple(given.shape)}, which cannot be "
                f"cut with the tokens of {batch} row(s) of {time}; expected (batch, …) or "
                "(batch, time, …), or let forward_func bring it along"
            )
        if isinstance(given, (list, tuple, dict)):
            raise ValueError(
                f"additional_forward_args[{place}] is a {type(given).__name__}, which cannot be "
                "cut with the tokens; pass lengths and masks as tensors, or let forward_func bring "
                "it along"
            )
        return lambda rows, places: given


def _failed(error: Exception, row: int, kept: Tensor) -> ValueError:
    """What is said where the model, which has run on the full text, fails on a part of it."""
    tokens = kept.nonzero().flatten().tolist()
    return ValueError(
        f"the model fails on the {len(tokens)} token(s) {tokens} of row {row} as a text of their "
        f"own ({type(error).__name__}: {error}), so that tokens cannot be removed from it; let "
        "forward_func answer so short a text, e.g. by padding that changes nothing, or use "
        "AdjointDeltaAttribution or captum.attr.FeatureAblation, which keep the length"
    )


def check_read_alone(parts: SubTexts, values: Tensor, in_batch: Tensor) -> None:
    """Raises ValueError unless texts without padding get the values that they have in the batch."""
    differs = ~parts.agree(values, in_batch)
    if differs.any():
        row = int(differs.int().argmax())
        raise ValueError(
            f"the model answers {float(values[row]):.6g} to the tokens of row {row} alone, but "
            f"{float(in_batch[row]):.6g} in its batch, so that tokens cannot be removed from it: "
            "it reads padding, which lengths would tell, or drops out at random; call "
            "model.eval(), pass lengths, or rows of one length"
        )


def check_stays_unread(parts: SubTexts, forward_func: Callable[..., Any], empty: Tensor) -> None:
    """Raises ValueError if tokens that are not read of the full texts are read of shorter ones.

    The texts are run without the first and without the last token that is read; the unread ones,
    if they are padding, make no difference then. Padding alone is no text that could be run.

    Args:
        parts: The sub-texts of the texts.
        forward_func: The model.
        empty: What it says of no tokens (batch,).
    """
    tokens, unread = parts.tokens, ~parts.tokens
    some = (tokens.sum(1) > 1) | (unread & ~_like_padding(parts.inputs)).any(1)
    rows = (tokens.any(1) & unread.any(1) & some).nonzero().flatten()
    if parts.counts_tokens or not len(rows):
        return
    read = tokens[rows]
    first, last = read.cumsum(1) == 1, read.flip(1).cumsum(1).flip(1) == 1
    removed, twice = torch.cat([first & read, last & read]), rows.repeat(2)
    kept = read.repeat(2, 1) & ~removed
    without, texts = empty[twice].to(torch.promote_types(empty.dtype, torch.float32)), kept.any(1)
    with_unread = without.clone()
    if texts.any():
        without[texts] = parts.values(forward_func, twice[texts], kept[texts]).to(without)
        read_too = parts.values(forward_func, twice[texts], ~removed[texts])
        with_unread[texts] = read_too.to(without)
    with contextlib.suppress(ValueError):  # padding may be no text that the model can run
        if not texts.all():
            alone = parts.values(forward_func, twice[~texts], ~removed[~texts]).to(without)
            with_unread[~texts] = torch.where(alone.isnan(), without[~texts], alone)
    same = parts.agree(with_unread, without)
    if not same.all():
        row = int(twice[int((~same).int().argmax())])
        raise ValueError(
            f"the model reads the tokens {tokens[row].nonzero().flatten().tolist()} of row {row}, "
            "and others once one of them is removed, as where it cuts texts or stops early, so "
            "that it cannot be told what it makes of the rest; cut the inputs to what it reads"
        )


def _like_padding(inputs: Tensor) -> Tensor:
    """Tokens (batch, time) that hold nothing but zeros, or the id that a row ends in twice."""
    is_zero = inputs == 0
    if not inputs.is_floating_point() and inputs.dim() == 2 and inputs.shape[1] > 1:
        ends = inputs[inputs[:, -1] == inputs[:, -2], -1]
        is_zero = is_zero | torch.isin(inputs, ends)
    return is_zero.flatten(2).all(2) if inputs.dim() > 2 else is_zero


def check_answers_apart(parts: SubTexts, forward_func: Callable[..., Any]) -> None:
    """Raises ValueError if the answer to a text depends on the texts that are run with it.

    The longest text is run without its first and without its last token, together and alone.
    """
    row = parts.tokens.sum(1).argmax()
    places = parts.tokens[row].nonzero().flatten()
    if len(places) < 2 or parts.rows_at_once == 1:
        return
    kept = parts.tokens[row].repeat(2, 1)
    kept[0, places[0]] = kept[1, places[-1]] = False
    together = parts.values(forward_func, row.repeat(2), kept)
    alone = parts.values(forward_func, row.repeat(1), kept[:1])
    if not parts.agree(together[:1], alone).all():
        raise ValueError(
            f"the model answers {float(alone[0]):.6g} to a text alone, but "
            f"{float(together[0]):.6g} with another one in its batch, as behind batch "
            "normalisation in training mode or without running statistics, so that sub-texts "
            "cannot be run together; call model.eval(), or pass internal_batch_size=1 and one row "
            "at a time"
        )


def _tokens_read(run: Run, *, batch_first: bool) -> Tensor:
    """The tokens (batch, time) that the layer read, padding left out."""
    ones = [
        record.path.without_padding(
            record.path.paths[0].new_ones(len(record.rows), record.path.time)
        )
        for record in run.records
    ]
    (read,) = run.at_tokens(ones)
    return (read if batch_first else read.transpose(0, 1)) > 0
