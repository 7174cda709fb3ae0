"""The grid's results as Markdown, from compare_methods.json beside this script.

`docs/results.md` includes what this writes to tables.txt, `docs/which.md` the summary in
summary.txt, which also reads the costs in benchmarks/speed/results.json.

    python benchmarks/reviews/tables.py
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))  # where `benchmarks` is

from benchmarks.reviews.cells import differences, label_of, mean_of, of, over_seeds, table
from benchmarks.reviews.summary import summary
from captum_rnn.benchmark.methods import METHODS
from captum_rnn.files import write_text

HERE = Path(__file__).parent
SPEED = HERE.parent / "speed" / "results.json"
AGAINST = (
    "calibrated-delta-by-distance",
    "calibrated-delta",
    "calibrated-delta-mean-adjoint",
    "adjoint-delta",
    "recurrent-deep-lift",
    "recurrent-shapley",
    "leave-one-out",
    "relevance-propagation",
    "relevance-and-midpoint",
    "integrated-gradients-midpoint",
    "integrated-gradients-word",
    "input-x-gradient",
    "word-lexicon",
)
"""What is held against Integrated Gradients, as far as it was measured."""
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


def tables(results: dict[str, Any]) -> str:
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


def accuracies(subjects: Sequence[dict[str, Any]], corpora: Sequence[str]) -> str:
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


def task_table(tasks: Sequence[dict[str, Any]], kind: str) -> str:
    """Agreement with the true contributions on the networks of one kind."""
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


def task_differences(tasks: Sequence[dict[str, Any]], methods: Sequence[str] = AGAINST) -> str:
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
        if method in chosen[0]["methods"]
    ]
    head = ["minus Integrated Gradients", *(f"{task}, {kind}" for task, kind in columns)]
    return (
        "Paired differences from Integrated Gradients (50 points), network by network, * where the "
        f"95 % interval leaves out zero:\n\n{table(head, rows)}"
    )


def subject_table(
    subjects: Sequence[dict[str, Any]], corpus: str, section: str, measure: str
) -> str:
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
            label_of(method, measure),
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


def gain_table(
    subjects: Sequence[dict[str, Any]], corpus: str, methods: Sequence[str] = AGAINST
) -> str:
    """Share of Integrated Gradients' gain, and the paired difference, by classifier."""
    kinds = list(dict.fromkeys(entry["kind"] for entry in subjects))
    rows = []
    for method in methods:
        if method not in subjects[0]["methods"]:
            continue
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


def saliency_table(subjects: Sequence[dict[str, Any]], corpora: Sequence[str]) -> str:
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


def main() -> None:
    """Writes and prints the tables."""
    results, speed = (
        json.loads(path.read_text(encoding="utf-8"))
        for path in (HERE / "compare_methods.json", SPEED)
    )
    write_text(tables(results), HERE / "tables.txt")
    write_text(summary(results, speed), HERE / "summary.txt")
    print(tables(results), summary(results, speed), sep="\n")


if __name__ == "__main__":
    main()
