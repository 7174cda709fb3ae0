"""The grid's results as Markdown, from benchmarks/results/compare_methods.json.

`docs/results.md` includes what this writes to docs/results-tables.txt, `docs/which.md` the summary
in docs/which-table.txt, which also reads the costs in benchmarks/results/speed.json.

    python benchmarks/compare_methods_tables.py
"""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import fmean

from captum_rnn.benchmark.methods import METHODS
from captum_rnn.files import write_text

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "compare_methods.json"
SPEED = ROOT / "benchmarks" / "results" / "speed.json"
TABLES = ROOT / "docs" / "results-tables.txt"
SUMMARY = ROOT / "docs" / "which-table.txt"
COSTS = {
    "hidden-state-delta-l2": "hidden-state delta (l2)",
    "hidden-state-delta-projection": "hidden-state delta (projection)",
    "logit-delta": "logit delta",
    "local-delta": "local delta",
    "calibrated-delta-by-distance": "calibrated delta, by distance",
    "adjoint-delta": "adjoint delta",
    "relevance-propagation": "relevance propagation",
    "relevance-and-midpoint": "relevance + midpoint",
    "saliency": "Saliency",
    "input-x-gradient": "InputXGradient",
    "integrated-gradients-midpoint": "IntegratedGradients, midpoint",
    "integrated-gradients": "IntegratedGradients, 50 steps",
}
AGAINST = (
    "calibrated-delta-by-distance",
    "adjoint-delta",
    "relevance-propagation",
    "relevance-and-midpoint",
    "integrated-gradients-midpoint",
    "input-x-gradient",
    "word-lexicon",
)
SECTIONS = (
    ("When words are removed", "Comprehensiveness", "measures", "comprehensiveness"),
    (
        "Leave-one-out",
        "Spearman with exact leave-one-out by removal",
        "measures",
        "spearman_leave_one_out",
    ),
    (
        None,
        "Spearman with exact replacement by the neutral word",
        "measures",
        "spearman_replacement",
    ),
    (
        "Hybrid documents",
        "Share whose highest-scoring word stands in a review of the predicted class",
        "hybrids",
        "top",
    ),
    (None, "Share whose lowest-scoring word stands in one of the other class", "hybrids", "bottom"),
    (
        "Words that people marked",
        "Average precision of finding the marked words of the predicted polarity",
        "marks",
        "average_precision",
    ),
    (
        "Words of a lexicon",
        "Average precision of finding the lexicon's words of the predicted polarity",
        "lexicon",
        "average_precision",
    ),
    (
        "After training on shuffled labels",
        "Spearman between the scores for the classifier and for its twin",
        "shuffled_labels",
        "rank_correlation",
    ),
    ("After the weights are randomised", "Spearman, all weights", "measures", "randomised_all"),
)


def tables(results: dict) -> str:
    """All tables, one below the other."""
    subjects, tasks = results["subjects"], results["known_answers"]
    corpora = list(dict.fromkeys(entry["corpus"] for entry in subjects))
    parts = [accuracies(subjects, corpora), "### Where the right answer is known"]
    parts += [task_table(tasks, kind) for kind in dict.fromkeys(entry["kind"] for entry in tasks)]
    parts.append(task_differences(tasks))
    for title, caption, section, measure in SECTIONS:
        parts += [f"### {title}"] if title else []
        for corpus in corpora:
            found = subject_table(subjects, corpus, section, measure)
            if found:
                parts.append(f"{caption}, {corpus}:\n\n{found}")
        if measure == "comprehensiveness":
            parts += [gain_table(subjects, corpus) for corpus in corpora]
            parts.append(saliency_table(subjects, corpora))
    return "\n\n".join(parts) + "\n"


def accuracies(subjects: Sequence[dict], corpora: Sequence[str]) -> str:
    """How accurate the classifiers are on held-out reviews."""
    kinds = list(dict.fromkeys(entry["kind"] for entry in subjects))
    rows = [
        [
            corpus,
            *(
                over_seeds(e["accuracy"]["accuracy"] for e in of(subjects, kind, corpus))
                for kind in kinds
            ),
        ]
        for corpus in corpora
    ]
    return f"Accuracy on held-out reviews:\n\n{table(['corpus', *kinds], rows)}"


def task_table(tasks: Sequence[dict], kind: str) -> str:
    """Agreement with the true contributions on the nets of one kind."""
    of_kind = [entry for entry in tasks if entry["kind"] == kind and entry["methods"]]
    names = list(dict.fromkeys(entry["task"] for entry in of_kind))
    rows = [
        [
            METHODS[method].label,
            *(
                over_seeds(
                    mean_of(entry["methods"][method]["measures"], entry["measure"])
                    for entry in of_kind
                    if entry["task"] == task
                )
                for task in names
            ),
        ]
        for method in of_kind[0]["methods"]
    ]
    return table([kind, *names], rows)


def task_differences(tasks: Sequence[dict], methods: Sequence[str] = AGAINST) -> str:
    """Paired differences from Integrated Gradients on the tasks that separate the methods."""
    chosen = [e for e in tasks if e["task"] in ("additive", "reset", "negation") and e["methods"]]
    columns = list(dict.fromkeys((entry["task"], entry["kind"]) for entry in chosen))
    rows = [
        [
            METHODS[method].label,
            *(
                differences(
                    entry["methods"][method]["against_integrated_gradients"][entry["measure"]]
                    for entry in chosen
                    if (entry["task"], entry["kind"]) == column
                    and not entry["methods"][method]["error"]
                )
                for column in columns
            ),
        ]
        for method in methods
    ]
    head = ["minus Integrated Gradients", *(f"{task}, {kind}" for task, kind in columns)]
    return (
        "Paired differences from Integrated Gradients (50 points), net by net, * where the 95 % "
        f"interval leaves out zero:\n\n{table(head, rows)}"
    )


