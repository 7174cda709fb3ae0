"""The tables of the report; a click on a heading sorts them."""

import re
from collections.abc import Sequence
from html import escape

from captum_rnn.benchmark.ground_truth.tasks import BagOfVectorsTask
from captum_rnn.benchmark.report.columns import (
    DELETION_KEYS,
    FURTHER_KEYS,
    SANITY_KEYS,
    Column,
    Result,
    agreement_columns,
    cost_columns,
    failures_in,
    hybrid_columns,
    measure_columns,
    measured,
    missing,
    shuffled_labels_columns,
    task_columns,
)
from captum_rnn.benchmark.report.differences import differences

_NEW_WORD = re.compile("(?<=[a-z])(?=[A-Z])")
_TIE = '<span class="tie" title="not distinguishable from the best">≈</span>'
_MARKS = (
    "In brackets: 95 % intervals over the texts. Bold: the best value of a column. ≈: not "
    "distinguishable from the best on these texts (paired bootstrap, 95 %, not corrected for the "
    "number of methods). Orange: methods of this package. A heading sorts its table."
)


def side_by_side(results: Result) -> str:
    """What is right by construction and what deletion says, beside each other at equal rank."""
    answers = [*hybrid_columns(results), *task_columns(results)]
    deletion = measure_columns(results, DELETION_KEYS)
    tables = []
    if answers:
        tables.append(
            "<section><h2>Where the right answer is known</h2>\n"
            f'<p class="note">{escape(_answers_note(results))}</p>\n'
            f"{sortable_table(results, answers)}</section>"
        )
    columns = [*deletion, *cost_columns(results)[:1]]
    if columns:
        tables.append(
            "<section><h2>When words are removed</h2>\n"
            f'<p class="note">{escape(_deletion_note(results, bool(answers)))}</p>\n'
            f"{sortable_table(results, columns)}</section>"
        )
    return (
        f'<div class="pair">{"".join(tables)}</div>\n<p class="note">{_MARKS}</p>'
        f"{_not_measured([*missing(results), *failures_in(results, answers)])}"
    )


def _failed(results: Result, columns: Sequence[Column]) -> str:
    """Why some cells of tables of other texts are empty."""
    return _not_measured(failures_in(results, columns))


def _not_measured(sentences: Sequence[str]) -> str:
    return f'\n<p class="note">Not measured:</p>{listed(sentences)}' if sentences else ""


def _answers_note(results: Result) -> str:
    sentences = []
    if results.get("hybrids"):
        sentences.append(
            f"Hybrid documents ({results['hybrids']['documents']}, made of reviews of both "
            "classes): share of them whose highest-scoring word lies in a review of the predicted "
            "class, and whose lowest-scoring one lies in a review of the other."
        )
    entries = results.get("known_answers") or []
    if entries:
        sentences.append(
            "Tasks: agreement with the true contributions, on nets that solve the task (Pearson "
            "correlation; average precision for the second class)."
        )
    if any(entry["task"] == BagOfVectorsTask.name for entry in entries):
        sentences.append(
            "Bag of vectors: a net that adds up the vectors of its words, so that what each "
            "contributes is exact."
        )
    unsolved = [
        f"{entry['task'].replace('-', ' ')} ({entry['kind'].upper()}, accuracy "
        f"{entry['accuracy']['accuracy']:.3f})"
        for entry in entries
        if not entry["solved"]
    ]
    if unsolved:
        sentences.append(f"Not solved by its net, so left out: {', '.join(unsolved)}.")
    return " ".join(sentences)


def _deletion_note(results: Result, has_answers: bool) -> str:
    sentence = f"On {results['subject']['texts']} texts; the best are hard to tell apart this way."
    if not has_answers:
        sentence += (
            " This comparison holds no texts whose right answer is known, which could tell them "
            "apart."
        )
    return sentence


def further_section(results: Result) -> str:
    """The other measures of removing and replacing words, folded away."""
    columns = [*measure_columns(results, FURTHER_KEYS), *cost_columns(results)[1:]]
    if len(columns) < 2:
        return ""
    return (
        "<details><summary>More measures of removing and replacing words</summary>\n"
        f"{sortable_table(results, columns)}</details>"
    )


def sanity_section(results: Result) -> str:
    """Whether scores depend on what was learnt, add up, are stable, and where they lie."""
    shuffled = shuffled_labels_columns(results)
    columns = [*measure_columns(results, SANITY_KEYS), *shuffled]
    if not columns:
        return ""
    note = (
        "A score that stays the same when the classifier is randomised, with a rank correlation "
        "near 1, does not explain it. A "
        "method that never looks at the words is trivially insensitive to them."
    )
    if shuffled:
        note += (
            " Shuffled labels: the rank correlation with the scores of the same net that was "
            "trained on permuted labels; near 0 is what a method should show, near 1 says that it "
            "explains the texts and not what was learnt."
        )
    return (
        "<h2>Sanity: do the scores depend on what the classifier learnt?</h2>\n"
        f'<p class="note">{note}</p>\n'
        f"{sortable_table(results, columns)}{_failed(results, shuffled)}"
    )


