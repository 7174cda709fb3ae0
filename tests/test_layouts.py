"""The small set of layouts holds what it promises."""

import pytest

import layouts

ALL = list(layouts.OPTIONS)


@pytest.mark.parametrize("left_out", [None, *ALL])
def test_every_pair_of_options_is_in_the_small_set(left_out):
    names = [name for name in ALL if name != left_out]
    small, full = (
        {pair for each in configurations for pair in layouts.parts(each, 2)}
        for configurations in (layouts.covering(names), layouts.product(names))
    )
    assert small == full


def test_it_is_a_tenth_of_the_product_and_holds_most_triples():
    small, full = layouts.covering(ALL), layouts.product(ALL)
    assert len(small) == len(set(small)) == layouts.CONFIGURATIONS == len(full) / 10
    triples = [{part for each in c for part in layouts.parts(each, 3)} for c in (small, full)]
    assert triples[0] < triples[1]
    assert len(triples[0]) > 0.85 * len(triples[1])
