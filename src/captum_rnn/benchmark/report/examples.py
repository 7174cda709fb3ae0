"""The same sentences under all methods."""

from collections.abc import Sequence
from html import escape

from captum_rnn.benchmark.report.columns import Result
from captum_rnn.benchmark.report.pictures import as_numbers, quick_first
from captum_rnn.benchmark.report.reproduction import reproduction
from captum_rnn.benchmark.report.tables import listed
from captum_rnn.visualization.html import legend_html, tokens_html

_POST = (
    "Hidden-state delta was proposed in a post of 2017 (Su Jianlin, "
    "“RNN模型中输入的重要性的评估”, Scientific Spaces, archives/4582), "
    "which prints the scores of these sentences."
)


def examples_section(results: Result) -> str:
    """The sentences of the post, if there are any, and texts of the corpus."""
    examples = results["examples"]
    of_the_post = [example for example in examples if example["source"] == "post"]
    others = [example for example in examples if example["source"] != "post"]
    parts = []
    if of_the_post:
        parts += [
            "<h2>The nine sentences of the post</h2>",
            f"<p>{_POST} They stand in the first line of each, above those of this classifier; "
            "ρ is the rank correlation with the printed scores.</p>",
            listed(reproduction(of_the_post)),
            _legend(),
            *_cards(of_the_post, results),
        ]
    if others:
        parts += ["<h2>Texts, drawn at random</h2>", _legend(), *_cards(others, results)]
    return "\n".join(parts)


def _legend() -> str:
    return legend_html("against", "for") + (
        '<p class="note">For or against the predicted class; in the lines of hidden-state delta, '
        "towards the state in which the text ended or away from it. Each line has its own scale: "
        "its strongest score has the full colour, white is 0. Point at a word to see its "
        "number.</p>"
    )


def _cards(examples: Sequence[Result], results: Result) -> list[str]:
    first, others = quick_first(results)
    if not first:
        first, others = others, []
    return [_card(number, example, first, others) for number, example in enumerate(examples, 1)]


def _card(number: int, example: Result, first: Sequence[Result], others: Sequence[Result]) -> str:
    """One text: under the first methods in sight, under the others when it is opened."""
    prediction = (
        f'{number}. <span class="prediction">predicted {escape(str(example["predicted_class"]))}, '
        f"probability {example['probability']:.2f}</span>"
    )
    parts = [f'<article class="example"><h3>{prediction}</h3>']
    if example["printed"]:
        printed = example["printed"]
        parts.append(
            _line("printed", "as printed in 2017", "", printed["tokens"], printed["scores"])
        )
    parts += _lines(example, first)
    more = _lines(example, others)
    if more:
        parts.append(
            f"<details><summary>{len(more)} more method{'s' * (len(more) > 1)}</summary>"
            f"{chr(10).join(more)}</details>"
        )
    if example["note"]:
        parts.append(f'<p class="note">{escape(example["note"])}</p>')
    return "\n".join(parts) + "</article>"


def _lines(example: Result, methods: Sequence[Result]) -> list[str]:
    lines = []
    for method in methods:
        scores = example["scores"].get(method["name"])
        if scores is not None:
            correlation = (example["rank_correlation"] or {}).get(method["name"])
            note = "" if correlation is None else f"ρ {correlation:+.2f}"
            kind = "ours" if method["ours"] else "other"
            lines.append(_line(kind, method["label"], note, example["tokens"], scores))
    return lines


def _line(
    kind: str, label: str, note: str, tokens: Sequence[str], scores: Sequence[float | None]
) -> str:
    small = f" <small>{note}</small>" if note else ""
    return (
        f'<div class="line"><span class="method {kind}">{escape(label)}{small}</span>'
        f"{tokens_html(tokens, as_numbers(scores))}</div>"
    )
