"""Tokens and scores for the eye: HTML, terminal text, heat maps, charts of a comparison.

Nothing here knows a model. Every picture takes tokens with one score each, shows what does not
print by a sign that does, and paints scores on one diverging scale that the colour-blind can read.
"""

from captum_rnn.visualization.colours import score_colour
from captum_rnn.visualization.fonts import readable_text
from captum_rnn.visualization.heat_map import heat_map_html, heat_map_svg, save_heat_map
from captum_rnn.visualization.html import legend_html, page, tokens_html
from captum_rnn.visualization.series import prediction_heat_map, series_heat_map
from captum_rnn.visualization.terminal import tokens_text

__all__ = [
    "heat_map_html",
    "heat_map_svg",
    "legend_html",
    "page",
    "prediction_heat_map",
    "readable_text",
    "save_heat_map",
    "score_colour",
    "series_heat_map",
    "tokens_html",
    "tokens_text",
]
