"""How well methods do on texts where scores can be right or wrong."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor
from tqdm import tqdm

from captum_rnn.benchmark.checkpoint import Checkpoint, fingerprint
from captum_rnn.benchmark.dataset import Dataset
from captum_rnn.benchmark.methods import Method
from captum_rnn.benchmark.methods.method import Fits, attempt
from captum_rnn.benchmark.results import MethodScores
from captum_rnn.benchmark.scoring import Findings
from captum_rnn.benchmark.summary import summarise
from captum_rnn.evaluation.measure import Measure
from captum_rnn.states.modes import evaluation_mode

Judge = Callable[[Tensor], Mapping[str, Tensor]]
Measuring = Callable[[Method], Mapping[str, Tensor]]


@dataclass(frozen=True, eq=False)
class JudgedTexts:
    """Texts that scores can be right or wrong about.

    Attributes:
        name: Of this set of texts.
        dataset: The model and the texts.
        truth: What is known of the tokens (texts, time), such as their marks; what was found for
            another truth is not read from a checkpoint.
        measures: What the judge measures.
        judge: From scores (texts, time) to one number for each text (texts,), by measure.
    """

    name: str
    dataset: Dataset
    truth: Tensor
    measures: Sequence[Measure]
    judge: Judge


class Judging:
    """Methods that are judged by their scores of the same texts.

    Args:
        methods: The methods.
        texts: The texts.
        fits: What the methods learn from background texts about the same model.
        seed: Seed of the bootstrap.
        folder: Where what is finished is kept, so that an interrupted run resumes; None: nowhere.
    """

    def __init__(
        self,
        methods: Sequence[Method],
        texts: JudgedTexts,
        fits: Fits,
        *,
        seed: int,
        folder: str | Path | None = None,
    ) -> None:
        dataset = texts.dataset
        ids = [dataset.ids, dataset.probabilities, texts.truth, *fits.background]
        self.methods, self.texts = methods, texts
        self._fits, self._seed = fits, seed
        self._checkpoint = Checkpoint(
            folder, fingerprint(dataset.model, methods, seed, ids, texts.name)
        )

    def part(self, method: Method) -> dict[str, Any]:
        """What is found of one method, kept as it is finished."""
        found: dict[str, Any] = self._checkpoint.part(
            method.name, partial(_attempted, self._measure, method)
        )
        return found

    def results(self, *, show_progress: bool = False) -> dict[str, MethodScores]:
        """The figures of each method by its name; a progress bar goes to standard error."""
        with evaluation_mode(self.texts.dataset.model.model):
            return measure_methods(
                self.methods,
                self._measure,
                self._checkpoint,
                measures=self.texts.measures,
                seed=self._seed,
                name=self.texts.name,
                show_progress=show_progress,
            )

    def _measure(self, method: Method) -> Mapping[str, Tensor]:
        return self.texts.judge(self.texts.dataset.score(self._fits.of(method)))


def judge_methods(
    methods: Sequence[Method],
    texts: JudgedTexts,
    fits: Fits,
    *,
    seed: int,
    folder: str | Path | None = None,
    show_progress: bool = False,
) -> dict[str, MethodScores]:
    """Scores texts with every method and judges the scores; see `Judging`."""
    judging = Judging(methods, texts, fits, seed=seed, folder=folder)
    return judging.results(show_progress=show_progress)


def measure_done(
    findings: Findings,
    measure: Measuring,
    checkpoint: Checkpoint,
    *,
    measures: Sequence[Measure],
    seed: int,
    name: str,
    show_progress: bool = False,
) -> dict[str, MethodScores]:
    """Measures the methods that did their work in a comparison, on the texts of that comparison.

    Args:
        findings: What the comparison found; its scores are not computed again.
        measure: See `measure_methods`.
        checkpoint: See `measure_methods`.
        measures: See `measure_methods`.
        seed: See `measure_methods`.
        name: See `measure_methods`.
        show_progress: See `measure_methods`.

    Returns:
        The figures of each method by its name; one that failed in the comparison has its reason.
    """
    measured = measure_methods(
        [scored.method for scored in findings.done],
        measure,
        checkpoint,
        measures=measures,
        seed=seed,
        name=name,
        show_progress=show_progress,
    )
    return {
        scored.method.name: measured.get(scored.method.name) or MethodScores(error=scored.error)
        for scored in findings.methods
    }


def measure_methods(
    methods: Sequence[Method],
    measure: Measuring,
    checkpoint: Checkpoint,
    *,
    measures: Sequence[Measure],
    seed: int,
    name: str,
    show_progress: bool = False,
) -> dict[str, MethodScores]:
    """Measures every method on the same texts; one that fails says why.

    Args:
        methods: The methods.
        measure: From a method to one number for each text (texts,), by the key of the measure.
        checkpoint: Where what is finished is kept.
        measures: What is measured; where no direction is better, nobody competes.
        seed: Seed of the bootstrap.
        name: Of what is measured.
        show_progress: Show a progress bar on standard error.

    Returns:
        The figures of each method by its name.
    """
    found: dict[str, MethodScores] = {}
    for method in tqdm(methods, desc=name, unit="method", disable=not show_progress):
        part = checkpoint.part(method.name, partial(_attempted, measure, method))
        found[method.name] = MethodScores(part["error"], per_text=part["values"])
    per_text = {key: scores.per_text for key, scores in found.items()}
    directions = {measured.key: measured.better for measured in measures}
    for name_of_method, means in summarise(per_text, directions, seed=seed).items():
        found[name_of_method].measures = means
    return found


def _attempted(measure: Measuring, method: Method) -> dict[str, Any]:
    """The numbers for each text, or why there are none."""
    values, error = attempt(
        lambda: {key: numbers.tolist() for key, numbers in measure(method).items()}
    )
    return {"values": values or {}, "error": error}
