"""What a hook on a recurrent layer makes of a call."""

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pack_sequence

from captum_rnn.states.calls import layer_call, split_answer

TOKENS, STATE = torch.randn(2, 4, 3), torch.randn(1, 2, 5)


@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize("tokens", [TOKENS, pack_sequence([TOKENS[0], TOKENS[1]])])
def test_inputs_and_states_are_kept_as_they_are(named, tokens):
    layer = nn.LSTM(3, 5, batch_first=True)
    initial = (STATE, -STATE)
    answer = layer(tokens, initial)
    given = {"input": tokens, "hx": initial}
    call = layer_call(layer, () if named else tuple(given.values()), given if named else {}, answer)
    assert call.input is tokens
    assert all(a is b for a, b in zip(call.initial, initial, strict=True))
    assert call.output is answer[0]
    assert all(a is b for a, b in zip(call.final, answer[1], strict=True))


def test_one_state_becomes_a_tuple_and_none_stays_none():
    layer = nn.GRU(3, 5, batch_first=True)
    answer = layer(TOKENS)
    call = layer_call(layer, (TOKENS,), {}, answer)
    assert call.initial is None
    assert call.final == (answer[1],)
    assert layer_call(layer, (TOKENS, STATE), {}, layer(TOKENS, STATE)).initial == (STATE,)


@pytest.mark.parametrize(
    ("args", "answer"), [((TOKENS,), TOKENS), ((TOKENS,), (TOKENS,)), (("text",), (TOKENS, STATE))]
)
def test_a_call_unlike_torch(args, answer):
    with pytest.raises(TypeError, match=r"GRU was called or answered unlike the torch layer"):
        layer_call(nn.GRU(3, 5), args, {}, answer)


def test_a_packed_answer_of_another_layer_is_named():
    packed = pack_padded_sequence(torch.randn(2, 3, 4), torch.tensor([3, 2]), batch_first=True)
    for answer in (packed, (packed, torch.zeros(2, 4))):
        with pytest.raises(TypeError, match=r"answered with PackedSequence.*padded sequences"):
            split_answer(nn.Identity(), answer)
