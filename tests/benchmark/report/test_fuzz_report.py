"""Hostile strings wherever a comparison takes them from texts, models and errors."""

import copy
import random
import warnings
from dataclasses import replace

from captum_rnn.benchmark.report import report_html
from hostile_strings import Structure, hostile


def renamed(comparison, names):
    """The comparison with other words for all that texts, models and errors say."""
    names = iter(names)
    changed = copy.deepcopy(comparison)
    for key, method in changed.methods.items():
        error = None if method.error is None else next(names)
        changed.methods[key] = replace(method, error=error)
    changed.model = replace(changed.model, classes=[next(names), next(names)])
    changed.examples = [
        replace(
            example,
            text=next(names),
            tokens=[next(names) for _ in example.tokens],
            predicted_class=next(names),
            note=None if example.note is None else next(names),
        )
        for example in changed.examples
    ]
    changed.missing = [next(names) for _ in changed.missing]
    return changed


def without_drawings(elements):
    """The elements of a page, those inside its drawings and soft line breaks left out."""
    kept, depth = [], 0
    for element in elements:
        depth += element[0] == "svg" if isinstance(element, tuple) else -(element == "/svg")
        if not depth and element not in (("wbr",), "/wbr"):
            kept.append(element)
    return kept


def test_no_string_adds_an_element_to_a_report(full_comparison, fuzz_seeds):
    plain = renamed(full_comparison, (f"w{number}" for number in range(99)))
    expected = without_drawings(Structure(report_html(plain)).elements)
    for seed in fuzz_seeds(2):
        comparison = renamed(full_comparison, hostile(random.Random(seed), 99))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of characters that no font has
            html = report_html(comparison)
        html.encode("utf-8")
        assert without_drawings(Structure(html).elements) == expected, seed
