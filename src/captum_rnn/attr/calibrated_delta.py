"""Calibrated delta: the steps of the state along one vector for each class, learnt once."""

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from tqdm import tqdm

from captum_rnn.attr.asking import CalledOnce, asked_run, called_once, times_of, without_unread
from captum_rnn.attr.baselines import GivenBaselines
from captum_rnn.attr.calibration import Calibration, weights_digest, weights_stamp
from captum_rnn.attr.calibration_data import (
    check_has_cells,
    class_targets,
    read_batches,
    step_bins,
    top_steps,
)
from captum_rnn.attr.calibration_fit import Learning
from captum_rnn.attr.comparing import ComparingAttribution
from captum_rnn.attr.method import in_full_precision
from captum_rnn.attr.records import Record, Run
from captum_rnn.functional.calibration import DISTANCE_BINS, calibrated_total
from captum_rnn.functional.logit import gains_along
from captum_rnn.states.hooks import LayerCall
from captum_rnn.states.layers import form_of, recurrent_layer
from captum_rnn.states.selection import StateSelection
from captum_rnn.states.trajectory import Trajectory


class CalibratedDeltaAttribution(ComparingAttribution):
    r"""Scores each token by how far its step moved the state along the class's learnt vector.

    .. math:: \text{score}_t = \langle h_t - h_{t-1}, r_c \rangle

    `fit` learns r_c, one vector for each class and direction of the top layer, once for a model.
    From then on the scores cost one forward pass and one matrix product: no gradient. They know the
    class, but not what later tokens did to a token's effect; what the network has forgotten keeps
    its score. The scores of a row sum to ⟨h_n − h_0, r_c⟩.

    Two variants come closer to methods that walk back through the text. `with_cells` also reads an
    LSTM's cell state, ⟨c_t − c_{t−1}, r'_c⟩, which first has to be recovered. `by_distance` learns
    one vector for each of seven distances of the token from the end (0, 1, 2–3, 4–7, 8–15, 16–31
    and 32 or more steps), drawn to the plain vector where the texts of the fit had few tokens at a
    distance, which alone serves one that no text had; what those scores sum to is not known.

    With `baselines` the step is compared with the one that the baseline would have taken,
    ⟨h_t − cell(h_{t−1}, x'_t), r_c⟩. What those scores sum to is not known.

    Args:
        forward_func: The model, or any function that runs it.
        layer: The `nn.RNN`, `nn.LSTM` or `nn.GRU` in it, or any module whose output is its states
            (batch, time, features), or a tuple that begins with them.
        device_ids: Kept for Captum's signature; the layer has to run on one device.
        with_cells: Read the cell states of an LSTM as well as its hidden states.
        by_distance: Learn vectors for distances from the end.
        batch_first: Whether dimension 0 of the inputs is the batch; False: it is the time.

    Attributes:
        calibration: What `fit` learnt or `load` read; None before.

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
        >>> scores = calibrated.fit(texts).attribute(texts[0], target=1)
        >>> scores.sum(-1).shape
        torch.Size([32, 5])
    """

    def __init__(
        self,
        forward_func: Callable[..., Any],
        layer: nn.Module | None = None,
        device_ids: list[int] | None = None,
        *,
        with_cells: bool = False,
        by_distance: bool = False,
        batch_first: bool = True,
    ) -> None:
        super().__init__(forward_func, layer, device_ids, batch_first=batch_first)
        self.with_cells, self.by_distance = with_cells, by_distance
        self.calibration: Calibration | None = None
        self._once = CalledOnce()
        self._stamp: tuple[tuple[int, int], ...] = ()

    def fit(
        self,
        batches: Iterable[Any],
        *,
        baselines: GivenBaselines = None,
        classes: Sequence[int] | None = None,
        teacher: Callable[..., Any] | None = None,
        penalty: float = 10.0,
        lengths_at: int | None = None,
        show_progress: bool = False,
    ) -> "CalibratedDeltaAttribution":
        """Learns the vector of each class from texts without labels; some tens suffice.

        Args:
            batches: E.g. a `DataLoader`. Each batch is the inputs, or a `captum_rnn.attr.Batch` of
                them and of the other arguments.
            baselines: Of a teacher's scores the steps are then those against baselines, as
                `attribute` takes them, the same for every batch; of no effect without a teacher.
            classes: The classes to explain; None: all columns of the model's output. A model that
                answers one number a row has the single class 0, which needs no target.
            teacher: None: r_c is the mean, over all tokens, of the derivative ∂f_c/∂h_t through
                all later steps (for an LSTM with c_t held fixed). Otherwise the `attribute` of
                another method, e.g. `LayerIntegratedGradients(model, model.embedding).attribute`:
                r_c is the ridge regression of its token scores on the steps of the state. It is
                called as `teacher(inputs, target=…, additional_forward_args=…)` and answers in the
                shape of the inputs, features in further dimensions being summed.
            penalty: The penalty of the ridge regression, in squared units of the state; by distance
                it is on how far the vectors are from the plain one. Of no effect without a teacher.
            lengths_at: Which entry of a batch of several holds the lengths, which the model is
                given too; the first is the inputs, and all others are labels, which are left out.
            show_progress: Show a progress bar on standard error.

        Returns:
            This object, calibrated.

        Raises:
            ValueError: No batch, token or class; `with_cells` and no LSTM; without a teacher, a
                model that reads last states of lower layers, or cell states that are not learnt;
                an answer of the teacher in another shape; vectors that are not finite; and what
                `attribute` raises.
            TypeError: A batch of another form.
        """
        if self.layer is self.forward_func:
            raise ValueError(
                "forward_func is the recurrent module itself, which has no classes to learn a "
                "vector for; pass the model and its layer"
            )
        layer = recurrent_layer(self.layer)
        if self.with_cells:
            check_has_cells(layer)
        progress = tqdm(batches, desc="calibrating", unit="batch", disable=not show_progress)
        given = read_batches(progress, lengths_at)
        first = next(given, None)
        if first is None:
            raise ValueError("batches is empty; expected at least one batch of inputs")
        targets = class_targets(self.forward_func, first, classes)
        given = itertools.chain([first], given)
        learning = Learning(self, targets, self._bins, self.with_cells)
        if teacher is None:
            vectors = learning.from_derivatives(given)
        else:
            directions = form_of(layer).directions
            vectors = learning.from_teacher(
                given, teacher, baselines, penalty=penalty, directions=directions
            )
        if not vectors.isfinite().all():
            raise ValueError(
                "the learnt vectors are not finite, so the model's states, its derivatives or the "
                "teacher's scores are not; look for NaN in the batches and in the weights"
            )
        self.calibration = Calibration(
            vectors.flatten(1, 2),
            tuple(targets),
            weights_digest(self.forward_func, layer),
            None if teacher is None else baselines is not None,
            self._bins,
            self.with_cells,
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
            ValueError: The file is damaged, of another kind, or of other weights or options.
            OSError: It is missing or cannot be read.
        """
        calibration = Calibration.load(path)
        digest = weights_digest(self.forward_func, recurrent_layer(self.layer))
        calibration.check_fits(path, digest, self._bins, self.with_cells)
        self.calibration = calibration
        return self

    def has_convergence_delta(self) -> bool:
        """Whether the scores of a row have a known sum: not by distance, nor with baselines."""
        return not self.by_distance

    @property
    def _bins(self) -> int:
        return DISTANCE_BINS if self.by_distance else 1

    def _run(self, *given: Any, to_tokens: bool = True, looks: bool = False) -> Run:
        times = times_of(given[0], batch_first=self.batch_first)
        if self._once.holds(self.forward_func, times):
            run = super()._run(*given, to_tokens=to_tokens)
            if called_once(run):
                return run
        run = asked_run(
            partial(super()._run, to_tokens=to_tokens),
            given,
            self.forward_func,
            wanted=False,
            unknown="which runs of the layer it reads",
        )
        self._once.add(self.forward_func, times, run)
        return without_unread(run, *given[1:3])

    def _select(self, layer: nn.Module, call: LayerCall, top: Trajectory) -> Trajectory:
        """The top layer's hidden states, and its cell states beside them."""
        if not self.with_cells:
            return top
        check_has_cells(layer)
        cells = StateSelection("cell").of(layer, call, top)
        paths = zip(top.directions, cells.directions, strict=True)
        return replace(top, directions=tuple(path.beside(other) for path, other in paths))

    @in_full_precision
    def _score(self, layer: nn.Module, record: Record) -> Tensor:
        vectors = self._vectors(record)
        if record.baseline is None:
            along = torch.stack(
                [
                    gains_along(path, vectors[:, :, direction])
                    for direction, path in enumerate(record.path.directions)
                ],
                2,
            )
        else:
            steps = top_steps(layer, record, with_cells=self.with_cells)
            along = torch.einsum("btds,bgds->btdg", steps.to(vectors), vectors)
        in_bin = step_bins(record, self._bins).unsqueeze(3)
        return record.path.without_padding(along.gather(3, in_bin).sum((2, 3)))

    def _totals(self, run: Run) -> Tensor:
        if any(record.baseline is not None for record in run.records):
            raise ValueError(
                "what steps against baselines sum to is not known, and so no convergence delta; "
                "leave return_convergence_delta or baselines out"
            )
        totals = [
            calibrated_total(record.path.paths, self._vectors(record)[:, 0], record.path.lengths)
            for record in run.records
        ]
        return run.add_up(totals)

    def _calibrated(self) -> Calibration:
        if self.calibration is None:
            raise ValueError(
                "CalibratedDeltaAttribution has no calibration yet; call fit with some dozens of "
                "texts, or load one"
            )
        layer = recurrent_layer(self.layer)
        stamp = weights_stamp(self.forward_func, layer)
        if stamp != self._stamp:
            digest = weights_digest(self.forward_func, layer)
            self.calibration.check_weights("the calibration", digest)
            self._stamp = stamp
        return self.calibration

    def _vectors(self, record: Record) -> Tensor:
        """The vectors of each row's class (batch, bin, direction, state), in float32 at least."""
        outputs = record.path.directions[0].outputs
        calibration = self._calibrated()
        calibration.check_steps(against_baselines=record.baseline is not None)
        vectors = calibration.vectors_for(record.target, len(outputs))
        precise = torch.promote_types(outputs.dtype, torch.float32)
        by_bin = vectors.reshape(len(outputs), self._bins, -1, vectors.shape[2])
        return by_bin.to(outputs.device, precise)
