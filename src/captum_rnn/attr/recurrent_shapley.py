"""Shapley values of removal: what each token adds to the tokens that it may stand among."""

from typing import Any, Literal, overload

import torch
from torch import Tensor

from captum_rnn._captum import format_arguments, format_output, is_tuple, logged
from captum_rnn.attr.adjoint_delta import AdjointDeltaAttribution
from captum_rnn.attr.baselines import GivenBaselines, as_baselines
from captum_rnn.attr.games import Removal, Replacement
from captum_rnn.attr.inputs import InputLayout, Lengths, check_inputs, one_for_each_input
from captum_rnn.attr.records import Run
from captum_rnn.attr.recurrent import Inputs
from captum_rnn.attr.removing import RemovingAttribution
from captum_rnn.attr.shapley_draws import Drawing, Estimator, Plan
from captum_rnn.functional.checks import check_lengths


class RecurrentShapleyAttribution(RemovingAttribution):
    r"""Scores each token by what it adds on average to the tokens of the text that came before it.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> class Classifier(nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.embedding = nn.Embedding(100, 8)
        ...         self.lstm = nn.LSTM(8, 16, batch_first=True)
        ...         self.head = nn.Linear(16, 2)
        ...     def forward(self, token_ids):
        ...         return self.head(self.lstm(self.embedding(token_ids))[0][:, -1])
        >>> model, ids = Classifier().eval(), torch.tensor([[5, 17, 99, 2]])
        >>> scores = RecurrentShapleyAttribution(model, model.lstm).attribute(ids, target=1)
        >>> change = model(ids)[0, 1] - model.head(torch.zeros(16))[1]
        >>> torch.allclose(scores.sum(), change, atol=1e-6)
        True

    .. math:: \phi_t = \mathbb{E}_\pi \left[ f_c(S_t^\pi \cup t) - f_c(S_t^\pi) \right], \qquad
              \sum_t \phi_t = f_c(x) - f_c(\emptyset)

    over all orders π of the tokens, :math:`S_t^\pi` being those before t in the order. A set of
    tokens is read as the sub-text that they form, in the order of the text: a recurrent network
    needs no token to stand for the missing ones. Two estimators:

    ``"permutations"``: random orders, each with its reverse. Unbiased; n runs of n/2 tokens on
    average for an order of n. Where all sub-texts are no more runs than that, as of up to five
    tokens by default, they are run in place of the orders, and the values are exact.

    ``"scans"``: random sub-texts, each with its complement. One forward pass and one reverse scan,
    as of `AdjointDeltaAttribution`, estimate to first order what each of its tokens adds to the
    others, and what each token that it lacks would add to all of them, by one step of the cell. In
    the mean of both, what first order drops largely cancels: it is the trapezoidal rule, with the
    derivatives at both ends of a contribution. The cost hardly grows with the number of tokens.
    What the rule drops stays, however many are drawn, and is no part of the standard error. Where a
    token is not one step of one layer that reads the same of it in every text, as with positions or
    a convolution before the layer, or reaches the output beside it, only what is held is scored.

    Either way the scores of a row sum exactly to the output's change from a text without tokens:
    what remains is shared equally by the tokens whose estimate is not exactly 0. The draws of a
    text depend on the seed and on its number of tokens alone.

    What the model is given with a text is cut with it, and it has to answer the same to a text
    alone as in its batch; see `LeaveOneOutAttribution`.

    With `baselines` nothing is removed: each number of a series, each step with `per_step=True`,
    or each id is kept or replaced by its baseline, such as the mean, or the value before it by
    `captum_rnn.baselines.carry_forward`. The scores then sum to the change from the baselines; what
    equals its baseline has 0. A scan is that of `AdjointDeltaAttribution` from what is kept to what
    is not; where it does not tell features apart, orders are drawn, or it is refused.

    Args:
        forward_func: The model, or any function that runs it.
        layer: The `nn.RNN`, `nn.LSTM` or `nn.GRU` in it.
        device_ids: Kept for Captum's signature; the layer has to run on one device.
        empty: What the model says of a text without tokens, as a function of the target: a number,
            or one for each row (batch,). None: what it makes of the layer's initial state.
        batch_first: Whether dimension 0 of the inputs is the batch; False: it is the time.

    Source: Shapley (1953); Castro et al. (2009); Mitchell et al. (2022) for antithetic pairs.
    """

    @overload  # type: ignore[override]
    def attribute(
        self,
        inputs: Inputs,
        target: Any = None,
        additional_forward_args: Any = None,
        *,
        lengths: Lengths = None,
        baselines: GivenBaselines = None,
        per_step: bool = False,
        return_convergence_delta: Literal[False] = False,
        return_standard_error: Literal[False] = False,
        n_samples: int | None = None,
        tolerance: float | None = None,
        estimator: Estimator = "auto",
        seed: int = 0,
        internal_batch_size: int = 512,
        show_progress: bool = False,
    ) -> Inputs: ...

    @overload
    def attribute(
        self,
        inputs: Inputs,
        target: Any = None,
        additional_forward_args: Any = None,
        *,
        lengths: Lengths = None,
        baselines: GivenBaselines = None,
        per_step: bool = False,
        return_convergence_delta: bool = False,
        return_standard_error: bool = False,
        n_samples: int | None = None,
        tolerance: float | None = None,
        estimator: Estimator = "auto",
        seed: int = 0,
        internal_batch_size: int = 512,
        show_progress: bool = False,
    ) -> Any: ...

    @logged
    def attribute(
        self,
        inputs: Tensor | tuple[Tensor, ...],
        target: Any = None,
        additional_forward_args: Any = None,
        *,
        lengths: Lengths = None,
        baselines: GivenBaselines = None,
        per_step: bool = False,
        return_convergence_delta: bool = False,
        return_standard_error: bool = False,
        n_samples: int | None = None,
        tolerance: float | None = None,
        estimator: Estimator = "auto",
        seed: int = 0,
        internal_batch_size: int = 512,
        show_progress: bool = False,
    ) -> Any:
        """Scores the tokens of `inputs`.

        Args:
            inputs: Token ids (batch, time) or embedded tokens (batch, time, features).
            target: The class, as for every Captum method.
            additional_forward_args: Further arguments of `forward_func`, cut with the text as for
                `LeaveOneOutAttribution`.
            lengths: Number of real tokens in each row (batch,), for a model that runs its padding
                through the layer and is told nothing of it.
            baselines: What stands in place of what is not kept, as for
                `AdjointDeltaAttribution.attribute`, but vectors for ids; None: it is removed.
            per_step: One score for each step of a float input, (batch, time), instead of shares of
                it for its features.
            return_convergence_delta: Also return the difference between the sum of the scores and
                the output's change: rounding.
            return_standard_error: Also return the standard error of each token's score, in the
                shape of `inputs` and shared equally over its features; 0 where all sub-texts were
                run, NaN where a single pair was drawn.
            n_samples: Number of orders, or of sub-texts for scans, rounded up to pairs; None: 10,
                or 16. With a tolerance, the most that are drawn of each text; None: 1,000.
            tolerance: Draw until no token's standard error is above it, in units of the output.
            estimator: ``"permutations"``, ``"scans"``, or ``"auto"``: scans for texts of 40 tokens
                and more.
            seed: Where the draws come from.
            internal_batch_size: How many sub-texts are run at once.
            show_progress: Show a progress bar on standard error.

        Returns:
            Attributions of exactly the shape of `inputs`, 0 for padding; with standard errors and
            with a convergence delta a tuple of them, in this order.

        Raises:
            ValueError: As `RecurrentAttribution.attribute`; several inputs, arguments that cannot
                be cut, a model that answers otherwise to a text alone than in its batch, padding
                that it leaves out and `lengths` do not tell, or numbers out of range.
        """
        plan = Plan(estimator, n_samples, tolerance, seed)
        scans = AdjointDeltaAttribution(
            self.forward_func, self.layer, self.device_ids, batch_first=self.batch_first
        )
        game: Removal | Replacement
        given = inputs, target, additional_forward_args, lengths, internal_batch_size
        if baselines is None:
            game = Removal(self._texts(*given), self.forward_func, scans)
        else:
            game = self._replacement(baselines, scans, *given, by_steps=per_step)
        scores, errors = Drawing(game, plan).run(show_progress)

        def arranged(of_players: Tensor) -> Any:
            if isinstance(game, Removal):
                return self._formatted(inputs, game.texts, of_players, per_step)
            return format_output(is_tuple(inputs), (game.in_layout(of_players),))

        found = [arranged(scores)]
        if return_standard_error:
            found.append(arranged(errors))
        if return_convergence_delta:
            found.append(scores.double().sum(1).to(game.whole) - (game.whole - game.empty))
        return found[0] if len(found) == 1 else tuple(found)

    def _replacement(
        self,
        baselines: GivenBaselines,
        scans: AdjointDeltaAttribution,
        inputs: Any,
        target: Any,
        additional_forward_args: Any,
        lengths: Lengths,
        rows_at_once: int,
        *,
        by_steps: bool,
    ) -> Replacement:
        """Series, or ids, whose parts are replaced by a baseline."""
        tensors = check_inputs(inputs)
        if len(tensors) > 1 or tensors[0].dim() < 2:
            raise ValueError(
                f"inputs holds {len(tensors)} tensor(s) of shape {tuple(tensors[0].shape)}; "
                "expected one with axes of batch and time, whose parts are replaced; pass the "
                "others as additional_forward_args"
            )
        layout = InputLayout(tensors[0].shape, self.batch_first)
        rows, (base,) = tensors[0].detach(), as_baselines(baselines, tensors, [layout])
        if base.shape != rows.shape:
            raise ValueError("baselines holds vectors for ids; expected an id, or an id for each")
        if not self.batch_first:
            rows, base = rows.transpose(0, 1), base.transpose(0, 1)
        real = torch.ones(rows.shape[:2], dtype=torch.bool, device=rows.device)
        (given,) = one_for_each_input(lengths, 1)
        if given is not None:
            ends = check_lengths(given, len(rows), rows.shape[1], rows.device)
            real = torch.arange(rows.shape[1], device=rows.device) < ends.unsqueeze(1)
        return Replacement(
            self.forward_func,
            scans,
            rows,
            base,
            real,
            target,
            format_arguments(additional_forward_args) or (),
            by_steps or rows.dim() == 2,
            self.batch_first,
            rows_at_once,
        )

    def _totals(self, run: Run) -> Tensor:
        assert run.value is not None
        return run.value - self._empty_values(run, run.records[0].target)
