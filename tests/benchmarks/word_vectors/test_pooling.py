import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.word_vectors import WordPooling

READ = st.integers(1, 6).flatmap(
    lambda time: st.lists(
        st.lists(st.booleans(), min_size=time, max_size=time), min_size=1, max_size=3
    )
)


@given(read=READ, pooling=st.sampled_from(["sum", "mean"]))
def test_a_text_has_the_pool_of_its_words_alone(read, pooling):
    read = torch.tensor(read)
    embedded = torch.randn(*read.shape, 3, dtype=torch.float64)
    pooled = WordPooling(pooling)(embedded, read)
    for row, words, known in zip(pooled, embedded, read, strict=True):
        alone = words[known]
        expected = alone.sum(0) if pooling == "sum" or len(alone) == 0 else alone.mean(0)
        torch.testing.assert_close(row, expected, rtol=0, atol=1e-12)


@given(read=READ, pooling=st.sampled_from(["sum", "mean"]))
def test_the_states_lead_from_zero_to_the_pool(read, pooling):
    read, pool = torch.tensor(read), WordPooling(pooling)
    embedded = torch.randn(*read.shape, 3, dtype=torch.float64)
    states = pool.states(embedded, read)
    assert states[:, 0].abs().max() == 0
    torch.testing.assert_close(states[:, -1], pool(embedded, read), rtol=0, atol=1e-12)
    assert states.diff(dim=1)[~read].abs().sum() == 0


def test_values_that_are_not_read_do_not_matter():
    embedded, read = torch.randn(1, 3, 2), torch.tensor([[True, False, True]])
    spoilt = embedded.clone()
    spoilt[0, 1] = float("nan")
    pool = WordPooling()
    assert torch.equal(pool(embedded, read), pool(spoilt, read))


def test_another_pooling():
    with pytest.raises(ValueError, match='pooling is \'max\'; expected "sum" or "mean"'):
        WordPooling("max")
