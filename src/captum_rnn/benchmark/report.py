"""The report of a comparison: one self-contained HTML file."""

from collections.abc import Sequence
from html import escape

from captum_rnn.benchmark.findings import Result, baseline_of, differences, headline, is_ours
from captum_rnn.benchmark.reproduction import reproduction
from captum_rnn.benchmark.table import table_html
from captum_rnn.visualization.chart import CostPoint, cost_chart
from captum_rnn.visualization.html import legend_html, page, tokens_html

_TITLE = "Which method explains it better, and at what cost?"

_POST = (
    "Hidden-state delta was proposed in a post of 2017 (Su Jianlin, "
    "“RNN模型中输入的重要性的评估”, Scientific Spaces, archives/4582), "
    "which prints the scores of these sentences."
)

_HOW_TO_READ = """<div class="columns"><div><h3>What the numbers say</h3>
<dl>
<dt>Comprehensiveness</dt><dd>How much probability the predicted class loses when the words with the
highest scores are removed: the mean over removing 1, 5, 10, 20 and 50 % of the words. Higher is
better.</dd>
<dt>Sufficiency</dt><dd>How much probability it loses when those words alone are left. Lower is
better.</dd>
<dt>Spearman with leave-one-out</dt><dd>How far the scores order the words of a text as exact
leave-one-out does, which removes one word at a time and runs the classifier anew: 1 is the same
order, 0 none.</dd>
<dt>× one forward</dt><dd>Time of the method over the time of one bare forward pass of the same
texts, measured beside it.</dd>
<dt>Intervals</dt><dd>95 % bootstrap intervals over the texts. Two methods were measured on the same
texts, so their difference is surer than their intervals suggest.</dd>
</dl></div>
<div><h3>What they cannot say</h3>
<ul>
<li>Removing words hardly separates good methods: what a review says is mostly said by single words,
whatever their context. Small gaps at the top are no ranking.</li>
<li>A text without its words is no text that the classifier was trained on.</li>
<li>The L2 score of the hidden-state delta, like its projection, never looks at the class: it says
which words brought the state to where it ended, not which words speak for the class. In many
dimensions a norm is also a poor measure of approach, which the projection does without.</li>
<li>Saliency has no sign: it says how sensitive the classifier is to a word, not what the word
speaks for. Its order is compared with the size of the leave-one-out effects.</li>
</ul></div></div>"""


def report_html(results: Result) -> str:
    """The report of a comparison.

    Args:
        results: The answer of `captum_rnn.benchmark.compare.compare`.

    Returns:
        A self-contained HTML document, to be written as UTF-8.
    """
    examples = results["examples"]
    of_the_post = [example for example in examples if example["source"] == "post"]
    others = [example for example in examples if example["source"] != "post"]
    methods = results["methods"]
    body = [
        f"<h1>{_TITLE}</h1>",
        f'<p class="headline">{escape(headline(results))}</p>',
        f'<p class="note">{escape(_subject(results["subject"]))}</p>',
        table_html(results),
        '<p class="note">In brackets: 95 % intervals. Bold: the best value of a column; random '
        "scores, the floor for every method, do not compete.</p>",
        _chart(results),
        _differences(results),
        f"<h2>How to read it</h2>\n{_HOW_TO_READ}",
    ]
    if of_the_post:
        body += [_post_section(of_the_post, methods)]
    if others:
        body += ["<h2>Reviews</h2>", _legend(), *_cards(others, methods)]
    return page(_TITLE, "\n".join([*body, _footer(results)]))


def _subject(subject: Result) -> str:
    """What was explained: the classifier and the texts."""
    corpus = subject["trained_on"].get("corpus", "a corpus that it does not name")
    sentences = [
        f"Every method explains the class ({' or '.join(subject['classes'])}) that one "
        f"{subject['kind'].upper()} classifier, trained on {corpus}, predicts for "
        f"{subject['texts']} reviews that it was not trained on.",
        f"It gets {100 * subject['accuracy']:.1f} % of them right.",
        f"A review has {subject['mean_words']:.0f} words on average, of which it knows "
        f"{subject['mean_known_words']:.0f}.",
    ]
    if subject["texts_cut"]:
        sentences.append(f"Longer than what it reads of a text: {subject['texts_cut']}.")
    if subject["texts_left_out"]:
        sentences.append(f"Left out, having no known word: {subject['texts_left_out']}.")
    return " ".join(sentences)


