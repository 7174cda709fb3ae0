import math
import re
from html.parser import HTMLParser

import pytest

from made_up_results import LOSING, failed, made_up_comparison, made_up_example, with_answers

POST = made_up_example(
    ["很", "<script>alert(1)</script>"],
    {"hidden-state-delta-l2": [0.25, 0.75], "saliency": [0.5, math.nan]},
    printed=(["很", "好"], [0.4, 0.6]),
    correlation={"hidden-state-delta-l2": 0.43, "saliency": math.nan},
    note="segmented <differently>",
)
REVIEW = made_up_example(["差"], {"random": [-0.125]}, source="corpus")


class Elements(HTMLParser):
    """What a page holds: its elements with their attributes, its text, and each table's cells."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.text, self.tables = [], "", []
        self._hidden, self._in_cell = False, False
        self.feed(html)

    @property
    def tags(self):
        return {tag for tag, _ in self.elements}

    @property
    def titles(self):
        return [attributes["title"] for _, attributes in self.elements if "title" in attributes]

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag in ("script", "style"):
            self._hidden = True
        if tag == "table":
            self.tables.append([])
        if tag == "tr":
            self.tables[-1].append([])
        if tag in ("td", "th"):
            self.tables[-1][-1].append("")
            self._in_cell = True

    def handle_endtag(self, tag):
        if tag in ("script", "style"):
            self._hidden = False
        if tag in ("td", "th"):
            self._in_cell = False

    def handle_data(self, data):
        if not self._hidden:
            self.text += data
        if self._in_cell:
            self.tables[-1][-1][-1] += data


@pytest.fixture
def read():
    return Elements


@pytest.fixture
def section():
    """The part of a report between one heading of the second rank, or fold, and the next."""
    begins = '(?:<h2>|<details class="part"><summary>)'

    def part(html, heading):
        return re.split(begins, re.split(begins + re.escape(heading), html)[1])[0]

    return part


@pytest.fixture
def deletion_comparison():
    """What `compare` gives for any classifier."""
    return made_up_comparison(examples=[POST, REVIEW])


@pytest.fixture
def full_comparison(deletion_comparison):
    """With a failed method and texts whose right answer is known."""
    deletion_comparison.methods["deep-lift"] = failed()
    return with_answers(
        deletion_comparison,
        top=dict.fromkeys(LOSING, 0.5) | {"saliency": 0.9, "random": 0.89},
        tasks={"reset": LOSING, "negation": {}},
    )
