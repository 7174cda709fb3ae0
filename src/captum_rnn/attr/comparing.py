"""The shell of methods that compare the steps taken with those of baselines."""

from typing import Any, Literal, overload

from torch import Tensor

from captum_rnn._captum import logged
from captum_rnn.attr.baselines import GivenBaselines
from captum_rnn.attr.inputs import Lengths
from captum_rnn.attr.recurrent import Inputs, RecurrentAttribution


class ComparingAttribution(RecurrentAttribution):
    """A method that compares with baselines, which stand where Captum has them.

    Its `_score` finds in `record.baseline` what the layer would have read of them, or None.
    """

    @overload  # type: ignore[override]
    def attribute(
        self,
        inputs: Inputs,
        baselines: GivenBaselines = None,
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
        baselines: GivenBaselines = None,
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
        baselines: GivenBaselines = None,
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
            inputs: As for `RecurrentAttribution.attribute`, like all that is not said here. After
                them, where a method scores them, static covariates and initial states.
            baselines: What each token is compared with: a number, or a tensor of the inputs' shape
                or that broadcasts to it: (features,), a row without its batch axis such as
                (time, features), (1, time, features), a row for each. For ids: an id, ids
                (time,), (batch, time), or the word vectors that stand for them, (features,),
                (time, features), (batch, time, features). For several inputs a tuple. None: what
                the class says. What stands before the layer runs on them once more.
            target: The class.
            additional_forward_args: Further arguments of `forward_func`, with the baselines the
                same as with the inputs. Masks and lengths that the model computes from ids are
                those of the inputs.
            lengths: Number of real tokens in each row.
            per_step: One score for each step of a float input.
            attribute_to_layer_input: Score what the layer read.
            return_convergence_delta: Also return the convergence delta.

        Returns:
            As `RecurrentAttribution.attribute`.

        Raises:
            TypeError: As there; baselines that are neither numbers nor tensors of them.
            ValueError: As there; baselines of another shape or number, ids by which the model looks
                no embedding up, or a model whose layer reads other steps on the baselines.
            AssertionError: A target of the wrong length or form, from Captum.
        """
        return self._attribute(
            inputs,
            target,
            additional_forward_args,
            lengths,
            baselines,
            per_step=per_step,
            attribute_to_layer_input=attribute_to_layer_input,
            return_convergence_delta=return_convergence_delta,
        )

    def compute_convergence_delta(  # type: ignore[override]
        self,
        attributions: Tensor | tuple[Tensor, ...],
        inputs: Tensor | tuple[Tensor, ...],
        baselines: GivenBaselines = None,
        target: Any = None,
        additional_forward_args: Any = None,
        *,
        lengths: Lengths = None,
    ) -> Tensor:
        """The sum of given attributions minus what they must sum to.

        See `RecurrentAttribution.compute_convergence_delta`.

        Args:
            attributions: What `attribute` returned for the other arguments.
            inputs: As for `attribute`.
            baselines: As for `attribute`.
            target: As for `attribute`.
            additional_forward_args: As for `attribute`.
            lengths: As for `attribute`.

        Returns:
            The differences (batch,).
        """
        return self._convergence_delta(
            attributions, inputs, target, additional_forward_args, lengths, baselines
        )
