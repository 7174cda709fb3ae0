"""The report as a whole: its sections in the order in which they are read."""

from collections.abc import Sequence
from html import escape
from importlib.resources import files

from captum_rnn.benchmark.report.columns import Result, measured
from captum_rnn.benchmark.report.examples import examples_section
from captum_rnn.benchmark.report.explanations import how_to_read
from captum_rnn.benchmark.report.figures import correlations_section, cost_section, curves_section
from captum_rnn.benchmark.report.findings import headline
from captum_rnn.benchmark.report.tables import (
    agreement_section,
    differences_section,
    further_section,
    sanity_section,
    side_by_side,
)
from captum_rnn.visualization.html import page

_TITLE = "Which method explains it better, and at what cost?"


def report_html(results: Result) -> str:
    """The report of a comparison.

    Args:
        results: The answer of `captum_rnn.benchmark.compare` or of `full_comparison`.

    Returns:
        A self-contained HTML document, to be written as UTF-8. Everything in it that comes from
        the texts, the model or a method is escaped.
    """
    sections = [
        f"<h1>{_TITLE}</h1>",
        f'<p class="headline">{escape(headline(results))}</p>',
        f'<p class="note">{escape(" ".join(_subject(results)))}</p>',
        side_by_side(results),
        cost_section(results),
        curves_section(results),
        differences_section(results),
        further_section(results),
        sanity_section(results),
        agreement_section(results),
        correlations_section(results),
        how_to_read(results),
        examples_section(results),
        _ran_on(results),
    ]
    return page(
        _TITLE,
        "\n".join(filter(None, sections)),
        style=_resource("report.css"),
        script=_resource("sort.js"),
    )


def _subject(results: Result) -> list[str]:
    """What was explained: the classifier and the texts, in sentences."""
    subject = results["subject"]
    corpus = subject["trained_on"].get("corpus")
    trained = f", trained on {corpus}," if corpus else ""
    unseen = " that it was not trained on" if corpus else ""
    classifier = f"{subject['kind']} classifier" if subject["kind"] else "classifier"
    methods = len(measured(results))
    sentences = [
        f"{methods} method{'s' * (methods != 1)} explain{'s' * (methods == 1)} the class "
        f"({' or '.join(map(str, subject['classes']))}) that one {classifier}{trained} predicts "
        f"for {subject['texts']} texts{unseen}."
    ]
    if subject["accuracy"] is not None:
        sentences.append(f"It gets {100 * subject['accuracy']:.1f} % of them right.")
    sentences.append(
        f"A text has {subject['mean_words']:.0f} words on average, of which it knows "
        f"{subject['mean_known_words']:.0f}."
    )
    if subject["texts_cut"]:
        sentences.append(f"Longer than what it reads of a text: {subject['texts_cut']}.")
    if subject["texts_left_out"]:
        sentences.append(f"Left out, having no known word: {subject['texts_left_out']}.")
    return sentences


def _ran_on(results: Result) -> str:
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
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(_plain, value))
    return str(value)


def _resource(name: str) -> str:
    return files("captum_rnn.benchmark.report").joinpath(name).read_text(encoding="utf-8")
