"""What the numbers of the report say, and what they cannot say."""

from html import escape

from captum_rnn.benchmark.measures import MEASURES
from captum_rnn.benchmark.report.columns import Result, measured

_COST = """<dt>× one forward</dt><dd>Time of the method over the time of one bare forward pass of
the same texts, measured beside it. What a method learns from other texts beforehand is not
counted.</dd>
<dt>Intervals</dt><dd>95 % bootstrap intervals over the texts. All methods were measured on the same
texts, so the difference of two is surer than their intervals suggest; ≈ marks a method whose
difference from the best cannot be told from none.</dd>"""

_LIMITS = """<ul>
<li>Removing words hardly separates good methods: what a review says is mostly said by single words,
whatever their context, and a fixed score for each word comes close to the best. Small gaps at the
top are no ranking; texts whose right answer is known tell more.</li>
<li>A text without its words is no text that the classifier was trained on.</li>
<li>The tasks with a known answer are small and made up: who is right there has the mechanism right,
not every review.</li>
<li>The L2 score of the hidden-state delta, like its projection, never looks at the class: it says
which words brought the state to where it ended, not which words speak for the class. In many
dimensions a norm is also a poor measure of approach, which the projection does without.</li>
<li>Scores without sign, such as the norm of a gradient, say how sensitive the classifier is to a
word, not what the word speaks for. Their order is compared with the size of the leave-one-out
effects.</li>
<li>Agreement with people is not faithfulness: a classifier may be right for reasons of its own.
</li>
<li>One classifier of one seed on one corpus. Intervals are over its texts, not over classifiers.
</li>
</ul>"""


def how_to_read(results: Result) -> str:
    """Every measure of the results in words, and the limits of all of them."""
    keys = {key for method in measured(results) for key in method["measures"]}
    entries = "\n".join(
        f"<dt>{escape(_capital(measure.heading))}</dt><dd>{escape(measure.explanation)}"
        f"{f' {_capital(measure.better)} is better.' if measure.better else ''}</dd>"
        for key, measure in MEASURES.items()
        if key in keys
    )
    return (
        '<h2>How to read it</h2>\n<div class="columns"><div><h3>What the numbers say</h3>\n'
        f"<dl>\n{entries}\n{_COST}\n</dl></div>\n"
        f"<div><h3>What they cannot say</h3>\n{_LIMITS}</div></div>"
    )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
