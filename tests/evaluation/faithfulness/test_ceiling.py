import itertools

import pytest
import torch

from captum_rnn.evaluation.faithfulness.ceiling import best_order


def worth(table, order, counts):
    return sum(table[frozenset(order[:count])] for count in counts)


def random_table(tokens, seed):
    """A worth for every set, without any rule."""
    generator = torch.Generator().manual_seed(seed)
    sets = [
        frozenset(chosen)
        for size in range(1, tokens + 1)
        for chosen in itertools.combinations(range(tokens), size)
    ]
    return dict(zip(sets, torch.randn(len(sets), generator=generator).tolist(), strict=True))


def value_of(table):
    return lambda sets: torch.tensor(
        [table[frozenset(row.nonzero().flatten().tolist())] for row in sets]
    )


@pytest.mark.parametrize("counts", [[1], [3], [1, 1, 2, 4], [2, 5]])
@pytest.mark.parametrize("seed", range(3))
def test_a_wide_search_finds_the_best_of_all_orders(counts, seed):
    table = random_table(5, seed)
    found = best_order(value_of(table), 5, counts, width=10)  # ten sets of two and of three
    best = max(worth(table, order, counts) for order in itertools.permutations(range(5)))
    assert len(found) == len(set(found)) == max(counts)
    assert worth(table, found, counts) == pytest.approx(best)


def test_a_narrow_search_is_the_greedy_one_where_worths_add():
    weights = torch.tensor([0.1, -2.0, 3.0, 1.0])
    order = best_order(lambda sets: sets.float() @ weights, 4, [1, 2, 3], width=1)
    assert order == [2, 3, 0]


@pytest.mark.parametrize(("counts", "width"), [([], 1), ([0], 1), ([4], 1), ([1], 0)])
def test_sizes_that_cannot_be(counts, width):
    with pytest.raises(ValueError, match="sizes from 1 to 3"):
        best_order(lambda sets: sets.sum(1), 3, counts, width=width)
