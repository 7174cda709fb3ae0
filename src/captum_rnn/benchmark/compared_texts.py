"""One comparison: a plan carried out, its findings, and the results made of them."""

from dataclasses import dataclass
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from captum_rnn.benchmark.checkpoint import Blocks
from captum_rnn.benchmark.environment import machine, versions
from captum_rnn.benchmark.examples import corpus_examples, post_examples
from captum_rnn.benchmark.methods.method import attempt
from captum_rnn.benchmark.post_examples import load_post_examples
from captum_rnn.benchmark.scoring import Findings, Plan, carry_out
from captum_rnn.benchmark.subject import Subject
from captum_rnn.benchmark.summary import defined, summarise

SCHEMA = 2
CORPUS_EXAMPLES = 6


@dataclass(frozen=True, eq=False)
class ComparedTexts:
    """A comparison, with what further measures of the same texts and methods go on from.

    Attributes:
        plan: The texts with a word to read, the methods, and what these have learnt.
        findings: What was found, the scores included.
        results: What `compare` returns.
    """

    plan: Plan
    findings: Findings
    results: dict[str, Any]


def compare_texts(
    plan: Plan,
    whole: Subject,
    described: dict[str, Any],
    folder: str | Path | None,
    progress: bool,
    post: Subject | None = None,
) -> ComparedTexts:
    """Carries out a plan and puts the findings into the form of `results.json`.

    Args:
        plan: What to do.
        whole: The texts of the plan and those that were left out of it.
        described: What the results say of the classifier.
        folder: Where finished batches are kept; None: nowhere.
        progress: Show progress on standard error.
        post: The sentences of the post, for a classifier of Chinese.

    Returns:
        The findings with the results made of them.
    """
    subject, seed = plan.subject, plan.seed
    findings = carry_out(plan, Blocks(folder, plan.fingerprint), progress=progress)
    results = {
        "schema": SCHEMA,
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "versions": versions(),
        "machine": machine(subject.ids.device),
        "seed": seed,
        "metrics": list(plan.metrics),
        "subject": _describe(whole, subject, described),
        "methods": _entries(findings, len(subject.texts), seed),
        "missing": _not_probed(findings),
        "correlations": {
            "methods": [row.method.name for row in findings.done],
            **{
                key: [[defined(value) for value in row] for row in matrix]
                for key, matrix in findings.correlations.items()
            },
        },
        "examples": [*(_post(post, findings) if post else []), *_corpus(subject, findings, seed)],
    }
    return ComparedTexts(plan, findings, results)


def _describe(whole: Subject, subject: Subject, described: dict[str, Any]) -> dict[str, Any]:
    """The classifier and the texts, in numbers."""
    return {
        **described,
        "classes": list(subject.classes),
        "texts": len(subject.texts),
        "texts_left_out": len(whole.texts) - len(subject.texts),
        "texts_cut": sum(cut > 0 for cut in subject.words_cut),
        "mean_words": sum(map(len, subject.tokens)) / len(subject.texts),
        "mean_known_words": float(subject.read.sum(dim=1).double().mean()),
    }


def _entries(findings: Findings, texts: int, seed: int) -> list[dict[str, Any]]:
    """The entry of each method in the results."""
    summaries = summarise({row.method.name: row.per_text for row in findings.done}, seed=seed)
    return [
        {
            "name": row.method.name,
            "label": row.method.label,
            "passes": row.method.passes,
            "signed": row.method.signed,
            "class_aware": row.method.class_aware,
            "ours": row.method.ours,
            "error": row.error,
            "cost": row.cost(texts),
            "measures": summaries.get(row.method.name, {}),
            "curves": row.curves,
            "curve_intervals": row.curve_intervals,
            "per_text": {
                key: [defined(value) for value in values] for key, values in row.per_text.items()
            },
        }
        for row in findings.rows
    ]


def _not_probed(findings: Findings) -> list[str]:
    """Why methods have no number of a measure that runs them again, a sentence a reason."""
    methods: dict[tuple[str, str], list[str]] = {}
    for row in findings.done:
        for probe, reason in row.not_probed.items():
            methods.setdefault((probe, reason), []).append(row.method.label)
    return [
        f"{probe} of {'all methods' if len(labels) == len(findings.done) else ', '.join(labels)}: "
        f"{reason}"
        for (probe, reason), labels in methods.items()
    ]


def _post(post: Subject, findings: Findings) -> list[dict[str, Any]]:
    """The sentences of the post under every method that can score them."""
    scores = {}
    for row in findings.done:
        found, _ = attempt(partial(post.score, row.method))
        if found is not None:
            scores[row.method.name] = found
    return post_examples(post, scores, load_post_examples())


def _corpus(subject: Subject, findings: Findings, seed: int) -> list[dict[str, Any]]:
    """Some of the texts under every method."""
    shown = _sample(len(subject.texts), seed)
    return corpus_examples(
        subject.select(shown), {name: scores[shown] for name, scores in findings.scores.items()}
    )


def _sample(texts: int, seed: int) -> list[int]:
    """Rows of the example texts: drawn, so that nobody picked them."""
    generator = np.random.default_rng(seed)
    rows: list[int] = generator.choice(texts, min(texts, CORPUS_EXAMPLES), replace=False).tolist()
    return sorted(rows)
