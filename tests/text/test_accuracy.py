import pytest
from scipy import stats

from captum_rnn.text.accuracy import Accuracy


@pytest.mark.parametrize(("correct", "total"), [(90, 100), (0, 7), (7, 7), (1441, 1736)])
def test_interval_is_that_of_scipy(correct, total):
    expected = stats.binomtest(correct, total).proportion_ci(0.95, method="wilson")
    accuracy = Accuracy(correct, total)
    assert accuracy.value == correct / total
    assert accuracy.interval == pytest.approx((expected.low, expected.high), abs=1e-12)


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
