import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from captum_rnn.text.batching import bucketed_batches, length_batches, pad_ids


@given(st.lists(st.lists(st.integers(1, 99), max_size=6), max_size=5))
def test_padding_adds_zeros_only_after_the_end(sequences):
    padded = pad_ids(sequences)
    assert padded.shape == (len(sequences), max([1, *map(len, sequences)]))
    assert padded.dtype == torch.long
    for row, sequence in zip(padded.tolist(), sequences, strict=True):
        assert row == sequence + [0] * (padded.shape[1] - len(sequence))


@given(st.lists(st.integers(0, 100), max_size=60), st.integers(1, 9), st.integers(0, 99))
def test_every_text_comes_once_and_a_seed_repeats(lengths, batch_size, seed):
    def batches():
        generator = torch.Generator().manual_seed(seed)
        return list(bucketed_batches(lengths, batch_size, generator))

    found = batches()
    assert sorted(place for batch in found for place in batch) == list(range(len(lengths)))
    assert sorted((len(batch) for batch in found), reverse=True) == [
        min(batch_size, len(lengths) - start) for start in range(0, len(lengths), batch_size)
    ]
    assert found == batches()


def test_batches_hold_texts_of_neighbouring_lengths():
    """Two batches' worth is sorted together, and either of them may come first."""
    lengths = torch.randperm(100).tolist()
    orders = set()
    for seed in range(20):
        batches = bucketed_batches(lengths, 50, torch.Generator().manual_seed(seed))
        first, second = (sorted(lengths[place] for place in batch) for batch in batches)
        assert sorted([first, second]) == [list(range(50)), list(range(50, 100))]
        orders.add(first < second)
    assert orders == {True, False}


@pytest.mark.parametrize("seed", [0, 1])
def test_texts_of_one_length_are_shuffled(seed):
    generator = torch.Generator().manual_seed(seed)
    (batch,) = bucketed_batches([4] * 50, 50, generator)
    assert batch != list(range(50))


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
