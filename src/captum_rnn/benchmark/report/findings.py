"""What the numbers of a comparison say, in sentences."""

from collections.abc import Mapping, Sequence
from typing import Any

from captum_rnn.benchmark.report.columns import hybrid_columns, task_columns
from captum_rnn.benchmark.report.differences import (
    baseline_of,
    compared,
    comprehensiveness,
    paired_difference,
    ranked,
)

POST = "hidden-state-delta-l2"
LEXICON = "word-lexicon"
_MOST_NAMES = 3

Result = Mapping[str, Any]


def headline(results: Result) -> str:
    """Which method explained the classifier better and at what cost, in one or two sentences.

    Methods are ranked by mean comprehensiveness. One is called better only where the 95 % interval
    of the paired difference, text by text, excludes zero. A second sentence says what a score
    without any context reaches, and what the texts with a known answer say, where there are any.

    Args:
        results: The answer of `captum_rnn.benchmark.compare` or of `full_comparison`.

    Returns:
        Plain text.
    """
    sentences = [_by_deletion(results)]
    parts = [_without_context(results), _on_hybrids(results), _on_tasks(results)]
    beyond = "; ".join(filter(None, parts))
    if beyond:
        sentences.append(f"{_capital(beyond)}.")
    return " ".join(sentences)


def _by_deletion(results: Result) -> str:
    if not compared(results):
        return "No method's scores were tested by removing words."
    methods, baseline = ranked(results), baseline_of(results)
    ours = [method for method in methods if method["ours"]]
    others = [method for method in methods if not method["ours"]]
    if methods and baseline and paired_difference(results, methods[0], baseline).low <= 0:
        return _no_better_than_random(methods[0], baseline)
    if not ours or not others:
        return _best_of_all(methods or compared(results))
    difference = paired_difference(results, ours[0], others[0])
    if difference.high < 0:
        return _lost(results, _shown(ours), others[0])
    if difference.low > 0:
        return _won(results, _shown(ours), others[0])
    return _tied(results, _shown(ours), others[0])


def _shown(ours: Sequence[Result]) -> list[Result]:
    """The best of our methods, and the post's own score where that is another one."""
    return [ours[0], *(method for method in ours[1:] if method["name"] == POST)]


def _lost(results: Result, ours: Sequence[Result], rival: Result) -> str:
    best, *rest = ours
    also = "".join(
        f" and {_name(method)} {_share(results, method, rival)} at {_passes(method)}"
        for method in rest
    )
    return (
        f"{_capital(_name(rival))} explains this classifier better than the methods of this "
        f"package, at the cost of {_passes(rival)}: of its {_gain(results)}, {_name(best)} reaches "
        f"{_share(results, best, rival)} at {_passes(best)}{also}."
    )


def _won(results: Result, ours: Sequence[Result], rival: Result) -> str:
    best, *rest = ours
    return (
        f"{_capital(_name(best))} explains this classifier better than every method compared that "
        f"is not of this package, at {_passes(best)}: its comprehensiveness is "
        f"{comprehensiveness(best):.3f}, that of {_name(rival)} {comprehensiveness(rival):.3f} at "
        f"{_passes(rival)}{_also(results, rest, best)}."
    )


def _tied(results: Result, ours: Sequence[Result], rival: Result) -> str:
    best, *rest = ours
    better = max(best, rival, key=comprehensiveness)
    return (
        f"{_capital(_name(best))} at {_passes(best)} and {_name(rival)} at {_passes(rival)} "
        "cannot be told apart by these texts (comprehensiveness "
        f"{comprehensiveness(best):.3f} and {comprehensiveness(rival):.3f})"
        f"{_also(results, rest, better)}."
    )


def _no_better_than_random(best: Result, baseline: Result) -> str:
    return (
        "No method explains this classifier measurably better than random scores: the best, "
        f"{_name(best)}, has a comprehensiveness of {comprehensiveness(best):.3f} against "
        f"{comprehensiveness(baseline):.3f}."
    )


def _best_of_all(methods: Sequence[Result]) -> str:
    best = methods[0]
    return (
        f"Of the methods compared {_name(best)} has the highest comprehensiveness, "
        f"{comprehensiveness(best):.3f}, at {_passes(best)}."
    )


def _without_context(results: Result) -> str:
    """How far a fixed score for each word comes: what deletion cannot tell apart."""
    methods = ranked(results)
    lexicon = next((method for method in methods[1:] if method["name"] == LEXICON), None)
    if lexicon is None or comprehensiveness(methods[0]) <= _floor(results):
        return ""
    return (
        "a fixed score for each word, without any context, reaches "
        f"{_share(results, lexicon, methods[0])} of the best {_gain(results)}"
    )


def _on_hybrids(results: Result) -> str:
    """Whose top word lies in a right review most often."""
    top = next((column for column in hybrid_columns(results) if column.cells), None)
    if top is None:
        return ""
    names = {method["name"]: _name(method) for method in results["methods"]}
    best, *rest = top.ordered(top.cells)
    tied = sum(top.ties_with_best(method) for method in rest)
    also = f" ({tied} more cannot be told apart from it)" if tied else ""
    post = f", that of {names[POST]} in {_percent(top.cells[POST].value)}" if POST in rest else ""
    return (
        f"in documents mixed from both classes, the top word of {names[best]} lies in a "
        f"review of the predicted class in {_percent(top.cells[best].value)}{also}{post}"
    )


def _on_tasks(results: Result) -> str:
    """Who is right about the tasks with a known answer most often."""
    columns = [column for column in task_columns(results) if column.cells]
    if not columns:
        return ""
    wins = {
        method["name"]: sum(
            column.is_best(method["name"]) or column.ties_with_best(method["name"])
            for column in columns
        )
        for method in results["methods"]
    }
    most = max(wins.values())
    names = [_name(m) for m in results["methods"] if wins[m["name"]] == most]
    post = next((m for m in results["methods"] if m["name"] == POST and wins[POST] < most), None)
    also = f", {_name(post)} in {wins[POST] or 'none'}" if post else ""
    return (
        f"of the {len(columns)} tasks with a known answer, {_listed(names)} "
        f"{'is' if len(names) == 1 else 'are'} best or not told apart from the best in {most}{also}"
    )


def _also(results: Result, rest: Sequence[Result], best: Result) -> str:
    return "".join(
        f"; {_name(method)} reaches {_share(results, method, best)} of the best "
        f"{_gain(results)} at {_passes(method)}"
        for method in rest
    )


def _gain(results: Result) -> str:
    return "gain over random" if baseline_of(results) else "comprehensiveness"


def _share(results: Result, method: Result, best: Result) -> str:
    """How much of the best method's gain over random (over 0 without it) another one reaches."""
    floor = _floor(results)
    share = (comprehensiveness(method) - floor) / (comprehensiveness(best) - floor)
    return _percent(share) if share > 0 else "nothing"


def _floor(results: Result) -> float:
    baseline = baseline_of(results)
    return comprehensiveness(baseline) if baseline else 0.0


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _passes(method: Result) -> str:
    forwards = float(method["cost"]["forwards"])
    number = f"{forwards:.1f}" if forwards < 9.95 else f"{forwards:.0f}"
    return f"{number} forward passes"


def _name(method: Result) -> str:
    """The label with its variant in brackets, so that a sentence can have commas of its own."""
    family, comma, variant = str(method["label"]).partition(", ")
    return f"{family} ({variant})" if comma else family


def _listed(names: Sequence[str]) -> str:
    if len(names) > _MOST_NAMES:
        return f"{len(names)} methods"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
