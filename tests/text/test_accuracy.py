import math

import pytest

from captum_rnn.text.accuracy import Accuracy


@pytest.mark.parametrize(("correct", "total"), [(90, 100), (0, 7), (7, 7), (1441, 1736)])
def test_interval_is_the_closed_form_of_wilson(correct, total):
    z, p = 1.959963984540054, correct / total
    centre = (p + z**2 / (2 * total)) / (1 + z**2 / total)
    half = z / (1 + z**2 / total) * math.sqrt(p * (1 - p) / total + z**2 / (4 * total**2))
    accuracy = Accuracy(correct, total)
    assert accuracy.value == p
    assert accuracy.interval == pytest.approx((centre - half, centre + half), abs=1e-12)


def test_figures_for_json():
    figures = Accuracy(90, 100).to_dict()
    assert figures == {
        "accuracy": 0.9,
        "low": pytest.approx(0.8256, abs=1e-4),
        "high": pytest.approx(0.9448, abs=1e-4),
        "texts": 100,
    }


@pytest.mark.parametrize(("correct", "total"), [(0, 0), (3, 2), (-1, 5)])
def test_impossible_counts(correct, total):
    with pytest.raises(ValueError, match=f"{correct} of {total} texts are right"):
        Accuracy(correct, total)