def agreement_section(results: Result) -> str:
    """Agreement with people's marks and with a lexicon."""
    columns = agreement_columns(results)
    if not columns:
        return ""
    sources = [
        f"{results[key]['texts']} texts with {what}"
        for key, what in (("marks", "words marked by people"), ("lexicon", "words of a lexicon"))
        if results.get(key)
    ]
    return (
        "<h2>Plausibility: agreement with people</h2>\n"
        f'<p class="note">On {" and ".join(sources)}. It says whether the words are those that '
        "people would name, not whether the classifier used them. Sign: share of these words whose "
        "score has the right sign, for methods whose sign speaks for the class.</p>\n"
        f"{sortable_table(results, columns)}{_failed(results, columns)}"
    )


def differences_section(results: Result) -> str:
    """Our methods against the best other one, text by text."""
    rows = "\n".join(
        f'<tr class="ours"><th scope="row">{escape(difference.method)}</th>'
        f"<td>{escape(difference.other)}</td>"
        f"<td>{difference.gain.mean:+.3f}<small>[{difference.gain.low:+.3f}, "
        f"{difference.gain.high:+.3f}]</small></td><td>{difference.verdict}</td></tr>"
        for difference in differences(results)
    )
    if not rows:
        return ""
    return (
        "<details><summary>The methods of this package against the best other one</summary>\n"
        '<p class="note">Difference in comprehensiveness, text by text: the mean over the texts '
        "and its 95 % interval. Above zero, the method of this package is better.</p>\n"
        '<div class="scroll"><table>\n<thead><tr><th scope="col">method</th>'
        '<th scope="col">against</th><th scope="col">difference</th><th scope="col">it is</th>'
        f"</tr></thead>\n<tbody>\n{rows}\n</tbody></table></div></details>"
    )


def sortable_table(results: Result, columns: Sequence[Column]) -> str:
    """A table with a row for each method, sorted by its first column.

    Args:
        results: The answer of `captum_rnn.benchmark.compare`.
        columns: The columns, at least one.

    Returns:
        A `<table class="sortable">` inside an element that scrolls on narrow screens. A method
        that failed is a row that says why.
    """
    methods = {method["name"]: method for method in results["methods"]}
    order = columns[0].ordered(method["name"] for method in measured(results))
    failed = [method["name"] for method in results["methods"] if method["error"]]
    head = "".join(_heading(column, sorts=column is columns[0]) for column in columns)
    rows = [_row(methods[name], columns) for name in [*order, *failed]]
    return (
        '<div class="scroll"><table class="sortable">\n<thead><tr><th scope="col">'
        f'<button type="button" data-first="ascending">method</button></th>{head}</tr></thead>\n'
        f"<tbody>\n{chr(10).join(rows)}\n</tbody></table></div>"
    )


def _heading(column: Column, *, sorts: bool) -> str:
    """A heading; the first click on it shows the best values, or the lowest ones."""
    first = "descending" if column.better == "higher" else "ascending"
    state = f' aria-sort="{first}"' if sorts else ""
    # Long names may break where a hyphen is right.
    name = escape(column.heading).replace("comprehensiveness", "comprehen&shy;siveness")
    small = f"<small>{column.direction}</small>" if column.better else ""
    return (
        f'<th scope="col"{state}><button type="button" data-first="{first}">{name}{small}'
        "</button></th>"
    )


def _row(method: Result, columns: Sequence[Column]) -> str:
    name = method["name"]
    row = '<tr class="ours">' if method["ours"] else "<tr>"
    # Names of classes may break where a new word begins.
    shown = _NEW_WORD.sub("<wbr>", escape(method["label"]))
    label = f'<th scope="row">{shown}</th>'
    reason = method["error"]
    if reason is not None:
        cell = f'<td class="failed" colspan="{len(columns)}">{escape(reason)}</td>'
        return f"{row}{label}{cell}</tr>"
    return f"{row}{label}{''.join(_cell(column, name) for column in columns)}</tr>"


def _cell(column: Column, method: str) -> str:
    cell = column.cells.get(method)
    if cell is None:
        reason = column.errors.get(method)
        title = f' title="{escape(reason)}"' if reason else ""
        return f"<td{title}>–</td>"
    best = ' class="best"' if column.is_best(method) else ""
    tie = _TIE if column.ties_with_best(method) else ""
    interval = column.interval(method)
    small = f"<small>{interval}</small>" if interval else ""
    return f'<td{best} data-value="{cell.value!r}">{tie}{column.shown(method)}{small}</td>'


def listed(sentences: Sequence[str]) -> str:
    """Plain sentences as a list."""
    return "<ul>" + "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences) + "</ul>"
