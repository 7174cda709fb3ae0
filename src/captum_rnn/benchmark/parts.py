"""The parts of a comparison, each kept as it is finished; any process may do any of them."""

import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor

from captum_rnn.benchmark.checkpoint import Checkpoint
from captum_rnn.benchmark.cost import measure_cost
from captum_rnn.benchmark.dataset import Dataset
from captum_rnn.benchmark.measures import BatchMeasures, completeness_error, measure_batch
from captum_rnn.benchmark.methods import Method
from captum_rnn.benchmark.methods.method import attempt, checked_scores
from captum_rnn.benchmark.plan import Plan
from captum_rnn.benchmark.sanity import SANITY_CHECKS, check_sanity


class Parts:
    """What is done of a plan, and what does the rest when it is asked for.

    Args:
        plan: What to do.
        checkpoint: Where finished parts are kept, and read from after an interruption or from
            another process.

    Attributes:
        plan: What to do.
    """

    def __init__(self, plan: Plan, checkpoint: Checkpoint) -> None:
        self.plan = plan
        self._checkpoint = checkpoint

    def fitted(self, method: Method) -> Method:
        """The method after it has learnt from the background texts; raises what its `fit` does."""
        start = time.perf_counter()
        fitted = self.plan.fits.of(method)
        seconds = time.perf_counter() - start
        if method.learns:
            self._checkpoint.part(f"fit-{method.name}", lambda: seconds)
        return fitted

    def fit_seconds(self, method: Method) -> float:
        """What learning took; 0 for a method that learns nothing."""
        return self._checkpoint.get(f"fit-{method.name}") or 0.0

    def error(self, method: Method) -> str | None:
        """Scores all texts, up to the first block on which the method fails.

        Returns:
            Why it has not scored all; None if it has.
        """
        for block in range(len(self.plan.blocks)):
            error: str | None = self.scores(method, block)["error"]
            if error is not None:
                return error
        return None

    def scores(self, method: Method, block: int) -> dict[str, Any]:
        """The scores of a block with their cost, or the reason why there are none."""
        texts = self.plan.dataset.batch(self.plan.blocks[block])
        found: dict[str, Any] = self._checkpoint.part(
            f"{block:04d}-{method.name}", lambda: self._scores_with_cost(method, texts)
        )
        return found

    def _scores_with_cost(self, method: Method, texts: Dataset) -> dict[str, Any]:
        model, ids, predicted = texts.model, texts.ids, texts.predicted

        def forward() -> Tensor:
            with torch.no_grad():
                return model.logits(ids)

        def scores_with_cost() -> dict[str, Any]:
            fitted = self.fitted(method)
            answer, cost = measure_cost(lambda: fitted(model, ids, predicted), forward)
            scores = checked_scores(answer, ids).float().cpu()
            errors = completeness_error(fitted, texts, scores)
            return {"scores": scores.tolist(), "completeness": errors.tolist(), **asdict(cost)}

        found, error = attempt(scores_with_cost)
        return {"error": error, **(found or {})}

    def measures(self, group: Sequence[Method], block: int) -> BatchMeasures:
        """What was measured on a block of the methods of a group that scored all texts."""

        def measured() -> dict[str, Any]:
            working = [method for method in group if self.error(method) is None]
            scores = {m.name: torch.tensor(self.scores(m, block)["scores"]) for m in working}
            texts = self.plan.dataset.batch(self.plan.blocks[block])
            return asdict(measure_batch(texts, scores, working, self.plan.metrics, self.plan.seed))

        name = f"{block:04d}-measures-{self.plan.groups.index(tuple(group))}"
        return BatchMeasures(**self._checkpoint.part(name, measured))

    def sanity(self, method: Method) -> tuple[dict[str, list[float]], dict[str, str]]:
        """One number for each checked text by measure key; and why there is none, by check."""
        wanted = [check for check in SANITY_CHECKS if check in self.plan.metrics]
        if not wanted:
            return {}, {}
        texts, background = self.plan.dataset.select(self.plan.checked), self.plan.fits.background

        def checked() -> Any:
            fitted, scores = self.fitted(method), self.joined(method)[self.plan.checked]
            return check_sanity(fitted, texts, scores, background, wanted, self.plan.seed)

        found, reasons = self._checkpoint.part(f"sanity-{method.name}", checked)
        return found, reasons

    def joined(self, method: Method) -> Tensor:
        """The scores (texts, time) of a method that scored all texts, on the CPU."""
        scores = [
            torch.tensor(self.scores(method, block)["scores"])
            for block in range(len(self.plan.blocks))
        ]
        return self.plan.dataset.join(self.plan.blocks, scores)

    def of_other_texts(self, method: Method, name: str, texts: Dataset) -> Tensor | None:
        """Scores (texts, time) of further texts; None where the method fails."""

        def scored() -> dict[str, Any]:
            return {"scores": attempt(lambda: texts.score(self.fitted(method)).tolist())[0]}

        found = self._checkpoint.part(f"{name}-{method.name}", scored)
        return None if found["scores"] is None else torch.tensor(found["scores"])
