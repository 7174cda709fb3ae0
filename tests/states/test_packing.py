"""Tokens left out before packing."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from captum_rnn import pack_tokens
from captum_rnn.states.packing import padded


@given(st.lists(st.lists(st.booleans(), min_size=4, max_size=4), min_size=1, max_size=5))
@settings(max_examples=50)
def test_the_marked_tokens_are_packed_in_order(mask):
    read = torch.tensor(mask)
    embedded = torch.arange(1.0, 1 + read.numel()).reshape(*read.shape, 1)
    tokens = pack_tokens(embedded, read)
    padded, lengths = pad_packed_sequence(tokens, batch_first=True)
    for row, marks in enumerate(mask):
        expected = embedded[row, torch.tensor(marks)].flatten().tolist()
        if not any(marks):  # torch cannot pack an empty row
            expected = [embedded[row, 0].item()]
        assert padded[row, : lengths[row]].flatten().tolist() == expected
    assert tokens.read is read


def test_final_states_come_back_in_the_order_of_the_batch():
    layer = nn.GRU(3, 4, batch_first=True)
    embedded = torch.randn(2, 5, 3)
    read = torch.tensor([[False, True, False, False, False], [True, True, False, True, True]])
    _, final = layer(pack_tokens(embedded, read))
    for row in range(2):
        alone = layer(embedded[row, read[row]])[1]
        torch.testing.assert_close(final[:, row], alone)


def test_gradients_reach_the_marked_tokens_only():
    embedded = torch.ones(1, 3, 2, requires_grad=True)
    pack_tokens(embedded, torch.tensor([[True, False, True]])).data.sum().backward()
    assert embedded.grad[0, :, 0].tolist() == [1.0, 0.0, 1.0]


@pytest.mark.parametrize("read", [torch.ones(2, 4), torch.ones(2, 3, dtype=torch.bool)])
def test_a_mask_that_does_not_fit(read):
    with pytest.raises(ValueError, match=r"expected a boolean mask of shape .* = \(2, 4\)"):
        pack_tokens(torch.ones(2, 4, 3), read)


@given(st.lists(st.integers(1, 6), min_size=1, max_size=6), st.booleans())
@settings(max_examples=50)
def test_steps_are_padded_as_torch_pads_them(lengths, is_sorted):
    lengths = sorted(lengths, reverse=True) if is_sorted else lengths
    steps = torch.randn(len(lengths), max(lengths), 3)
    packed = pack_padded_sequence(
        steps, torch.tensor(lengths), batch_first=True, enforce_sorted=is_sorted
    )
    found, expected = padded(packed), pad_packed_sequence(packed, batch_first=True)
    assert all(map(torch.equal, found, expected))
