"""DeepLIFT through a recurrent layer, by one reverse scan."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from captum_rnn.attr.comparing import ComparingAttribution
from captum_rnn.attr.records import Run
from captum_rnn.attr.through import check_no_walk
from captum_rnn.functional.baseline import BaselineRun, baseline_run
from captum_rnn.functional.cells import SECANT
from captum_rnn.functional.propagation import adjoint_scores, change_read, deep_lift
from captum_rnn.functional.stack import Stack
from captum_rnn.states.head import answered, head_values, mean_head_gradients, values_on
from captum_rnn.states.hooks import LayerCall
from captum_rnn.states.layers import form_of
from captum_rnn.states.recovery import unstack

_POINTS = 16
"""Points on the way from the baseline's states to the text's, where a head is not linear."""


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
    on the straight way from the baseline's states to the inputs', at 16 points. The convergence
    delta is what remains: rounding for smooth heads, more where a head has kinks, as relu or a
    maximum have, or is not linear and reads a layer that ran several times on one sequence.

    x'_t is what the layer would have read of the baseline; without `baselines`, a zero vector. Of
    float inputs whose features the layer reads, each feature has its own score,
    :math:`(x_t - x'_t)_j \, (W^\top \mu_t)_j`. The baseline starts from the same initial state,
    which therefore gets no score.

    Args:
        forward_func: The model, or any function that runs it.
        layer: The `nn.RNN`, `nn.LSTM` or `nn.GRU` in it.
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

    def has_convergence_delta(self) -> bool:
        """Whether the scores sum to the output's change: those of steps do not."""
        return self.step == "share"

    def _run(  # type: ignore[override]
        self, *given: Any, to_tokens: bool = True
    ) -> "_ComparedRun":
        run = super()._run(*given, to_tokens=to_tokens)
        if to_tokens:
            check_no_walk(run, type(self).__name__)
        if len(run.modules) > 1:
            raise ValueError(
                f"layer holds {len(run.modules)} layers, but {type(self).__name__} compares the "
                "states of one; pass it alone, or use RecurrentLRPAttribution"
            )
        return _ComparedRun(**vars(run))

    @torch.no_grad()
    def _step_scores(self, run: Run) -> list[Tensor]:
        assert isinstance(run, _ComparedRun)
        pairs = run.pairs  # for which the model's head runs again, as the caller runs it
        with run.full_precision():
            return [
                record.path.without_padding(self._scores(*pair).transpose(0, 1))
                for record, pair in zip(run.records, pairs, strict=True)
            ]

    @torch.no_grad()
    def _token_scores(self, run: Run) -> list[Tensor]:
        scores = self._step_scores(run)
        return run.with_beside(run.placed(scores))

    def _scores(self, stack: Stack, base: BaselineRun) -> Tensor:
        """Of one call, scores of features (time, rows, features), or of steps (time, rows)."""
        if self.step == "share":
            return deep_lift(stack, base)
        return adjoint_scores(stack, stack.stepped_with(base.inputs), SECANT, base.steps)

    def _totals(self, run: Run) -> Tensor:
        assert isinstance(run, _ComparedRun)
        assert run.value is not None
        totals = run.value - run.base_value
        return totals + run.sums(run.beside()).to(totals) if run.has_beside else totals


@dataclass(frozen=True)
class _ComparedRun(Run):
    """A run whose trajectories stand beside the same trajectories on the baseline."""

    @property
    def module(self) -> nn.Module:
        """The layer as the model calls it."""
        return self.modules[0]

    @cached_property
    def base_value(self) -> Tensor:
        """What the model makes of the baseline's states (batch,)."""
        if not self._is_joined:
            return head_values(self.module, self.forward, self._base_calls)
        form = form_of(self.records[0].layer)
        return values_on(
            self.module, self.forward, self.calls, self._base_reads, batch_first=form.batch_first
        )

    @cached_property
    def pairs(self) -> list[tuple[Stack, BaselineRun]]:
        """Each trajectory with what the head reads of it, and the baseline's.

        The head's derivatives, where they explain the change of the output as far as rounding lets
        tell; else their mean on the way from the baseline's states.
        """
        assert self.value is not None
        found = [change_read(stack, base) for stack, base in self._at_inputs]
        change, size = (self.add_up(list(parts)) for parts in zip(*found, strict=True))
        size = size + self.value.abs() + self.base_value.abs()
        rounding = max(record.call.rounding for record in self.records) ** 0.75
        remains = self.value - self.base_value - change
        if self._is_joined or bool((remains.abs() <= rounding * size).all()):
            return self._at_inputs
        means = mean_head_gradients(
            self.module, self.forward, self.calls, self._base_calls, _POINTS
        )
        with self.full_precision():
            return [
                (unstack(record.layer, record.call, gradient), base)
                for record, gradient, (_, base) in zip(
                    self.records, means, self._at_inputs, strict=True
                )
            ]

    @cached_property
    def _at_inputs(self) -> list[tuple[Stack, BaselineRun]]:
        """The same with the head's derivatives at the inputs."""
        pairs = []
        with self.full_precision():
            for record in self.records:
                stack = unstack(record.layer, record.call, record.gradient)
                base = record.baseline
                if base is None:
                    base = stack.inputs.new_zeros(1, 1, stack.inputs.shape[2])
                pairs.append((stack, baseline_run(stack, base, SECANT)))
        return pairs

    @property
    def _is_joined(self) -> bool:
        """Whether the layer ran several times on one trajectory."""
        return len(self.calls) > len(self.records)

    @cached_property
    def _base_calls(self) -> list[LayerCall]:
        """The calls as the layer would have answered them on the baseline."""
        batch_first = form_of(self.records[0].layer).batch_first
        return [
            answered(call, base, batch_first=batch_first)
            for call, (_, base) in zip(self.calls, self._at_inputs, strict=True)
        ]

    @property
    def _base_reads(self) -> Tensor:
        """What the layer reads of the baseline at each step (steps, features) of its calls."""
        _, base = self._at_inputs[0]
        last = max(int(record.numbers.max()) for record in self.records)
        reads = base.inputs.new_zeros(last + 1, base.inputs.shape[2])
        for record, (_, base) in zip(self.records, self._at_inputs, strict=True):
            is_step = record.numbers >= 0
            read = base.inputs.expand(-1, len(record.numbers), -1).transpose(0, 1)
            reads[record.numbers[is_step]] = read[is_step]
        return reads
