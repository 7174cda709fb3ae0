"""What the numbers of a comparison say, in sentences."""

import math
from collections.abc import Sequence

from captum_rnn.benchmark.report.columns import hybrid_columns, task_columns
from captum_rnn.benchmark.report.differences import (
    baseline_of,
    compared,
    comprehensiveness,
    paired_difference,
    ranked,
)
from captum_rnn.benchmark.results import ComparisonData, MethodResult

POST = "hidden-state-delta-l2"
LEXICON = "word-lexicon"
_MOST_NAMES = 3


def headline(comparison: ComparisonData) -> str:
    """Which method explained the classifier better and at what cost, in one or two sentences.

    Methods are ranked by mean comprehensiveness. One is called better only where the 95 % interval
    of the paired difference, text by text, excludes zero. A second sentence says what a score
    without any context reaches, and what the texts with known answers say, where there are any.

    Returns:
        Plain text.
    """
    sentences = [_by_deletion(comparison)]
    parts = [_without_context(comparison), _on_hybrids(comparison), _on_tasks(comparison)]
    beyond = "; ".join(filter(None, parts))
    if beyond:
        sentences.append(f"{_capital(beyond)}.")
    return " ".join(sentences)


def _by_deletion(comparison: ComparisonData) -> str:
    if not compared(comparison):
        return "No method's scores were tested by removing words."
    methods, baseline = ranked(comparison), baseline_of(comparison)
    ours = [method for method in methods if method.ours]
    others = [method for method in methods if not method.ours]
    if methods and baseline and paired_difference(comparison, methods[0], baseline).low <= 0:
        return _no_better_than_random(methods[0], baseline)
    if not ours or not others:
        return _best_of_all(methods or compared(comparison))
    difference = paired_difference(comparison, ours[0], others[0])
    if difference.high < 0:
        return _lost(comparison, _shown(ours), others[0])
    if difference.low > 0:
        return _won(comparison, _shown(ours), others[0])
    return _tied(comparison, _shown(ours), others[0])


def _shown(ours: Sequence[MethodResult]) -> list[MethodResult]:
    """The best of our methods, and the post's own score where that is another one."""
    return [ours[0], *(method for method in ours[1:] if method.name == POST)]


def _lost(comparison: ComparisonData, ours: Sequence[MethodResult], rival: MethodResult) -> str:
    best, *rest = ours
    also = "".join(
        f" and {_name(method)} {_share(comparison, method, rival)} at {_passes(method)}"
        for method in rest
    )
    return (
        f"{_capital(_name(rival))} explains this classifier better than the methods of this "
        f"package, at the cost of {_passes(rival)}: of its {_gain(comparison)}, {_name(best)} "
        f"reaches {_share(comparison, best, rival)} at {_passes(best)}{also}."
    )


def _won(comparison: ComparisonData, ours: Sequence[MethodResult], rival: MethodResult) -> str:
    best, *rest = ours
    return (
        f"{_capital(_name(best))} explains this classifier better than every method compared that "
        f"is not of this package, at {_passes(best)}: its comprehensiveness is "
        f"{comprehensiveness(best):.3f}, that of {_name(rival)} {comprehensiveness(rival):.3f} at "
        f"{_passes(rival)}{_also(comparison, rest, best)}."
    )


def _tied(comparison: ComparisonData, ours: Sequence[MethodResult], rival: MethodResult) -> str:
    best, *rest = ours
    better = max(best, rival, key=comprehensiveness)
    return (
        f"{_capital(_name(best))} at {_passes(best)} and {_name(rival)} at {_passes(rival)} "
        "are not significantly different on these texts (comprehensiveness "
        f"{comprehensiveness(best):.3f} and {comprehensiveness(rival):.3f})"
        f"{_also(comparison, rest, better)}."
    )


def _no_better_than_random(best: MethodResult, baseline: MethodResult) -> str:
    return (
        "No method explains this classifier measurably better than random scores: the best, "
        f"{_name(best)}, has a comprehensiveness of {comprehensiveness(best):.3f} against "
        f"{comprehensiveness(baseline):.3f}."
    )


