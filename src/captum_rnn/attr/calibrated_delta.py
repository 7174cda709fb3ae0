"""Calibrated delta: the steps of the state along one vector for each class, learnt once."""

import itertools
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from tqdm import tqdm

from captum_rnn.attr.adjoint_delta import AdjointDeltaAttribution
from captum_rnn.attr.calibration import Calibration, weights_digest
from captum_rnn.attr.calibration_data import (
    Batch,
    class_targets,
    of_tokens,
    read_batches,
    taught_scores,
    top_adjoints,
    top_steps,
)
from captum_rnn.attr.recurrent import Record, Run
from captum_rnn.attr.reference import check_reference
from captum_rnn.attr.telescoping import TelescopingAttribution
from captum_rnn.functional.calibration import (
    calibrated_total,
    mean_over_tokens,
    ridge_regression,
)
from captum_rnn.functional.logit import Reads, logit_delta
from captum_rnn.states import recurrent_layer


class CalibratedDeltaAttribution(TelescopingAttribution):
    r"""Scores each token by how far its step moved the state along the class's learnt vector.

    .. math:: \text{score}_t = \langle h_t - h_{t-1}, r_c \rangle

    `fit` learns r_c, one vector for each class and direction of the top level, once for a model.
    From then on the scores cost one forward pass and one matrix product: no gradient. They know the
    class, but not what later tokens did to a token's effect; what the network has forgotten keeps
    its score. The scores of a row sum to ⟨h_n − h_0, r_c⟩.

    With a reference token the step is compared with the one that the reference would have taken,
    ⟨h_t − cell(h_{t−1}, x_ref), r_c⟩. What those scores sum to is not known.

    Args:
        forward_func: The model, or any function that runs it.
        layer: The `nn.RNN`, `nn.LSTM` or `nn.GRU` in it.
        device_ids: Kept for Captum's signature; the layer has to run on one device.
        reference: The reference token as the layer reads it (features,), e.g.
            `model.embedding.weight[unknown_id]`; None: the state before the token.
        batch_first: Whether dimension 0 of the inputs is the batch; False: it is the time.

    Attributes:
        calibration: What `fit` learnt or `load` read; None before.

    Raises:
        ValueError: A reference of another shape than (features,).
        TypeError: A reference that is no tensor of numbers.

    Example:
        >>> class Classifier(nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.gru = nn.GRU(8, 16, batch_first=True)
        ...         self.head = nn.Linear(16, 2)
        ...     def forward(self, embedded):
        ...         return self.head(self.gru(embedded)[1][-1])
        >>> model = Classifier()
        >>> calibrated = CalibratedDeltaAttribution(model, model.gru)
        >>> texts = [torch.randn(32, 5, 8) for _ in range(3)]
        >>> scores = calibrated.fit(texts, show_progress=False).attribute(texts[0], target=1)
        >>> scores.sum(-1).shape
        torch.Size([32, 5])
    """

    def __init__(
        self,
        forward_func: Callable[..., Any],
        layer: nn.Module | None = None,
        device_ids: list[int] | None = None,
        *,
        reference: Tensor | None = None,
        batch_first: bool = True,
    ) -> None:
        super().__init__(forward_func, layer, device_ids, batch_first=batch_first)
        self.reference = None if reference is None else check_reference(reference, "reference")
        self.calibration: Calibration | None = None

    def fit(
        self,
        batches: Iterable[Any],
        *,
        classes: Sequence[int] | None = None,
        teacher: Callable[..., Any] | None = None,
        penalty: float = 10.0,
        show_progress: bool = True,
    ) -> "CalibratedDeltaAttribution":
        """Learns the vector of each class from texts without labels; some tens suffice.

        Args:
            batches: E.g. a `DataLoader`. Each batch is the inputs, or a tuple or list that begins
                with the inputs and may go on with `additional_forward_args` and `lengths`, as
                `attribute` takes them.
            classes: The classes to explain; None: all columns of the model's output. A model that
                answers one number a row has the single class 0, which needs no target.
            teacher: None: r_c is the mean, over all tokens, of the derivative ∂f_c/∂h_t through
                all later steps (for an LSTM with c_t held fixed). Otherwise the `attribute` of
                another method, e.g. `LayerIntegratedGradients(model, model.embedding).attribute`:
                r_c is the ridge regression of its token scores on the steps of the state. It is
                called as `teacher(inputs, target=…, additional_forward_args=…)` and answers in the
                shape of the inputs, features in further dimensions being summed.
            penalty: The penalty of the ridge regression, in squared units of the state; of no
                effect without a teacher.
            show_progress: Show a progress bar on standard error.

        Returns:
            This object, calibrated.

        Raises:
            ValueError: No batch, no token or no class; an answer of the teacher in another shape;
                vectors that are not finite; and what `attribute` raises.
            TypeError: A batch of another form.
        """
        if self._is_bare:
            raise ValueError(
                "forward_func is the recurrent module itself, which has no classes to learn a "
                "vector for; pass the model and its layer"
            )
        progress = tqdm(batches, desc="calibrating", unit="batch", disable=not show_progress)
        given = read_batches(progress)
        first = next(given, None)
        if first is None:
            raise ValueError("batches is empty; expected at least one batch of inputs")
        targets = class_targets(self.forward_func, first, classes)
        given = itertools.chain([first], given)
        if teacher is None:
            vectors = mean_over_tokens(self._adjoints(batch, targets) for batch in given)
        else:
            lesson = (self._lesson(batch, targets, teacher) for batch in given)
            vectors = ridge_regression(lesson, penalty).t()
        if not vectors.isfinite().all():
            raise ValueError(
                "the learnt vectors are not finite, so the model's states, its derivatives or the "
                "teacher's scores are not; look for NaN in the batches and in the weights"
            )
        layer = recurrent_layer(self.layer)
        directions = 2 if layer.bidirectional else 1
        self.calibration = Calibration(
            vectors.reshape(len(targets), directions, -1),
            tuple(targets),
            weights_digest(self.forward_func, layer),
            self.reference,
        )
        return self

    def save(self, path: str | Path) -> None:
        """Writes the calibration as a safetensors file, with the digest of the model's weights.

        Args:
            path: Where to; a file that is there already is replaced.

        Raises:
            ValueError: There is no calibration yet.
            OSError: The file cannot be written.
        """
        self._calibrated().save(path)

    def load(self, path: str | Path) -> "CalibratedDeltaAttribution":
        """Reads a calibration that `save` has written for this model.

        Args:
            path: The file.

        Returns:
            This object, calibrated.

        Raises:
            ValueError: The file is damaged or of another kind, or belongs to other weights or to
                another reference.
            OSError: It is missing or cannot be read.
        """
        calibration = Calibration.load(path)
        digest = weights_digest(self.forward_func, recurrent_layer(self.layer))
        if calibration.digest != digest:
            raise ValueError(
                f"{path} was fitted on the model with the digest {calibration.digest[:12]}…, but "
                f"this model's weights have {digest[:12]}…; fit again"
            )
        if not _same(calibration.reference, self.reference):
            raise ValueError(
                f"{path} was fitted with another reference than this object has; pass the same "
                "reference, or fit again"
            )
        self.calibration = calibration
        return self

    def has_convergence_delta(self) -> bool:
        """Whether the scores of a row have a known sum: not with a reference."""
        return self.reference is None

    def _score(self, layer: nn.RNNBase, record: Record) -> Tensor:
        vectors = self._vectors(record)
        if self.reference is None:
            reads = [Reads(None, of_direction) for of_direction in vectors.unbind(1)]
            return record.path.without_padding(logit_delta(record.path.paths, reads))
        with torch.autocast(vectors.device.type, enabled=False):
            steps = top_steps(layer, record, self.reference)
            scores = torch.einsum("btds,bds->bt", steps, vectors)
        return record.path.without_padding(scores)

    def _totals(self, run: Run) -> Tensor:
        if self.reference is not None:
            raise ValueError(
                "the scores of steps against a reference have no known sum, so there is no "
                "convergence delta; leave return_convergence_delta out, or reference"
            )
        totals = [
            calibrated_total(record.path.paths, self._vectors(record), record.path.lengths)
            for record in run.records
        ]
        return torch.stack(totals).sum(0)

    def _calibrated(self) -> Calibration:
        if self.calibration is None:
            raise ValueError(
                "CalibratedDeltaAttribution has no calibration yet; call fit with some dozens of "
                "texts, or load one"
            )
        return self.calibration

    def _vectors(self, record: Record) -> Tensor:
        """The vector of each row's class (batch, direction, state)."""
        path = record.path.paths[0]
        return self._calibrated().vectors_for(record.target, len(path)).to(path)

    @torch.no_grad()
    def _adjoints(self, batch: Batch, targets: dict[int, int | None]) -> Tensor:
        """Derivatives of each class (tokens, class, direction · state)."""
        reader = AdjointDeltaAttribution(
            self.forward_func, self.layer, self.device_ids, batch_first=self.batch_first
        )
        of_classes = []
        for target in targets.values():
            run = reader._run(batch.inputs, target, batch.additional_forward_args, batch.lengths)
            adjoints = [of_tokens(top_adjoints(run.layer, r), r) for r in run.records]
            of_classes.append(torch.cat(adjoints))
        return torch.stack(of_classes, 1)

    def _lesson(
        self, batch: Batch, targets: dict[int, int | None], teacher: Callable[..., Any]
    ) -> tuple[Tensor, Tensor]:
        """Steps (tokens, direction · state) and the teacher's scores of them (tokens, class)."""
        inputs, arguments, lengths = batch
        run = self._run(inputs, next(iter(targets.values())), arguments, lengths)
        with torch.no_grad():
            steps = [of_tokens(top_steps(run.layer, r, self.reference), r) for r in run.records]
        scores = [
            taught_scores(teacher(inputs, target=target, additional_forward_args=arguments), run)
            for target in targets.values()
        ]
        return torch.cat(steps), torch.stack(scores, 1)


def _same(first: Tensor | None, second: Tensor | None) -> bool:
    if first is None or second is None:
        return first is second
    return torch.equal(first.cpu(), second.cpu())
