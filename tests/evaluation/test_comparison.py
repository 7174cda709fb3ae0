import math
import string

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from captum_rnn.evaluation.comparison import _groups, compare_methods, paired_difference
from captum_rnn.evaluation.interval import mean_interval


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_the_paired_difference_is_the_interval_of_the_differences() -> None:
    first, second = normal(2, 30)
    first[3], second[7] = math.nan, math.nan
    both = ~(first - second).isnan()
    found = paired_difference(first, second, seed=4)
    expected = mean_interval((first - second)[both], seed=4)
    assert (found.mean, found.low, found.high) == (expected.mean, expected.low, expected.high)
    assert (found.texts, found.left_out) == (28, 2)


def test_pairing_sees_what_separate_intervals_hide() -> None:
    """A constant gain of .1 between texts that differ by much more."""
    first = normal(50)
    found = paired_difference(first + 0.1, first, seed=0)
    assert found.low == pytest.approx(0.1)
    assert found.high == pytest.approx(0.1)


def test_values_of_other_texts_are_refused() -> None:
    with pytest.raises(ValueError, match=r"shapes \(3,\) and \(2,\)"):
        paired_difference(torch.ones(3), torch.ones(2), seed=0)
    with pytest.raises(ValueError, match=r"shapes \[\(2,\), \(3,\)\]"):
        compare_methods({"a": torch.ones(3), "b": torch.ones(2)}, seed=0)


def test_every_pair_has_the_interval_of_its_paired_difference() -> None:
    """Two ways to the same resampling: ends agree to a few standard errors of a quantile."""
    values = dict(
        zip("abcd", normal(4, 60) + torch.tensor([[0.0], [0.3], [0.6], [0.7]]), strict=True)
    )
    values["b"][:20] = math.nan
    found = compare_methods(values, seed=0)
    for row, one in enumerate(found.names):
        for column, other in enumerate(found.names):
            pair = paired_difference(values[one], values[other], seed=1)
            assert found.difference[row, column].item() == pytest.approx(pair.mean)
            assert found.low[row, column].item() == pytest.approx(pair.low, abs=0.02)
            assert found.high[row, column].item() == pytest.approx(pair.high, abs=0.02)


def test_matrices_mirror() -> None:
    found = compare_methods(dict(zip("abc", normal(3, 20), strict=True)), seed=0)
    assert torch.equal(found.difference, -found.difference.T)
    assert torch.equal(found.low, -found.high.T)
    assert (found.low <= found.difference).all()


def test_the_best_and_its_equals() -> None:
    noise = normal(3, 200)
    values = {"low": noise[0] - 2, "high": 0.01 * noise[1], "even": 0.01 * noise[2]}
    found = compare_methods(values, seed=0)
    assert set(found.tied_with_best) == {"high", "even"}
    assert found.names[-1] == "low"
    assert found.letters == {found.names[0]: "a", found.names[1]: "a", "low": "b"}
    lowest = compare_methods(values, seed=0, higher_is_better=False)
    assert lowest.names[0] == "low"
    assert lowest.tied_with_best == ("low",)


def test_equal_methods_are_told_apart_as_often_as_the_level_says() -> None:
    """Of 300 pairs of equal methods about 5 % are: 15, binomial standard deviation 3.8."""
    values = {str(method): row for method, row in enumerate(normal(25, 200, seed=3))}
    found = compare_methods(values, seed=0)
    apart = ((found.low > 0) | (found.high < 0)).triu().sum().item()
    assert 3 <= apart <= 40  # pairs share methods, so the spread is wider than binomial


def test_a_method_without_values_leaves_the_others_alone() -> None:
    first, second = normal(2, 30)
    with_broken = compare_methods(
        {"a": first, "broken": torch.full((30,), math.nan), "b": second}, seed=0
    )
    without = compare_methods({"a": first, "b": second}, seed=0)
    assert with_broken.left_out == ("broken",)
    assert torch.equal(with_broken.low, without.low)
    assert with_broken.letters == without.letters


def test_methods_without_common_texts_cannot_be_told_apart() -> None:
    values = {
        "a": torch.tensor([5.0, 5.0, math.nan, math.nan]),
        "b": torch.tensor([math.nan, math.nan, 1.0, 1.0]),
    }
    found = compare_methods(values, seed=0)
    assert found.low[0, 1].isnan()
    assert found.letters == {"a": "a", "b": "a"}


def test_nothing_to_compare_is_refused() -> None:
    with pytest.raises(ValueError, match="no method has a value"):
        compare_methods({"a": torch.full((3,), math.nan)}, seed=0)
    with pytest.raises(ValueError, match="one or more methods"):
        compare_methods({}, seed=0)


def test_the_seed_decides() -> None:
    values = dict(zip("ab", normal(2, 30), strict=True))
    assert torch.equal(compare_methods(values, seed=1).low, compare_methods(values, seed=1).low)
    assert not torch.equal(compare_methods(values, seed=1).low, compare_methods(values, seed=2).low)


@given(st.integers(1, 7), st.integers(0, 2**21 - 1))
def test_groups_are_the_maximal_sets_of_equals(methods: int, bits: int) -> None:
    apart = np.zeros((methods, methods), dtype=bool)
    pairs = list(zip(*np.triu_indices(methods, k=1), strict=True))
    for place, (one, other) in enumerate(pairs):
        apart[one, other] = apart[other, one] = bool(bits >> place & 1)

    subsets = [{k for k in range(methods) if number >> k & 1} for number in range(1, 2**methods)]
    equals = [s for s in subsets if not any(apart[i, j] for i in s for j in s)]
    maximal = [tuple(sorted(s)) for s in equals if not any(s < other for other in equals)]

    assert _groups(apart) == sorted(maximal)


def test_letters_go_on_after_z() -> None:
    steps = {str(k): torch.full((3,), float(-k)) for k in range(28)}
    letters = compare_methods(steps, seed=0).letters
    assert [letters[str(k)] for k in range(26)] == list(string.ascii_lowercase)
    assert (letters["26"], letters["27"]) == ("a1", "b1")