def _chart(results: Result) -> str:
    baseline = baseline_of(results)
    points = [_point(method) for method in results["methods"] if method is not baseline]
    if not points:
        return ""
    svg = cost_chart(points, floor=_point(baseline) if baseline else None)
    return (
        f"<figure>{svg}<figcaption>Up is better, left is cheaper. Orange: methods of this package. "
        "Bars: 95 % intervals.</figcaption></figure>"
    )


def _point(method: Result) -> CostPoint:
    measure = method["comprehensiveness"]
    value, low, high = (measure[key] for key in ("mean", "low", "high"))
    return CostPoint(
        method["label"],
        method["forwards"],
        value,
        value if low is None else low,
        value if high is None else high,
        ours=is_ours(method),
    )


def _differences(results: Result) -> str:
    rows = "\n".join(
        f"<tr><th>{escape(difference.method)}</th><td>{escape(difference.other)}</td>"
        f"<td>{difference.gain.mean:+.3f}<small>[{difference.gain.low:+.3f}, "
        f"{difference.gain.high:+.3f}]</small></td><td>{difference.verdict}</td></tr>"
        for difference in differences(results)
    )
    if not rows:
        return ""
    return (
        "<h2>The methods of this package against the best other one</h2>\n"
        '<p class="note">Difference in comprehensiveness, text by text: the mean over the texts '
        "and its 95 % interval. Above zero, the method of this package is better.</p>\n"
        '<div class="scroll"><table>\n<thead><tr><th>method</th><th>against</th>'
        f"<th>difference</th><th>it is</th></tr></thead>\n<tbody>\n{rows}\n</tbody></table></div>"
    )


def _post_section(examples: Sequence[Result], methods: Sequence[Result]) -> str:
    findings = reproduction(examples)
    return "\n".join(
        [
            "<h2>The nine sentences of the post</h2>",
            f"<p>{_POST} They stand in the first line of each, above those of this classifier; "
            "ρ is the rank correlation with the printed scores.</p>",
            _list(findings),
            _legend(),
            *_cards(examples, methods),
        ]
    )


def _legend() -> str:
    return legend_html("against", "for") + (
        '<p class="note">For or against the predicted class; in the lines of hidden-state delta, '
        "towards the state in which the text ended or away from it. Each line has its own scale: "
        "its strongest score has the full colour, white is 0. Point at a word to see its "
        "number.</p>"
    )


def _cards(examples: Sequence[Result], methods: Sequence[Result]) -> list[str]:
    return [_card(number, example, methods) for number, example in enumerate(examples, start=1)]


def _card(number: int, example: Result, methods: Sequence[Result]) -> str:
    rows = []
    if example["printed"]:
        printed = example["printed"]
        rows.append(
            _line("printed", "as printed in 2017", "", printed["tokens"], printed["scores"])
        )
    for method in methods:
        scores = example["scores"].get(method["name"])
        if scores is not None:
            correlation = (example["rank_correlation"] or {}).get(method["name"])
            note = "" if correlation is None else f"ρ {correlation:+.2f}"
            kind = "ours" if is_ours(method) else "other"
            rows.append(_line(kind, method["label"], note, example["tokens"], scores))
    prediction = (
        f'{number}. <span class="prediction">predicted {escape(str(example["predicted_class"]))}, '
        f"probability {example['probability']:.2f}</span>"
    )
    if example["note"]:
        rows.append(f'<p class="note">{escape(example["note"])}</p>')
    return f'<article class="example"><h3>{prediction}</h3>\n' + "\n".join(rows) + "</article>"


def _line(
    kind: str, label: str, note: str, tokens: Sequence[str], scores: Sequence[float | None]
) -> str:
    numbers = [float("nan") if score is None else score for score in scores]
    small = f" <small>{note}</small>" if note else ""
    return (
        f'<div><span class="method {kind}">{escape(label)}{small}</span>'
        f"{tokens_html(tokens, numbers)}</div>"
    )


def _footer(results: Result) -> str:
    facts = {
        "Versions": ", ".join(f"{name} {number}" for name, number in results["versions"].items()),
        "Machine": ", ".join(f"{key} {_plain(value)}" for key, value in results["machine"].items()),
        "Seed": _plain(results["seed"]),
        "Date": _plain(results["created"]),
    }
    entries = "".join(f"<dt>{name}</dt><dd>{escape(value)}</dd>" for name, value in facts.items())
    return f'<h2>What it ran on</h2>\n<dl class="note">{entries}</dl>'


def _plain(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3f}"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_plain, value))
    return str(value)


def _list(sentences: Sequence[str]) -> str:
    return "<ul>" + "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences) + "</ul>"
