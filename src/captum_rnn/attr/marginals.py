"""What removing and adding single tokens changes of sub-texts, to first order, by one scan each."""

from typing import NamedTuple

import torch
from torch import Tensor

from captum_rnn.attr.adjoint_delta import AdjointDeltaAttribution
from captum_rnn.attr.records import Run
from captum_rnn.attr.removing import Texts
from captum_rnn.attr.subtexts import SubText
from captum_rnn.functional.insertion import insertion_changes
from captum_rnn.functional.propagation import skipped, step_changes, worth_of_states
from captum_rnn.functional.stack import Stack
from captum_rnn.states.layers import form_of
from captum_rnn.states.recovery import unstack
from captum_rnn.states.stacked_layers import time_first


class Changes(NamedTuple):
    """What single tokens change of sub-texts (sub-texts, time), to first order."""

    scores: Tensor
    """f(T) − f(T without i) of the tokens of T, and f(T with i) − f(T) of the others."""
    known: Tensor
    """Which of the latter are known, as a mask."""


class _Reads(NamedTuple):
    """How the layer reads sub-texts, if other tokens can be put into them."""

    stack: Stack
    rows: Tensor
    """The layer's row of each sub-text (sub-texts,)."""
    vectors: Tensor
    """What it reads of each token of their texts (sub-texts, time, features)."""


class Marginals:
    """Scores all tokens of a text by what they change of its sub-texts.

    What is added is known where a token is one step of one layer, which reads the same of it in
    whatever text it stands, and nothing goes past the layer. That is tried without the middle token
    of each text, and checked on the tokens of each sub-text. Elsewhere only removals are scored.

    Args:
        method: Runs the sub-texts.
        texts: The texts.
    """

    def __init__(self, method: AdjointDeltaAttribution, texts: Texts) -> None:
        self._method, self._tokens = method, texts.tokens
        self._vectors = self._read_of_tokens(texts.run)
        if self._vectors is not None and not self._reads_alike(texts):
            self._vectors = None

    def of(self, part: SubText, rows: Tensor, kept: Tensor) -> Changes:
        """What the tokens change of some sub-texts.

        Args:
            part: The sub-texts.
            rows: The row of the text of each (sub-texts,).
            kept: Its tokens (sub-texts, time), as a mask.
        """
        run = self._run(part)
        with torch.no_grad(), run.full_precision():
            reads = self._reads(run, rows, kept)
            if reads is not None:
                return _changes(reads, kept, self._tokens[rows] & ~kept)
            removed = self._method._token_scores(run)[0]
        removed = removed if self._method.batch_first else removed.transpose(0, 1)
        return Changes(_placed(kept, removed), torch.zeros_like(kept))

    def _run(self, part: SubText) -> Run:
        return self._method._run(part.inputs, part.target, part.arguments, None)

    def _reads_alike(self, texts: Texts) -> bool:
        """Whether the layer reads the same of all other tokens without the middle one."""
        counts = self._tokens.sum(1)
        rows = (counts > 1).nonzero().flatten()
        tokens = self._tokens[rows]
        kept = tokens & (tokens.cumsum(1) != counts[rows].unsqueeze(1) // 2 + 1)
        return all(
            self._reads(self._run(part), rows[part.which], kept[part.which]) is not None
            for part in texts.parts.batches(rows, kept)
        )

    @torch.no_grad()
    def _reads(self, run: Run, rows: Tensor, kept: Tensor) -> _Reads | None:
        """None: it is not known what would be read of other tokens."""
        steps = self._steps_of_tokens(run)
        if self._vectors is None or steps is None or not _in_order(steps):
            return None
        (record,) = run.records
        stack = unstack(record.layer, record.call, record.gradient)
        if not stack.knows_slopes or len(stack.inputs) != steps.shape[1]:
            return None
        of_layer = torch.div(steps[:, 0], steps.shape[1], rounding_mode="floor")
        vectors = self._vectors[rows].to(stack.inputs)
        read = stack.inputs.transpose(0, 1)[of_layer]
        rounding = 8 * record.call.rounding * float(read.nan_to_num(0, 0, 0).abs().amax())
        if not torch.allclose(read, vectors[kept].view_as(read), 0, rounding, equal_nan=True):
            return None
        return _Reads(stack, of_layer, vectors)

    def _steps_of_tokens(self, run: Run) -> Tensor | None:
        """The step of the only record that reads each token (batch, time); −1: none does.

        None: tokens are read otherwise.
        """
        if len(run.records) > 1 or run.needs_walk or run.has_beside or run.restarted:
            return None
        tokens, steps = run.placement.tokens(0)
        if any(len(torch.unique(numbers)) < len(numbers) for numbers in (tokens, steps)):
            return None
        found = steps.new_full(run.layouts[0].shape[:2], -1)
        found.view(-1)[tokens] = steps
        return found if self._method.batch_first else found.transpose(0, 1)

    def _read_of_tokens(self, run: Run) -> Tensor | None:
        """What the layer read of each token (batch, time, features)."""
        steps = self._steps_of_tokens(run)
        if steps is None or bool((steps[self._tokens] < 0).any()):
            return None
        (record,) = run.records
        read, _ = time_first(record.call.input, form_of(record.layer).batch_first)
        vectors: Tensor = read.detach().transpose(0, 1).flatten(0, 1)[steps.clamp(min=0)]
        return vectors


def _in_order(steps: Tensor) -> bool:
    """Whether each row's tokens are all steps of one row of the layer, in their order."""
    time = steps.shape[1]
    return bool((steps == steps[:, :1] + torch.arange(time, device=steps.device)).all()) and bool(
        (steps[:, 0] % time == 0).all()
    )


def _changes(reads: _Reads, kept: Tensor, others: Tensor) -> Changes:
    """Both from one walk.

    Args:
        reads: How the layer reads the sub-texts.
        kept: Their tokens (sub-texts, time), as a mask.
        others: The other tokens of their texts.
    """
    worth = worth_of_states(reads.stack)
    of_steps = [[(s[1:], None if c is None else c[1:]) for s, c in layer] for layer in worth]
    removed = step_changes(reads.stack, skipped(reads.stack), of_steps)
    rows = reads.rows[others.nonzero(as_tuple=True)[0]]
    after = kept.cumsum(1)[others]
    added = insertion_changes(reads.stack, worth, reads.vectors[others], rows, after)
    scores = _placed(kept, removed.transpose(0, 1)[reads.rows])
    return Changes(scores.masked_scatter(others, added.to(scores)), others)


def _placed(kept: Tensor, scores: Tensor) -> Tensor:
    """Scores of the kept tokens of each row, where these stand (rows, time); 0 elsewhere."""
    return scores.new_zeros(kept.shape).masked_scatter(kept, scores)