def subject_table(subjects: Sequence[dict], corpus: str, section: str, measure: str) -> str:
    """A measure by method and kind of classifier; empty if nobody has it."""
    kinds = [
        kind
        for kind in dict.fromkeys(entry["kind"] for entry in subjects)
        if any(section in e["methods"]["random"] for e in of(subjects, kind, corpus))
    ]
    if not kinds:
        return ""
    rows = [
        [
            METHODS[method].label,
            *(
                over_seeds(
                    mean_of(entry["methods"][method].get(section, {}), measure)
                    for entry in of(subjects, kind, corpus)
                )
                for kind in kinds
            ),
        ]
        for method in subjects[0]["methods"]
    ]
    return table(["method", *kinds], rows)


def gain_table(subjects: Sequence[dict], corpus: str, methods: Sequence[str] = AGAINST) -> str:
    """Share of Integrated Gradients' gain, and the paired difference, by classifier."""
    kinds = list(dict.fromkeys(entry["kind"] for entry in subjects))
    rows = []
    for method in methods:
        cells = []
        for kind in kinds:
            found = [entry["methods"][method] for entry in of(subjects, kind, corpus)]
            if any(one["error"] for one in found):
                cells.append("–")
                continue
            shares = ", ".join(f"{one['share_of_gain']:.0%}" for one in found)
            against = (one["against_integrated_gradients"]["comprehensiveness"] for one in found)
            cells.append(f"{shares}: {differences(against)}")
        rows.append([METHODS[method].label, *cells])
    return (
        "Share of Integrated Gradients' gain over random scores, and the paired difference of "
        "comprehensiveness from Integrated Gradients, seed by seed, * where the 95 % interval "
        f"leaves out zero; {corpus}:\n\n{table(['method', *kinds], rows)}"
    )


def saliency_table(subjects: Sequence[dict], corpora: Sequence[str]) -> str:
    """Whether Saliency is better than random scores, by classifier."""
    kinds = list(dict.fromkeys(entry["kind"] for entry in subjects))
    rows = [
        [
            corpus,
            *(
                differences(
                    entry["methods"]["saliency"]["against_random"]["comprehensiveness"]
                    for entry in of(subjects, kind, corpus)
                )
                for kind in kinds
            ),
        ]
        for corpus in corpora
    ]
    return (
        "Saliency minus random scores, comprehensiveness, paired, seed by seed, * where the 95 % "
        f"interval leaves out zero:\n\n{table(['corpus', *kinds], rows)}"
    )


def summary(results: dict, speed: dict) -> str:
    """One row a method: its least and greatest figures over all classifiers, and its cost."""
    subjects, tasks = results["subjects"], results["known_answers"]
    costs = {
        entry["layer"]: {row["method"]: row["forwards"] for row in entry["methods"]}
        for entry in speed["tables"]
        if entry["batch"] > 1
    }
    rows = []
    for method in subjects[0]["methods"]:
        figures = [entry["methods"][method] for entry in subjects]
        cells = [
            between((one["share_of_gain"] for one in figures), "{:.0%}"),
            between(mean_of(one["measures"], "spearman_leave_one_out") for one in figures),
        ]
        for task in ("reset", "negation", "second-class"):
            cells.append(
                between(
                    mean_of(entry["methods"][method]["measures"], entry["measure"])
                    for entry in tasks
                    if entry["task"] == task and entry["methods"]
                )
            )
        name = COSTS.get(method)
        cost = ", ".join(f"{of_layer[name]:.2f}" for of_layer in costs.values()) if name else "–"
        rows.append([METHODS[method].label, *cells, cost])
    head = [
        "method",
        "share of Integrated Gradients' gain",
        "Spearman with leave-one-out",
        "reset",
        "negation",
        "second class",
        f"× one forward, {', '.join(costs)}",
    ]
    return table(head, rows) + "\n"


def between(given: Iterable[float | None], style: str = "{:.2f}") -> str:
    """The least and the greatest of the figures that are defined."""
    values = [value for value in given if value is not None]
    if not values:
        return "–"
    ends = (style.format(end).replace("-", "−") for end in (min(values), max(values)))
    return " to ".join(dict.fromkeys(ends))


def of(subjects: Sequence[dict], kind: str, corpus: str) -> list[dict]:
    """The classifiers of one kind and corpus, one a seed."""
    return [entry for entry in subjects if (entry["kind"], entry["corpus"]) == (kind, corpus)]


def mean_of(measures: dict, measure: str) -> float | None:
    """The mean of a measure; None where it is not defined."""
    return measures.get(measure, {}).get("mean")


def over_seeds(given: Iterable[float | None]) -> str:
    """The mean over seeds and half the spread."""
    values = [value for value in given if value is not None]
    if not values:
        return "–"
    half = (max(values) - min(values)) / 2
    return f"{fmean(values):.3f} ± {half:.3f}".replace("-", "−")


def differences(given: Iterable[dict]) -> str:
    """One difference a seed, marked where its interval leaves out zero."""
    shown = [
        f"{one['mean']:+.3f}{'*' if one['low'] * one['high'] > 0 else ''}".replace("-", "−")
        for one in given
    ]
    return ", ".join(shown) or "–"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> None:
    """Writes and prints the tables."""
    results, speed = (json.loads(path.read_text(encoding="utf-8")) for path in (RESULTS, SPEED))
    write_text(tables(results), TABLES)
    write_text(summary(results, speed), SUMMARY)
    print(tables(results), summary(results, speed), sep="\n")


if __name__ == "__main__":
    main()
