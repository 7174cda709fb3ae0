"""Methods whose scores have a known sum, and Captum's convergence delta for them."""

from typing import Any, Literal, overload

import torch
from torch import Tensor

from captum_rnn._captum import logged
from captum_rnn.attr.inputs import Lengths, check_inputs
from captum_rnn.attr.record import Run
from captum_rnn.attr.recurrent import RecurrentAttribution


class TelescopingAttribution(RecurrentAttribution):
    """A method whose scores of a row must sum to a value known from the end points alone."""

    def _totals(self, run: Run) -> Tensor:
        """What the scores of each row must sum to (batch,), over all inputs."""
        raise NotImplementedError

    @overload
    def attribute(
        self,
        inputs: Tensor,
        target: Any = None,
        additional_forward_args: Any = None,
        *,
        lengths: Lengths = None,
        return_convergence_delta: Literal[False] = False,
    ) -> Tensor: ...

    @overload
    def attribute(
        self,
        inputs: tuple[Tensor, ...],
        target: Any = None,
        additional_forward_args: Any = None,
        *,
        lengths: Lengths = None,
        return_convergence_delta: Literal[False] = False,
    ) -> tuple[Tensor, ...]: ...

    @overload
    def attribute(
        self,
        inputs: Tensor,
        target: Any = None,
        additional_forward_args: Any = None,
        *,
        lengths: Lengths = None,
        return_convergence_delta: Literal[True],
    ) -> tuple[Tensor, Tensor]: ...

    @overload
    def attribute(
        self,
        inputs: tuple[Tensor, ...],
        target: Any = None,
        additional_forward_args: Any = None,
        *,
        lengths: Lengths = None,
        return_convergence_delta: Literal[True],
    ) -> tuple[tuple[Tensor, ...], Tensor]: ...

    @logged
    def attribute(
        self,
        inputs: Tensor | tuple[Tensor, ...],
        target: Any = None,
        additional_forward_args: Any = None,
        *,
        lengths: Lengths = None,
        return_convergence_delta: bool = False,
    ) -> Any:
        """Scores the tokens of `inputs`.

        Args:
            inputs: Token ids (batch, time) or embedded tokens (batch, time, features). A tuple of
                k tensors for a model that runs the layer once for each of them, in that order.
            target: The class, as for every Captum method.
            additional_forward_args: Further arguments of `forward_func`.
            lengths: Number of real tokens in each row (batch,), for a model that runs its padding
                through the layer and picks the state at `lengths - 1` itself. The scores of the
                padding are then 0. A packed sequence brings its own lengths. For several inputs:
                a tuple with one entry each.
            return_convergence_delta: Also return the difference between the sum of the scores and
                what they must sum to.

        Returns:
            Attributions of exactly the shape of `inputs`, a tuple if `inputs` is one. A token's
            score is shared equally over its features. float32, or float64 if the states are.
            With `return_convergence_delta`, a pair of them and the differences (batch,): rounding
            errors, below 1e-5 for normalised scores, unless the class says what else they are.

        Raises:
            TypeError: A layer that is not recurrent; inputs or lengths that are no tensors.
            ValueError: The layer did not run once for each input, or saw another batch or another
                number of steps than the input has; lengths, positions or target out of range.
            AssertionError: A target of the wrong length or form, from Captum.
        """
        run = self._run(inputs, target, additional_forward_args, lengths)
        scores = self._token_scores(run)
        attributions = self._format(inputs, run, scores)
        if not return_convergence_delta:
            return attributions
        return attributions, self._difference_from_totals(scores, run)

    def has_convergence_delta(self) -> bool:
        """True: the scores of a row have a known sum."""
        return True

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
            inputs: As for `attribute`.
            target: As for `attribute`.
            additional_forward_args: As for `attribute`.
            lengths: As for `attribute`.

        Returns:
            The differences (batch,).

        Raises:
            ValueError: Attributions whose shapes are not those of the inputs.
        """
        run = self._run(inputs, target, additional_forward_args, lengths)
        given = check_inputs(attributions)
        shapes = [tuple(tensor.shape) for tensor in given]
        expected = [tuple(record.layout.shape) for record in run.records]
        if shapes != expected:
            raise ValueError(
                f"attributions have the shapes {shapes}; expected those of the inputs, {expected}"
            )
        scores = [
            record.layout.gather(tensor) for record, tensor in zip(run.records, given, strict=True)
        ]
        return self._difference_from_totals(scores, run)

    @torch.no_grad()
    def _difference_from_totals(self, scores: list[Tensor], run: Run) -> Tensor:
        sums = torch.stack([tokens.sum(1, dtype=torch.float64) for tokens in scores]).sum(0)
        totals = self._totals(run)
        return (sums - totals).to(totals.dtype)
