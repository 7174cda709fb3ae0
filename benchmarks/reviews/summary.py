"""One row a method over the whole grid, as `docs/which.md` shows it."""

from collections.abc import Iterable
from typing import Any

from benchmarks.reviews.cells import label_of, mean_of, table

# How `benchmarks/speed/` names the methods.
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


def summary(results: dict[str, Any], speed: dict[str, Any]) -> str:
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
        rows.append([label_of(method, "spearman"), *cells, cost])
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
