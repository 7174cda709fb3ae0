"""What a model answers if all states stay as they were before the first token."""

import pytest
import torch
from torch.nn.utils.rnn import pack_padded_sequence

import reference
from captum_rnn.states.rest import read_at_rest

TOKENS = torch.randn(2, 4, 3, generator=torch.Generator().manual_seed(0))


LENGTHS = torch.tensor([2, 4])


def hooks(layer):
    return len(layer._forward_hooks) + len(layer._forward_pre_hooks)


def make(kind="lstm", **options):
    return reference.make_layer(kind, 3, 5, **options)


class TestReadAtRest:
    @pytest.mark.parametrize("packed", [False, True])
    @pytest.mark.parametrize("with_initial_state", [False, True])
    @pytest.mark.parametrize("kind", reference.KINDS)
    @pytest.mark.parametrize("batch_first", [False, True])
    def test_every_state_is_the_initial_one(self, kind, batch_first, with_initial_state, packed):
        layer = make(kind, batch_first=batch_first, num_layers=2, bidirectional=True)
        initial = reference.make_initial_state(layer, 2) if with_initial_state else None
        fed = TOKENS if batch_first else TOKENS.transpose(0, 1)
        if packed:
            fed = pack_padded_sequence(fed, LENGTHS, batch_first, enforce_sorted=False)
        outputs, final = read_at_rest([layer], lambda: layer(fed, initial))
        real_outputs, real_final = layer(fed, initial)
        expected = real_final
        if initial is None:
            zeros = torch.zeros_like
            one = not isinstance(real_final, tuple)
            expected = zeros(real_final) if one else tuple(map(zeros, real_final))
        else:
            expected = initial
        torch.testing.assert_close(final, expected, rtol=0, atol=0)
        hidden = expected[0] if isinstance(expected, tuple) else expected
        top = torch.cat([hidden[2], hidden[3]], 1)
        if packed:
            assert outputs.data.shape == real_outputs.data.shape
            outputs, ends = torch.nn.utils.rnn.pad_packed_sequence(outputs, batch_first=True)
            assert torch.equal(ends, LENGTHS)
            assert torch.equal(outputs[0, :2], top[0].expand(2, -1))
            assert torch.equal(outputs[1], top[1].expand(4, -1))
        else:
            outputs = outputs if batch_first else outputs.transpose(0, 1)
            assert torch.equal(outputs, top.unsqueeze(1).expand(-1, 4, -1))
        assert hooks(layer) == 0

    def test_an_unbatched_call(self):
        layer, initial = make("gru"), torch.randn(1, 5)
        outputs, final = read_at_rest([layer], lambda: layer(TOKENS[0], initial))
        assert torch.equal(outputs, initial.expand(4, -1))
        assert torch.equal(final, initial)
