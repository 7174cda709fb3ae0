"""Scores for every prediction at once, of models that answer after each step or for horizons."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from captum_rnn._captum import format_output, is_tuple
from captum_rnn.attr.answers import Answers, Chosen, gradient_of, own_steps
from captum_rnn.attr.baselines import GivenBaselines
from captum_rnn.attr.inputs import check_inputs
from captum_rnn.attr.notice import warn_of_shares
from captum_rnn.attr.records import Record, Run
from captum_rnn.attr.recurrent import Inputs, RecurrentAttribution
from captum_rnn.attr.run import RecurrentModel
from captum_rnn.attr.told_apart import features_through
from captum_rnn.functional.predictions import (
    Aggregate,
    aggregated,
    check_aggregate,
    within_rows,
)
from captum_rnn.states.recording import ReadGradient


@dataclass(frozen=True)
class Predictions:
    """The predictions of a run, as they read one of its records.

    Attributes:
        numbers: Which of the model's predictions they are (number,).
        steps: The step that each reads (number,), ascending, where the derivatives of the record
            are those of all of them, each at its own step; None: they may read anything.
        gradient: The derivatives of one of them.
        target: The class of one of them.
        done: Is told how many have been scored.
    """

    numbers: Tensor
    steps: Tensor | None
    gradient: Callable[[int], ReadGradient]
    target: Callable[[int], Any]
    done: Callable[[int], Any]

    @property
    def number(self) -> int:
        """How many there are."""
        return len(self.numbers)

    def gradients(self, part: slice = slice(None)) -> Iterator[ReadGradient]:
        """The derivatives of each of some of them; where it is all, each is done once taken."""
        for number in range(*part.indices(self.number)):
            yield self.gradient(number)
            if part == slice(None):
                self.done(1)

    def parts(self, size: int) -> list[slice]:
        """All of them, in parts of a size."""
        starts = range(0, self.number, size)
        return [slice(start, min(start + size, self.number)) for start in starts]


class EveryPrediction(RecurrentAttribution):
    """A method that scores the steps for many predictions at once.

    A model that answers after each step, for each token or for several horizons makes many
    predictions of one row. A subclass says in `_score_predictions` what its `_score` would say for
    each of them.
    """

    def _score_predictions(self, record: Record, predictions: Predictions) -> Tensor:
        """Scores (rows, prediction, time) of the steps of the layer.

        Of a record `of_features`, those of the features (rows, prediction, time, features).
        """
        raise NotImplementedError

    def _worth_to_predictions(self, record: Record, predictions: Predictions) -> Tensor:
        """What the features that were read are worth (rows, prediction, time, features).

        Only of a method that passes on what a layer read.
        """
        raise NotImplementedError

    def attribute_predictions(
        self,
        inputs: Inputs,
        target: Any = None,
        additional_forward_args: Any = None,
        *,
        aggregate: Aggregate | None = None,
        window: int | None = None,
        predictions: Chosen = None,
        per_step: bool = False,
        show_progress: bool = False,
    ) -> Inputs:
        """Scores the tokens of `inputs` for every prediction of a model that makes many.

        The same as `attribute` with a model that makes one of them, for each of them, but in one
        run. Where each prediction is made of the layer's output after one step, as in a tagger,
        that is recognised, and all of them are scored together.

        Args:
            inputs: As for `attribute`.
            target: The class, where the model answers with (batch, predictions, classes): an int,
                or integers (batch,) or (batch, predictions). None: it answers with (batch,
                predictions). A tuple of one index for each axis behind that, if there are more.
            additional_forward_args: As for `attribute`.
            aggregate: None: all scores. ``"sum"``: added up over the predictions. ``"last"``: of
                each step the score for the prediction that is made after it. ``"window"``: added up
                over the predictions that are made within `window` steps.
            window: See above.
            predictions: Which of them to explain: a slice, or numbers; None: all.
            per_step: As for `attribute`: one score for each step of a float input.
            show_progress: Show a progress bar on standard error.

        Returns:
            Attributions (batch, prediction, time) for ids, (batch, prediction, time, features) for
            vectors; a tuple of them if `inputs` is one. With `aggregate`, as `attribute`. 0 for
            predictions beyond the end of a packed row.

        Raises:
            TypeError: As for `attribute`.
            ValueError: As there; an output that is not (batch, predictions, ...), predictions that
                are out of range, an aggregate that they do not have, or a model with several layers
                that read each other.

        Example:
            >>> from captum_rnn.attr import LogitDeltaAttribution
            >>> class Tagger(torch.nn.Module):
            ...     def __init__(self):
            ...         super().__init__()
            ...         self.gru = torch.nn.GRU(8, 16, batch_first=True)
            ...         self.head = torch.nn.Linear(16, 3)
            ...     def forward(self, embedded):
            ...         return self.head(self.gru(embedded)[0])
            >>> model, embedded = Tagger(), torch.randn(2, 5, 8)
            >>> logit = LogitDeltaAttribution(model, model.gru)
            >>> matrix = logit.attribute_predictions(
            ...     embedded, target=model(embedded).argmax(2), per_step=True
            ... )
            >>> matrix.shape  # of which tag, by which word
            torch.Size([2, 5, 5])
        """
        found: Inputs = self._attribute_predictions(
            inputs,
            None,
            target,
            additional_forward_args,
            aggregate=aggregate,
            window=window,
            chosen=predictions,
            per_step=per_step,
            show_progress=show_progress,
        )
        return found

    def _attribute_predictions(
        self,
        inputs: Any,
        baselines: GivenBaselines,
        target: Any,
        additional_forward_args: Any,
        *,
        aggregate: Aggregate | None,
        window: int | None,
        chosen: Chosen,
        per_step: bool,
        show_progress: bool,
    ) -> Any:
        check_aggregate(aggregate, window)
        check_inputs(inputs)
        answers = Answers(self.forward_func, target, chosen, batch_first=self.batch_first)
        asked = self.forward_func
        model = RecurrentModel(answers, self.layer, self.batch_first, self._apart, asked)
        run = model.run(
            inputs,
            None,
            additional_forward_args,
            with_value=True,
            with_gradient=True,
            reruns=baselines is not None,
        )
        run = self._looked_at(run, additional_forward_args, baselines)
        if run.needs_walk or run.has_beside:
            raise ValueError(
                "the model has layers that read each other, or reads its inputs beside the layer, "
                f"which attribute_predictions of {type(self).__name__} does not go through; use "
                "attribute, with a model that makes one of the predictions"
            )
        knows_features, through = self._knows_features(run), None
        if self._goes_through(run):
            through = features_through(run, per_step=per_step, knows_features=knows_features)
        if through is None and not per_step and knows_features:
            run = run.by_features()
        steps = own_steps(run, answers)
        bar = tqdm(
            total=len(answers.numbers) * len(run.records),
            desc="explaining predictions",
            unit="prediction",
            disable=not show_progress,
        )
        with bar, run.full_precision(), torch.no_grad():
            score = self._score_predictions if through is None else self._worth_to_predictions
            matrices = self._matrices(score, run, answers, steps, bar.update)
        if aggregate is None:
            each = [[matrix[:, number] for matrix in matrices] for number in answers.order]
        else:
            each = [[aggregated(matrix, aggregate, steps, window) for matrix in matrices]]
        tokens = [run.placed(s) if through is None else _handed_on(through, s) for s in each]
        if not per_step:
            warn_of_shares(type(self).__name__, knows_features, run.layouts, tokens[0])
        arranged = [run.arrange(scores, per_step=per_step) for scores in tokens]
        found = arranged[0] if aggregate is not None else _stacked(run, arranged)
        return format_output(is_tuple(inputs), found)

    def _matrices(
        self,
        score: Callable[[Record, Predictions], Tensor],
        run: Run,
        answers: Answers,
        steps: Tensor | None,
        done: Callable[[int], Any],
    ) -> list[Tensor]:
        """Scores (rows, prediction, time, ...) of the steps of each record."""
        matrices = []
        for index, record in enumerate(run.records):
            predictions = Predictions(
                answers.numbers,
                steps,
                partial(gradient_of, run, answers, index),
                answers.target_of,
                done,
            )
            matrices.append(within_rows(score(record, predictions), steps, record.path.lengths))
        return matrices


class EveryPredictionCompared(EveryPrediction):
    """The same of a method that compares with baselines."""

    def attribute_predictions(  # type: ignore[override]
        self,
        inputs: Inputs,
        baselines: GivenBaselines = None,
        target: Any = None,
        additional_forward_args: Any = None,
        *,
        aggregate: Aggregate | None = None,
        window: int | None = None,
        predictions: Chosen = None,
        per_step: bool = False,
        show_progress: bool = False,
    ) -> Inputs:
        """Scores the tokens of `inputs` for every prediction of a model that makes many.

        See `EveryPrediction.attribute_predictions`.

        Args:
            inputs: As for `attribute`.
            baselines: As for `attribute`.
            target: As for `EveryPrediction.attribute_predictions`, like all that follows.
            additional_forward_args: As for `attribute`.
            aggregate: See there.
            window: See there.
            predictions: See there.
            per_step: See there.
            show_progress: Show a progress bar on standard error.

        Returns:
            As there.
        """
        found: Inputs = self._attribute_predictions(
            inputs,
            baselines,
            target,
            additional_forward_args,
            aggregate=aggregate,
            window=window,
            chosen=predictions,
            per_step=per_step,
            show_progress=show_progress,
        )
        return found


@torch.no_grad()
def _handed_on(through: Run, worth: list[Tensor]) -> list[Tensor]:
    """Scores of the tokens of each input for a prediction to which what was read is worth that."""
    assert through.graph is not None
    handed = [
        through.graph.handed_on(joined, of_read, None)
        for joined, of_read in zip(through.joined, worth, strict=True)
    ]
    nothing = [of_read.new_zeros(of_read.shape[:2]) for of_read in worth]
    return through.with_beside(through.placed(nothing), handed)


def _stacked(run: Run, each: list[tuple[Tensor, ...]]) -> tuple[Tensor, ...]:
    """Scores of each prediction in the shapes of the inputs: (batch, prediction, time, ...)."""
    stacked = []
    for layout, scores in zip(run.layouts, zip(*each, strict=True), strict=True):
        rows_first = scores if layout.batch_first else [part.transpose(0, 1) for part in scores]
        stacked.append(torch.stack(tuple(rows_first), 1))
    return tuple(stacked)
