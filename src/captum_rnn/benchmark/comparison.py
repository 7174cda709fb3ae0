"""The result of a comparison, which shows, tabulates, saves and loads itself."""

from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from captum_rnn.benchmark.dataset import Dataset
from captum_rnn.benchmark.environment import machine, versions
from captum_rnn.benchmark.examples import corpus_examples
from captum_rnn.benchmark.measures import DIRECTIONS
from captum_rnn.benchmark.plan import Plan
from captum_rnn.benchmark.records import SavedRecord
from captum_rnn.benchmark.report import notebook_html, report_html
from captum_rnn.benchmark.report.frame import comparison_frame
from captum_rnn.benchmark.report.terminal import table_text
from captum_rnn.benchmark.results import (
    ComparisonData,
    DatasetSummary,
    Example,
    MethodResult,
    ModelSummary,
)
from captum_rnn.benchmark.scoring import Findings
from captum_rnn.benchmark.summary import summarise
from captum_rnn.files import write_text

if TYPE_CHECKING:
    import pandas

_CORPUS_EXAMPLES = 6


class Comparison(SavedRecord, ComparisonData):
    """Attribution methods on one model and the same texts: what `compare` returns.

    It prints itself as tables and shows itself in a notebook; its figures are the attributes of
    `captum_rnn.benchmark.results.ComparisonData`.

    Example::

        comparison = Comparison.load("captum-rnn-report/results.json")
        print(comparison)
        comparison.to_frame().sort_values("comprehensiveness")
        comparison.methods["saliency"].measures["comprehensiveness"].low
    """

    schema = 3
    record_name = "comparison"

    def to_html(self, path: str | Path | None = None) -> str:
        """The report: one self-contained HTML page, in which everything foreign is escaped.

        Args:
            path: Where to write it, too; None writes nothing.

        Raises:
            OSError: The file cannot be written.
        """
        html = report_html(self)
        if path is not None:
            write_text(html, Path(path))
        return html

    def to_frame(
        self, statistic: Literal["mean", "low", "high", "texts"] = "mean"
    ) -> "pandas.DataFrame":
        """The figures as a table: one row for each method, one column for each measure.

        A column of another set of texts has its name in front: `hybrids.top`, `known_answers.reset`
        … `forwards` and `milliseconds_per_text` are what the methods cost. Needs pandas.

        Args:
            statistic: The mean over the texts, an end of its 95 % interval, or how many texts.
        """
        return comparison_frame(self, statistic)

    def __str__(self) -> str:
        return table_text(self)

    def __repr__(self) -> str:
        return (
            f"<Comparison of {len(self.methods)} methods on {self.dataset.texts} texts, "
            f"{self.created}>"
        )

    def _repr_html_(self) -> str:
        return notebook_html(self)


def comparison_of(
    plan: Plan,
    findings: Findings,
    model: ModelSummary,
    dataset: Dataset,
    post: Sequence[Example] = (),
) -> Comparison:
    """What a run has found, as it is returned.

    Args:
        plan: What was to be done.
        findings: What was found.
        model: The model.
        dataset: The texts of the plan and those that were left out of it.
        post: The sentences of the post under every method, for a classifier of Chinese.
    """
    texts = plan.dataset
    return Comparison(
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        versions=versions(),
        machine=machine(texts.ids.device),
        seed=plan.seed,
        metrics=list(plan.metrics),
        model=model,
        dataset=DatasetSummary(
            texts=len(texts.texts),
            without_known_words=len(dataset.texts) - len(texts.texts),
            truncated=sum(cut > 0 for cut in texts.words_cut),
            mean_words=sum(map(len, texts.tokens)) / len(texts.texts),
            mean_known_words=float(texts.read.sum(dim=1).double().mean()),
        ),
        methods=_method_results(findings, plan.seed),
        correlations=findings.correlations,
        examples=[*post, *_corpus_examples(plan, findings)],
        missing=_unchecked(findings),
    )


def _method_results(findings: Findings, seed: int) -> dict[str, MethodResult]:
    per_text = {scored.method.name: scored.per_text for scored in findings.done}
    means = summarise(per_text, DIRECTIONS, seed=seed)
    return {
        scored.method.name: MethodResult(
            name=scored.method.name,
            label=scored.method.label,
            passes=scored.method.passes,
            signed=scored.method.signed,
            class_aware=scored.method.class_aware,
            ours=scored.method.ours,
            error=scored.error,
            cost=scored.cost,
            measures=means.get(scored.method.name, {}),
            per_text=scored.per_text,
            curves=scored.curves,
        )
        for scored in findings.methods
    }


def _unchecked(findings: Findings) -> list[str]:
    """Why sanity checks of methods have no number, in sentences."""
    methods: dict[tuple[str, str], list[str]] = {}
    for scored in findings.done:
        for check, reason in scored.unchecked.items():
            methods.setdefault((check, reason), []).append(scored.method.label)
    return [
        f"{check} of {'all methods' if len(labels) == len(findings.done) else ', '.join(labels)}: "
        f"{reason}"
        for (check, reason), labels in methods.items()
    ]


def _corpus_examples(plan: Plan, findings: Findings) -> list[Example]:
    """Some of the texts under every method; drawn, so that nobody picked them."""
    rows = sorted(plan.drawn[:_CORPUS_EXAMPLES])
    return corpus_examples(
        plan.dataset.select(rows),
        {scored.method.name: findings.scores[scored.method.name][rows] for scored in findings.done},
    )
