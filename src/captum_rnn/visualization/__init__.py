"""Tokens and scores for the eye: HTML, terminal text, a chart of faithfulness against cost.

Nothing here knows a model. Every picture takes tokens with one score each, shows what does not
print by a sign that does, and paints scores on one diverging scale that the colour-blind can read.
"""

from captum_rnn.visualization.colours import score_colour
from captum_rnn.visualization.html import legend_html, page, tokens_html
from captum_rnn.visualization.terminal import tokens_text

__all__ = ["legend_html", "page", "score_colour", "tokens_html", "tokens_text"]
