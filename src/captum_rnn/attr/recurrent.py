"""The Captum shell of every method that reads what a recurrent layer did in one forward pass."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal, NoReturn, TypeVar, overload

import torch
from torch import Tensor, nn

from captum_rnn._captum import InternalAttribution, format_output, is_tuple, logged
from captum_rnn.attr.baselines import GivenBaselines, on_baselines
from captum_rnn.attr.inputs import Lengths, check_inputs
from captum_rnn.attr.method import StepMethod
from captum_rnn.attr.notice import warn_of_shares
from captum_rnn.attr.records import Run
from captum_rnn.attr.run import RecurrentModel
from captum_rnn.attr.through import step_scores, token_scores
from captum_rnn.attr.told_apart import features_through

Inputs = TypeVar("Inputs", Tensor, tuple[Tensor, ...])


class RecurrentAttribution(StepMethod, InternalAttribution):  # type: ignore[misc]
    """Runs the model once, records what its recurrent layer did, and formats the scores.

    A subclass's `_score` maps a `Record` to scores; see `captum_rnn.attr.method.StepMethod`.

    Args:
        forward_func: The model, or any function that runs it.
        layer: The recurrent layer in it; `None`: `forward_func` is itself that layer.
        device_ids: Kept for Captum's signature; the layer has to run on one device.
        batch_first: Whether dimension 0 of the inputs is the batch. Not used where `layer` is None.
    """

    def __init__(
        self,
        forward_func: Callable[..., Any],
        layer: nn.Module | None = None,
        device_ids: list[int] | None = None,
        *,
        batch_first: bool = True,
    ) -> None:
        super().__init__(forward_func, forward_func if layer is None else layer, device_ids)
        self.batch_first = batch_first
        self._apart: set[tuple[bool, ...]] = set()

    @overload
    def attribute(
        self,
        inputs: Inputs,
        target: Any = None,
        additional_forward_args: Any = None,
        *,
        lengths: Lengths = None,
        per_step: bool = False,
        attribute_to_layer_input: bool = False,
        return_convergence_delta: Literal[False] = False,
    ) -> Inputs: ...

    @overload
    def attribute(
        self,
        inputs: Inputs,
        target: Any = None,
        additional_forward_args: Any = None,
        *,
        lengths: Lengths = None,
        per_step: bool = False,
        attribute_to_layer_input: bool = False,
        return_convergence_delta: Literal[True],
    ) -> tuple[Inputs, Tensor]: ...

    @logged
    def attribute(
        self,
        inputs: Tensor | tuple[Tensor, ...],
        target: Any = None,
        additional_forward_args: Any = None,
        *,
        lengths: Lengths = None,
        per_step: bool = False,
        attribute_to_layer_input: bool = False,
        return_convergence_delta: bool = False,
    ) -> Any:
        """Scores the tokens of `inputs`.

        Args:
            inputs: Token ids (batch, time) or embedded tokens (batch, time, features). A tuple of
                k tensors for a model that runs the layer once for each of them, in that order.
                After them, where a method scores them, static covariates and initial states.
            target: The class, as for every Captum method.
            additional_forward_args: Further arguments of `forward_func`.
            lengths: Number of real tokens in each row (batch,), for a model that runs its padding
                through the layer and picks the state at `lengths - 1` itself. The scores of the
                padding are then 0. A packed sequence brings its own lengths. For several inputs:
                a tuple with one entry each.
            per_step: One score for each step of a float input, (batch, time), instead of one for
                each of its features.
            attribute_to_layer_input: Score what the layer read instead of the tokens of `inputs`,
                where its steps read several tokens each, as behind a convolution or attention.
            return_convergence_delta: Also return the difference between the sum of the scores and
                what they must sum to; only where `has_convergence_delta()`.

        Returns:
            Attributions of exactly the shape of `inputs`, a tuple if `inputs` is one. Where a
            method does not tell the features of a float input apart, a step's score is shared
            equally by them, and a warning says so. float32, or float64 if the states are.
            With `return_convergence_delta`, a pair of them and the differences (batch,): rounding
            errors, below 1e-5 for normalised scores, unless the class says what else they are.
            With `attribute_to_layer_input`, attributions of the shape of what the layer read, what
            was packed being padded, batch first; a tuple if it ran several times.

        Raises:
            TypeError: A layer that is not recurrent; inputs or lengths that are no tensors.
            ValueError: The layer did not run once for each input, or saw another batch or another
                number of steps than the input has; lengths, positions or target out of range; a
                convergence delta where the sum of the scores is not known.
            AssertionError: A target of the wrong length or form, from Captum.
        """
        return self._attribute(
            inputs,
            target,
            additional_forward_args,
            lengths,
            per_step=per_step,
            attribute_to_layer_input=attribute_to_layer_input,
            return_convergence_delta=return_convergence_delta,
        )

    def attribute_future(self) -> NoReturn:
        """Not implemented, as for Captum's own primary methods."""
        name = type(self).__name__
        raise NotImplementedError(f"attribute_future is not implemented for {name}; call attribute")

    def has_convergence_delta(self) -> bool:
        """Whether it is known what the scores of a row sum to."""
        return type(self)._totals is not StepMethod._totals

    def compute_convergence_delta(
        self,
        attributions: Tensor | tuple[Tensor, ...],
        inputs: Tensor | tuple[Tensor, ...],
        target: Any = None,
        additional_forward_args: Any = None,
        *,
        lengths: Lengths = None,
    ) -> Tensor:
        """The sum of given attributions minus what they must sum to, in one forward pass.

        Args:
            attributions: What `attribute` returned for the other arguments.
            inputs: As for `attribute`, like the next three.
            target: The class.
            additional_forward_args: Further arguments of `forward_func`.
            lengths: Number of real tokens in each row.

        Returns:
            The differences (batch,).

        Raises:
            ValueError: Attributions whose shapes are not those of the inputs, or a method for which
                it is not known what the scores sum to.
        """
        return self._convergence_delta(
            attributions, inputs, target, additional_forward_args, lengths
        )

    def _attribute(
        self,
        inputs: Tensor | tuple[Tensor, ...],
        target: Any,
        additional_forward_args: Any,
        lengths: Lengths,
        baselines: GivenBaselines = None,
        *,
        per_step: bool,
        attribute_to_layer_input: bool,
        return_convergence_delta: bool,
    ) -> Any:
        if return_convergence_delta:
            self._check_sum_is_known()
        if attribute_to_layer_input:
            run = self._run(
                inputs, target, additional_forward_args, lengths, baselines, to_tokens=False
            )
            steps = self._step_scores(run)
            found = tuple(run.at_layer(steps))
            formatted = found if len(found) > 1 else found[0]
            if not return_convergence_delta:
                return formatted
            self._check_counted_once(run)
            return formatted, run.add_up([of_steps.flatten(1).sum(1) for of_steps in steps]) - (
                self._totals(run)
            )
        run = self._run(inputs, target, additional_forward_args, lengths, baselines)
        knows, through = self._knows_features(run), None
        if self._goes_through(run):
            through = features_through(run, per_step=per_step, knows_features=knows)
        if through is not None:
            run = through
        elif not per_step and knows:
            run = run.by_features()
        scores = self._token_scores(run)
        if not per_step:
            warn_of_shares(type(self).__name__, self._knows_features(run), run.layouts, scores)
        formatted = format_output(is_tuple(inputs), run.arrange(scores, per_step=per_step))
        if not return_convergence_delta:
            return formatted
        return formatted, self._difference_from_totals(scores, run)

    def _convergence_delta(
        self,
        attributions: Tensor | tuple[Tensor, ...],
        inputs: Tensor | tuple[Tensor, ...],
        target: Any,
        additional_forward_args: Any,
        lengths: Lengths,
        baselines: GivenBaselines = None,
    ) -> Tensor:
        self._check_sum_is_known()
        run = self._run(inputs, target, additional_forward_args, lengths, baselines)
        given = check_inputs(attributions)
        shapes = [tuple(tensor.shape) for tensor in given]
        expected = [tuple(layout.shape) for layout in run.layouts]
        if shapes != expected:
            raise ValueError(
                f"attributions have the shapes {shapes}; expected those of the inputs, {expected}"
            )
        return self._difference_from_totals(run.gather(given), run)

    def _run(
        self,
        inputs: Any,
        target: Any,
        additional_forward_args: Any,
        lengths: Lengths,
        baselines: GivenBaselines = None,
        *,
        to_tokens: bool = True,
        looks: bool = False,
    ) -> Run:
        """One run of the model, with the states that the method looks at."""
        model = RecurrentModel(self.forward_func, self.layer, self.batch_first, self._apart)
        model.check_classes(type(self).__name__, target, asked=self._looks_at_class)
        run = model.run(
            inputs,
            target,
            additional_forward_args,
            lengths,
            with_value=self._looks_at_class,
            with_gradient=self._needs_gradient or looks,
            to_tokens=to_tokens,
            with_static=self._scores_static and to_tokens,
            reruns=baselines is not None or self._compares_with_zero,
        )
        if baselines is None and to_tokens and self._compares_with_zero and run.may_be_zero:
            baselines = (0.0,) * len(run.inputs)
        return self._looked_at(run, additional_forward_args, baselines)

    def _looked_at(self, run: Run, additional_forward_args: Any, baselines: GivenBaselines) -> Run:
        """A run with the states that the method looks at, and what it compares with."""
        paths = [self._select(record.layer, record.call, record.path) for record in run.records]
        if any(path is not record.path for path, record in zip(paths, run.records, strict=True)):
            pairs = zip(run.records, paths, strict=True)
            run = replace(run, records=[replace(record, path=path) for record, path in pairs])
        if baselines is None:
            return run
        return on_baselines(self.forward_func, run, baselines, additional_forward_args)

    @torch.no_grad()
    def _token_scores(self, run: Run) -> list[Tensor]:
        """Scores of the tokens of each input, over their axes."""
        return token_scores(self, run)

    @torch.no_grad()
    def _step_scores(self, run: Run) -> list[Tensor]:
        """Scores of the steps of each record (rows, time), or of their features too."""
        return step_scores(self, run)

    @torch.no_grad()
    def _difference_from_totals(self, scores: list[Tensor], run: Run) -> Tensor:
        totals = self._totals(run)
        return (run.sums(scores) - totals).to(totals.dtype)

    def _check_counted_once(self, run: Run) -> None:
        """Raises ValueError where layers that read each other each have shares of one change."""
        if type(self)._scores_inputs and any(run.reads):
            raise ValueError(
                "layer holds layers that read each other, so that the scores of what they read "
                "hold the output's change more than once; leave return_convergence_delta out, or "
                "attribute_to_layer_input"
            )

    def _check_sum_is_known(self) -> None:
        if not self.has_convergence_delta():
            raise ValueError(
                f"{type(self).__name__} does not know what its scores sum to, so there is no "
                "convergence delta; leave return_convergence_delta out"
            )
