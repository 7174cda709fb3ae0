"""The tables of the grid on series: a line for each network, and a summary over seeds."""

from statistics import fmean, median

from captum_rnn.benchmark.series import SeriesComparison, SeriesResult
from captum_rnn.visualization.terminal import aligned_text

SHOWN = (
    "deep_lift",
    "relevance",
    "adjoint_delta",
    "shared",
    "integrated_gradients",
    "timing",
    "occlusion",
    "magnitude",
    "random",
)
_SHORT = {
    "integrated_gradients": "IG-50",
    "deep_lift": "DeepLIFT",
    "gradient_shap": "GradientShap",
}
_CHOSEN_ON = 0
_OF_PROTOTYPES = (
    "shared",
    "relevance",
    "deep_lift",
    "adjoint_delta",
    "integrated_gradients",
    "gradient_shap",
    "magnitude",
    "random",
)


def networks_table(comparison: SeriesComparison) -> str:
    """AUPRC, or comprehensiveness of the vowels, of each network; DeepLIFT less IG, paired."""
    rows = [["network", "accuracy", *(_short(name) for name in SHOWN), "DeepLIFT − IG-50"]]
    for result in comparison.results:
        gain = result.gain("deep_lift", "integrated_gradients")
        rows.append(
            [
                f"{result.task} {result.kind} {result.seed}",
                f"{result.accuracy / result.ceiling:.3f}",
                *(_mean(result, name) for name in SHOWN),
                "–" if gain is None else f"{gain.mean:+.3f} ({gain.low:+.3f} to {gain.high:+.3f})",
            ]
        )
    notes = [f"not measured: {sentence}" for sentence in comparison.missing]
    return "\n".join([aligned_text(rows, head=1), *notes])


def means_table(comparison: SeriesComparison) -> str:
    """AUPRC, or comprehensiveness of the vowels: the mean over the networks of a task and kind."""
    rows = [["mean over networks", *(_short(name) for name in SHOWN)]]
    pairs = dict.fromkeys((result.task, result.kind) for result in comparison.results)
    for task, kind in pairs:
        same = [found for found in comparison.results if (found.task, found.kind) == (task, kind)]
        means = [
            [
                result.methods[name].measures[result.key].mean
                for result in same
                if name in result.methods and result.key in result.methods[name].measures
            ]
            for name in SHOWN
        ]
        shown = [f"{fmean(of_method):.3f}" if of_method else "–" for of_method in means]
        rows.append([f"{task} {kind} ({len(same)})", *shown])
    return aligned_text(rows, head=1)


def prototypes_table(comparison: SeriesComparison) -> str:
    """What the prototypes were measured by: AUPRC and comprehensiveness, over the networks."""
    rows = [["mean (lowest–highest network)", *(_short(name) for name in _OF_PROTOTYPES)]]
    pairs = dict.fromkeys((result.task, result.kind) for result in comparison.results)
    for task, kind in pairs:
        same = [found for found in comparison.results if (found.task, found.kind) == (task, kind)]
        for measure in ("auprc", "comprehensiveness"):
            if not any(measure in method.measures for method in same[0].methods.values()):
                continue
            spans = [_span(same, name, measure) for name in _OF_PROTOTYPES]
            rows.append([f"{task} {kind}, {measure}", *spans])
    return aligned_text(rows, head=1)


def summary_table(comparison: SeriesComparison) -> str:
    """On the other seeds: how often DeepLIFT is above and below Integrated Gradients, and cost."""
    claimed = [result for result in comparison.results if result.seed != _CHOSEN_ON]
    rows = [["", "networks", "DeepLIFT above", "below", "mean gain", "× forward", "IG's"]]
    groups: dict[str, list[SeriesResult]] = {}
    for name in ("task", "kind"):
        for result in claimed:
            groups.setdefault(getattr(result, name), []).append(result)
    for group, results in groups.items():
        gains = [result.gain("deep_lift", "integrated_gradients") for result in results]
        known = [gain for gain in gains if gain is not None]
        rows.append(
            [
                group,
                str(len(results)),
                str(sum(gain.low > 0 for gain in known)),
                str(sum(gain.high < 0 for gain in known)),
                f"{fmean(gain.mean for gain in known):+.3f}" if known else "–",
                _cost(results, "deep_lift"),
                _cost(results, "integrated_gradients"),
            ]
        )
    return "On the seeds that no choice was made on:\n" + aligned_text(rows, head=1)


def _mean(result: SeriesResult, name: str) -> str:
    method = result.methods.get(name)
    if method is None or result.key not in method.measures:
        return "–"
    return f"{method.measures[result.key].mean:.3f}"


def _span(results: list[SeriesResult], name: str, measure: str) -> str:
    found = [
        result.methods[name].measures[measure].mean
        for result in results
        if name in result.methods and measure in result.methods[name].measures
    ]
    return f"{fmean(found):.3f} ({min(found):.3f}–{max(found):.3f})" if found else "–"


def _cost(results: list[SeriesResult], name: str) -> str:
    costs = [result.methods[name].forwards for result in results if name in result.methods]
    known = [cost for cost in costs if cost is not None]
    return f"{median(known):.1f}" if known else "–"


def _short(name: str) -> str:
    return _SHORT.get(name, name.split("_")[0])
