"""DeepLIFT through a recurrent layer, by one reverse scan."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from captum_rnn.attr.baselines import GivenBaselines, on_baselines, zeros_for
from captum_rnn.attr.compared_layers import shares_through, step_shares
from captum_rnn.attr.compared_run import ComparedRun
from captum_rnn.attr.comparing import ComparingAttribution
from captum_rnn.attr.records import Run
from captum_rnn.attr.through import check_no_walk
from captum_rnn.functional.baseline import BaselineRun
from captum_rnn.functional.cells import SECANT
from captum_rnn.functional.propagation import adjoint_scores, deep_lift
from captum_rnn.functional.stack import Stack


class RecurrentDeepLiftAttribution(ComparingAttribution):
    r"""Scores each token by its share of the output's change from a baseline.

    .. math:: \text{score}_t = \langle x_t - x'_t, W^\top \mu_t \rangle, \qquad
              \sum_t \text{score}_t = f_c(x) - f_c(x')

    DeepLIFT replaces every derivative by a finite difference between two runs of the layer, over
    the inputs and over the baseline: :math:`(\varphi(z) - \varphi(z')) / (z - z')` for a
    nonlinearity; in a product :math:`a \circ b`, :math:`\tfrac12 (b + b')` stands for b, so that
    each factor takes half. Nothing of the change is lost, however far apart the two runs are.

    One forward pass, one run of the layer over the baseline (of a single row, where rows do not
    differ), and one reverse scan over recomputed gates: no autograd through the recurrence, so it
    runs on a GPU in eval mode. What stands behind the layer is taken by its derivative where that
    explains the output's change, as for linear heads and mean pooling; else by the mean derivative
    on the straight way from the baseline's states to the inputs', at 16 points. What these leave
    over where a head has kinks, as relu or a maximum have, some hundredths of the change, is shared
    out by the size of each state's term. The convergence delta is what remains: rounding.

    x'_t is what the layer would have read of the baseline; without `baselines`, a zero vector. Of
    float inputs each feature has its own score, :math:`(x_t - x'_t)_j \, (W^\top \mu_t)_j`, where
    the layer reads it by itself, as it is or by a function of it alone such as a logarithm, or what
    is linear in the features, such as several inputs beside each other. The baseline starts from
    the same initial state, which therefore gets no score; unless that is made of the inputs, or is
    one of them, and then from what the model makes of the baselines. Static covariates, which every
    step reads, make the initial state or reach the head, get what goes on to them, and none of the
    change is lost; without baselines all float inputs are then compared with zeros. What makes
    steps or states of them has to be linear, and is refused otherwise.

    Of several layers each is compared with its own run on the baseline, from what the lower ones
    answer to it, and its inputs' shares go on to them. Without baselines, ids then stand beside
    vectors of zeros. What stands between the layers has to be linear, such as dropout,
    a residual or a linear map, so that nothing is lost; else it is refused.

    Args:
        forward_func: The model, or any function that runs it.
        layer: The `nn.RNN`, `nn.LSTM` or `nn.GRU` in it, or a list of several.
        device_ids: Kept for Captum's signature; the layer has to run on one device.
        step: ``"share"``: as above. ``"secant"``: the step that was taken, against the step that
            the baseline would have taken from the same state,
            :math:`\langle s_t - \mathrm{cell}(s_{t-1}, x'_t), (M_t, N_t) \rangle`, with DeepLIFT's
            multipliers of the states in the place of the derivatives that `AdjointDeltaAttribution`
            takes. What those scores sum to is not known.
        batch_first: Whether dimension 0 of the inputs is the batch; False: it is the time.

    Raises:
        ValueError: An unknown step.

    Source: Shrikumar, Greenside & Kundaje (2017), "Learning Important Features Through Propagating
    Activation Differences", ICML: the Rescale rule. A product's half to each factor is its Shapley
    value.

    Example:
        >>> class Classifier(nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.lstm = nn.LSTM(8, 16, batch_first=True)
        ...         self.head = nn.Linear(16, 2)
        ...     def forward(self, embedded):
        ...         return self.head(self.lstm(embedded)[0][:, -1])
        >>> model, embedded = Classifier(), torch.randn(2, 5, 8)
        >>> method = RecurrentDeepLiftAttribution(model, model.lstm)
        >>> scores = method.attribute(embedded, target=1)
        >>> change = model(embedded)[:, 1] - model(torch.zeros_like(embedded))[:, 1]
        >>> torch.allclose(scores.sum((1, 2)), change, atol=1e-5)
        True
    """

    _looks_at_class: ClassVar[bool] = True
    _scores_static: ClassVar[bool] = True
    _compares_with_zero: ClassVar[bool] = True
    _scores_inputs: ClassVar[bool] = True

    def __init__(
        self,
        forward_func: Callable[..., Any],
        layer: nn.Module | None = None,
        device_ids: list[int] | None = None,
        *,
        step: Literal["share", "secant"] = "share",
        batch_first: bool = True,
    ) -> None:
        super().__init__(forward_func, layer, device_ids, batch_first=batch_first)
        if step not in ("share", "secant"):
            raise ValueError(f'step is {step!r}; expected "share" or "secant"')
        self.step = step

    @property
    def multiplies_by_inputs(self) -> bool:
        """True: a token's score holds its difference from the baseline as a factor."""
        return True

    def _knows_features(self, run: Run) -> bool:
        return self.step == "share" and any(run.reads_own_features)

    def _goes_through(self, run: Run) -> bool:
        return self.step == "share"

    def has_convergence_delta(self) -> bool:
        """Whether the scores sum to the output's change: those of steps do not."""
        return self.step == "share"

    def _run(  # type: ignore[override]
        self, *given: Any, to_tokens: bool = True
    ) -> "ComparedRun":
        run = super()._run(*given, to_tokens=to_tokens)
        of_several = len(run.modules) > 1
        if of_several and self.step != "share":
            raise ValueError(
                f"layer holds {len(run.modules)} layers, through which {type(self).__name__} goes "
                'with step="share" alone; pass one of them, leave step out, or use '
                "AdjointDeltaAttribution, which compares the steps of several"
            )
        if to_tokens and any(index in read for index, read in enumerate(run.depends)):
            raise ValueError(
                f"what {type(run.records[0].layer).__name__} reads is made of its own earlier "
                "answers, so that its runs are no single one; feed it what does not depend on "
                "them, e.g. the true tokens"
            )
        goes_on = self.step == "share" and run.baselines is not None and not any(run.depends)
        if to_tokens and not goes_on and not of_several:
            check_no_walk(run, type(self).__name__)
        return ComparedRun(**vars(run), begins_anew=to_tokens or of_several)

    def _looked_at(self, run: Run, additional_forward_args: Any, baselines: GivenBaselines) -> Run:
        if len(run.modules) == 1:
            return super()._looked_at(run, additional_forward_args, baselines)
        given = zeros_for(run) if baselines is None else baselines
        return on_baselines(self.forward_func, run, given, additional_forward_args, whole_runs=True)

    @torch.no_grad()
    def _step_scores(self, run: Run) -> list[Tensor]:
        assert isinstance(run, ComparedRun)
        if len(run.modules) > 1:
            return step_shares(run, self._totals)
        pairs = run.compared.pairs  # for which the model's head runs again, as the caller runs it
        with run.full_precision():
            return [
                record.path.without_padding(self._scores(*pair).transpose(0, 1))
                for record, pair in zip(run.records, pairs, strict=True)
            ]

    @torch.no_grad()
    def _token_scores(self, run: Run) -> list[Tensor]:
        assert isinstance(run, ComparedRun)
        if len(run.modules) > 1:
            return shares_through(run, self._totals)
        scores = self._step_scores(run)
        with run.full_precision():
            weighted = run.handed_on(scores)
        own = [
            torch.zeros_like(of_steps) if index in run.mixed else of_steps
            for index, of_steps in enumerate(scores)
        ]
        if not run.records[0].of_features:
            own = [of_steps.sum(2) if of_steps.dim() == 3 else of_steps for of_steps in own]
        read = replace(run, reads_beside=run.compared.beside)
        return read.with_beside(read.placed(own), weighted)

    def _scores(self, stack: Stack, base: BaselineRun) -> Tensor:
        """Of one call, scores of features (time, rows, features), or of steps (time, rows)."""
        if self.step == "share":
            return deep_lift(stack, base)
        return adjoint_scores(stack, stack.stepped_with(base.inputs), SECANT, base.steps)

    def _totals(self, run: Run) -> Tensor:
        assert isinstance(run, ComparedRun)
        assert run.value is not None
        totals = run.value - run.base_value
        if run.has_beside and run.baselines is None:
            return totals + run.sums(run.beside()).to(totals)
        return totals
