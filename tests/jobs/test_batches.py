import itertools

from hypothesis import given
from hypothesis import strategies as st

from captum_rnn.jobs.batches import length_batches


@given(lengths=st.lists(st.integers(1, 50)), budget=st.integers(1, 200))
def test_each_text_once_within_the_budget_and_by_length(lengths, budget):
    batches = list(length_batches(lengths, range(len(lengths)), budget))
    flat = [position for batch in batches for position in batch]
    assert sorted(flat) == list(range(len(lengths)))
    assert [lengths[position] for position in flat] == sorted(lengths)
    for batch in batches:
        assert len(batch) == 1 or len(batch) * lengths[batch[-1]] <= budget


@given(lengths=st.lists(st.integers(1, 50), min_size=2), budget=st.integers(1, 200))
def test_no_two_neighbouring_batches_would_fit_into_one_more_text(lengths, budget):
    batches = list(length_batches(lengths, range(len(lengths)), budget))
    for batch, following in itertools.pairwise(batches):
        assert (len(batch) + 1) * lengths[following[0]] > budget


def test_only_the_given_positions():
    assert list(length_batches([3, 9, 3, 1], [3, 0], 100)) == [[3, 0]]