def _best_of_all(methods: Sequence[MethodResult]) -> str:
    best = methods[0]
    return (
        f"Of the methods compared {_name(best)} has the highest comprehensiveness, "
        f"{comprehensiveness(best):.3f}, at {_passes(best)}."
    )


def _without_context(comparison: ComparisonData) -> str:
    """How far scores without context come, which deletion hardly separates."""
    methods = ranked(comparison)
    lexicon = next((method for method in methods[1:] if method.name == LEXICON), None)
    if lexicon is None or comprehensiveness(methods[0]) <= _floor(comparison):
        return ""
    return (
        "per-word scores, without any context, reach "
        f"{_share(comparison, lexicon, methods[0])} of the best {_gain(comparison)}"
    )


def _on_hybrids(comparison: ComparisonData) -> str:
    """Whose top word lies in a right review most often."""
    top = next((column for column in hybrid_columns(comparison) if column.cells), None)
    if top is None:
        return ""
    names = {method.name: _name(method) for method in comparison.methods.values()}
    best, *rest = top.ordered(top.cells)
    tied = sum(top.ties_with_best(method) for method in rest)
    also = f" ({tied} more are not significantly different)" if tied else ""
    post = f", that of {names[POST]} in {_percent(top.cells[POST].value)}" if POST in rest else ""
    return (
        f"in documents mixed from both classes, the top word of {names[best]} lies in a "
        f"review of the predicted class in {_percent(top.cells[best].value)}{also}{post}"
    )


def _on_tasks(comparison: ComparisonData) -> str:
    """Who is right about the tasks with known answers most often."""
    columns = [column for column in task_columns(comparison) if column.cells]
    if not columns:
        return ""
    wins = {
        method.name: sum(
            column.is_best(method.name) or column.ties_with_best(method.name) for column in columns
        )
        for method in comparison.methods.values()
    }
    most = max(wins.values())
    names = [_name(m) for m in comparison.methods.values() if wins[m.name] == most]
    post = comparison.methods.get(POST)
    also = f", {_name(post)} in {wins[POST] or 'none'}" if post and wins[POST] < most else ""
    return (
        f"of the {len(columns)} tasks with known answers, {_listed(names)} "
        f"{'is' if len(names) == 1 else 'are'} best or not significantly different from the best "
        f"in {most}{also}"
    )


def _also(comparison: ComparisonData, rest: Sequence[MethodResult], best: MethodResult) -> str:
    return "".join(
        f"; {_name(method)} reaches {_share(comparison, method, best)} of the best "
        f"{_gain(comparison)} at {_passes(method)}"
        for method in rest
    )


def _gain(comparison: ComparisonData) -> str:
    return "gain over random" if baseline_of(comparison) else "comprehensiveness"


def _share(comparison: ComparisonData, method: MethodResult, best: MethodResult) -> str:
    """How much of the best method's gain over random (over 0 without it) another one reaches."""
    floor = _floor(comparison)
    share = (comprehensiveness(method) - floor) / (comprehensiveness(best) - floor)
    return _percent(share) if share > 0 else "nothing"


def _floor(comparison: ComparisonData) -> float:
    baseline = baseline_of(comparison)
    return comprehensiveness(baseline) if baseline else 0.0


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _passes(method: MethodResult) -> str:
    forwards = method.cost.forwards if method.cost else math.nan
    number = f"{forwards:.1f}" if forwards < 9.95 else f"{forwards:.0f}"
    return f"{number} forward passes"


def _name(method: MethodResult) -> str:
    """The label with its variant in brackets, so that a sentence can have commas of its own."""
    family, comma, variant = method.label.partition(", ")
    return f"{family} ({variant})" if comma else family


def _listed(names: Sequence[str]) -> str:
    if len(names) > _MOST_NAMES:
        return f"{len(names)} methods"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
