"""Adjoint delta: all of leave-one-out, to first order, for one backward scan."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from captum_rnn.attr.baselines import GivenBaselines
from captum_rnn.attr.comparing import ComparingAttribution
from captum_rnn.attr.inputs import Lengths, check_inputs
from captum_rnn.attr.leave_one_out import LeaveOneOutAttribution
from captum_rnn.attr.method import in_full_precision
from captum_rnn.attr.predictions import EveryPredictionCompared, Predictions
from captum_rnn.attr.records import Record, Run
from captum_rnn.attr.removal_check import RemovalCheck, check_removals
from captum_rnn.functional.cells import TANGENT
from captum_rnn.functional.features import (
    exact_feature_changes,
    feature_changes,
    feature_multipliers,
    replaced_one_by_one,
)
from captum_rnn.functional.prediction_reads import (
    Reads,
    predictions_at_once,
    reads_of_all,
    reads_of_own_steps,
)
from captum_rnn.functional.prediction_scan import (
    adjoint_matrix,
    differences,
    feature_matrix,
    feature_multiplier_matrix,
)
from captum_rnn.functional.propagation import (
    handed_on,
    skipped,
    step_changes,
    worth_of_steps,
)
from captum_rnn.functional.stack import Stack
from captum_rnn.states.recovery import unstack
from captum_rnn.states.stacked_layers import reads_of


class AdjointDeltaAttribution(EveryPredictionCompared, ComparingAttribution):
    r"""Scores each token by the change of the output, were its step skipped or taken otherwise.

    .. math:: \text{score}_t = \langle s_t - s_{t-1}, \lambda_t \rangle, \qquad
              \lambda_t = \frac{\mathrm{d} f_c}{\mathrm{d} s_t}

    The state s_t is the whole state after step t: h, for an LSTM also c, of every layer and every
    direction. The adjoint λ_t is the total derivative of the explained output through all later
    steps. Skipping token t puts s_{t−1} where s_t stood, so the score is the first-order estimate
    of leave-one-out, for all tokens at once. With `baselines` the step is compared with the one
    that the baseline would have taken, ⟨s_t − cell(s_{t−1}, x'_t), λ_t⟩: an estimate of replacing
    the token.

    With baselines each feature of a float input has its own score, where the layer reads it by
    itself or what is linear in the features,

    .. math:: (x_t - x'_t)_j \, \frac{\partial}{\partial x_j}
              \langle \mathrm{cell}(s_{t-1}, x), \lambda_t \rangle \quad \text{at} \quad
              x = \tfrac12 (x_t + x'_t),

    and they sum to the step's score to third order; or, if asked for, the change by that feature
    alone, where the layer reads each by itself. With `per_step=True` steps are compared as a whole.

    An initial state that is among the inputs is s_0, whose score is ⟨s_0 − s'_0, λ_0⟩ in each
    feature. Static covariates, which every step reads, make the initial state or reach the head,
    get what goes on to them by derivatives.

    Of several layers above each other, each step is compared with what it would have made of the
    baseline by way of the steps below it, each from the state that it was in.

    One forward pass and one reverse scan over recomputed gates, without autograd through the
    recurrence: it runs on a GPU in eval mode. It knows what later steps did to a token's effect,
    unlike the scores that look at the states alone. What the scores sum to is not known.

    Two things make skipping a coarser estimate of leave-one-out: a classifier that pools its
    outputs, where the output of a skipped step counts as the one before it, and stacked
    bidirectional layers, where what the lower layer changes still passes the skipped step above.

    Args:
        forward_func: The model, or any function that runs it.
        layer: The `nn.RNN`, `nn.LSTM` or `nn.GRU` in it. Another module, or a subclass that takes
            its steps otherwise, is called one step at a time, which costs a call and a
            backward pass for each step.
        device_ids: Kept for Captum's signature; the layer has to run on one device.
        features: Where each feature has its own score: ``"midpoint"`` of the step and the
            baseline's, at a cost that does not grow with their number, or ``"exact"``, one step of
            the cells for each.
        check: How many tokens of each text to remove exactly, too, as `LeaveOneOutAttribution`
            does, to see whether first order is enough; see `last_check`.
        batch_first: Whether dimension 0 of the inputs is the batch; False: it is the time.

    Attributes:
        last_check: How the scores of the last call agree with exact removals; None before, and
            without `check`.

    Raises:
        ValueError: Other features; a check of one token or fewer than none; in `attribute`, a check
            of replaced tokens, or of a model that `LeaveOneOutAttribution` refuses.

    Example:
        >>> from captum_rnn.attr.adjoint_delta import AdjointDeltaAttribution
        >>> import torch
        >>> class Classifier(nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.lstm = nn.LSTM(8, 16, batch_first=True)
        ...         self.head = nn.Linear(16, 2)
        ...     def forward(self, embedded):
        ...         return self.head(self.lstm(embedded)[0][:, -1])
        >>> model = Classifier()
        >>> adjoint = AdjointDeltaAttribution(model, model.lstm)
        >>> adjoint.attribute(torch.randn(2, 5, 8), target=1).sum(-1).shape
        torch.Size([2, 5])
    """

    _looks_at_class: ClassVar[bool] = True
    _passes_on: ClassVar[bool] = True
    _scores_static: ClassVar[bool] = True

    def __init__(
        self,
        forward_func: Callable[..., Any],
        layer: nn.Module | None = None,
        device_ids: list[int] | None = None,
        *,
        features: Literal["midpoint", "exact"] = "midpoint",
        check: int = 0,
        batch_first: bool = True,
    ) -> None:
        super().__init__(forward_func, layer, device_ids, batch_first=batch_first)
        if features not in ("midpoint", "exact"):
            raise ValueError(f'features is {features!r}; expected "midpoint" or "exact"')
        if check == 1 or check < 0:
            raise ValueError(f"check is {check}; expected 0, or two tokens and more")
        self.features, self.check = features, check
        self.last_check: RemovalCheck | None = None

    def _attribute(
        self,
        inputs: Tensor | tuple[Tensor, ...],
        target: Any,
        additional_forward_args: Any,
        lengths: Lengths,
        baselines: GivenBaselines = None,
        **options: Any,
    ) -> Any:
        if self.check and (baselines is not None or options["attribute_to_layer_input"]):
            raise ValueError(
                "check is for skipped tokens of the inputs; leave check out, or baselines and "
                "attribute_to_layer_input"
            )
        given = inputs, target, additional_forward_args, lengths
        scores = super()._attribute(
            inputs, target, additional_forward_args, lengths, baselines, **options
        )
        if self.check:
            exact = LeaveOneOutAttribution(
                self.forward_func, self.layer, self.device_ids, batch_first=self.batch_first
            )
            texts = exact._texts(*given, internal_batch_size=512)
            found = check_inputs(scores)
            (tokens,) = found if options["per_step"] else texts.run.gather(found)
            tokens = tokens if self.batch_first else tokens.transpose(0, 1)
            self.last_check = check_removals(texts, self.forward_func, tokens, self.check)
        return scores

    def _knows_features(self, run: Run) -> bool:
        compares = all(record.baseline is not None for record in run.records)
        alone = not run.mixed and not any(run.depends)
        return compares and alone and any(run.reads_own_features)

    def _goes_through(self, run: Run) -> bool:
        compares = all(record.baseline is not None for record in run.records)
        return compares and self.features == "midpoint" and not run.composed

    @in_full_precision
    def _handed_on(self, layer: nn.Module, record: Record) -> tuple[Tensor, tuple[Tensor, ...]]:
        stack = unstack(layer, record.call, record.gradient)
        inputs, initial = handed_on(stack, TANGENT)
        if record.baseline is not None:
            inputs = feature_multipliers(stack, record.baseline, worth_of_steps(stack))
        return inputs.transpose(0, 1), initial

    @in_full_precision
    def _score(self, layer: nn.Module, record: Record) -> Tensor:
        assert record.gradient is not None
        stack = unstack(layer, record.call, record.gradient)
        baseline, later = record.baseline, None
        if record.later is not None:
            behind = unstack(layer, record.call, record.later)
            later = [passed.read for passed in behind.layers[-1]]
        worth = worth_of_steps(stack, later=later)
        if baseline is None:
            scores = step_changes(stack, skipped(stack), worth)
        elif not record.of_features:
            scores = step_changes(stack, stack.stepped_with(baseline), worth)
        elif self.features == "midpoint":
            scores = feature_changes(stack, baseline, worth)
        else:
            scores = exact_feature_changes(stack, baseline, worth)
        return record.path.without_padding(scores.transpose(0, 1))

    def _score_predictions(self, record: Record, predictions: Predictions) -> Tensor:
        return self._for_each(
            record,
            predictions,
            lambda each: self._score(each.layer, each),
            partial(self._matrix, record),
        )

    def _worth_to_predictions(self, record: Record, predictions: Predictions) -> Tensor:
        assert record.baseline is not None
        baseline = record.baseline
        return self._for_each(
            record,
            predictions,
            lambda each: self._handed_on(each.layer, each)[0],
            lambda stack, *reads: feature_multiplier_matrix(stack, baseline, *reads),
        )

    def _for_each(
        self,
        record: Record,
        predictions: Predictions,
        of_one: Callable[[Record], Tensor],
        of_many: Callable[[Stack, list[list[Reads]], int], Tensor],
    ) -> Tensor:
        """What is said of one prediction, for all of them (rows, prediction, ...)."""
        stack = unstack(record.layer, record.call, record.gradient)
        if not stack.knows_slopes:
            each = [of_one(replace(record, gradient=read)) for read in predictions.gradients()]
            return torch.stack(each, 1)
        found = []
        for part in predictions.parts(predictions_at_once(stack, predictions.steps is not None)):
            if predictions.steps is not None:
                reads = reads_of_own_steps(stack, predictions.steps[part])
            else:
                gradients = predictions.gradients(part)
                reads = reads_of_all(
                    [reads_of(stack, record.layer, record.call, each) for each in gradients]
                )
            found.append(of_many(stack, reads, part.stop - part.start))
            predictions.done(part.stop - part.start)
        return torch.cat(found, 1)

    def _matrix(
        self, record: Record, stack: Stack, reads: list[list[Reads]], number: int
    ) -> Tensor:
        """Scores (rows, prediction, time), of features (rows, prediction, time, features)."""
        baseline = record.baseline
        if baseline is not None and record.of_features:
            if self.features == "midpoint":
                return feature_matrix(stack, baseline, reads, number)
            each = [stack.stepped_with(read) for read in replaced_one_by_one(stack, baseline)]
            return adjoint_matrix(stack, differences(stack, each), reads, number)
        instead = skipped(stack) if baseline is None else stack.stepped_with(baseline)
        return adjoint_matrix(stack, differences(stack, [instead]), reads, number).squeeze(3)
