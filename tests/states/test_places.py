"""Which token each step read, held against what changes in the step when the token is changed."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.rnn import (
    PackedSequence,
    pack_padded_sequence,
    pack_sequence,
    pad_packed_sequence,
    pad_sequence,
)

from captum_rnn.states import tracing
from captum_rnn.states.packing import pack_tokens
from placing import pairs_of, placed

ROWS, TIME, WIDTH = 3, 6, 4
LENGTHS = torch.tensor([4, 6, 2])
ORDER = LENGTHS.argsort(descending=True)
START = torch.randn(WIDTH, generator=torch.Generator().manual_seed(1))


class Before(nn.Module):
    """What may stand before a layer."""

    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(ROWS * TIME + 1, WIDTH)
        self.linear, self.norm = nn.Linear(WIDTH, 5), nn.LayerNorm(WIDTH)
        self.pooled = nn.Conv1d(WIDTH, 5, 2, stride=2)
        self.around = nn.Conv1d(WIDTH, 5, 3, padding=1)
        self.attention = nn.MultiheadAttention(WIDTH, 2, batch_first=True)
        self.positions = nn.Parameter(torch.randn(TIME, WIDTH))


def pack(vectors, lengths=LENGTHS, enforce_sorted=False):
    return pack_padded_sequence(vectors, lengths, batch_first=True, enforce_sorted=enforce_sorted)


def shifted_ids(ids):
    shifted = ids.new_zeros(ids.shape)
    shifted[:, 1:] = ids[:, :-1]
    shifted[:, 0] = ROWS * TIME
    return shifted


def shifted_vectors(x):
    shifted = torch.zeros_like(x)
    shifted[:, 1:] = x[:, :-1]
    return shifted


def in_place(x, m):
    x += m.positions
    x.mul_(2.0)
    return x


ONE_TOKEN_A_STEP = {
    "plain": lambda m, ids: m.words(ids),
    "dropped out": lambda m, ids: F.dropout(m.words(ids), 0.5, training=False),
    "normed, with positions": lambda m, ids: m.norm(m.words(ids) + m.positions),
    "changed in place": lambda m, ids: in_place(m.words(ids), m),
    "not linear": lambda m, ids: torch.sigmoid(m.linear(m.words(ids))),
    "relu": lambda m, ids: torch.relu(m.words(ids) - 5.0),
    "ids looked up in the weights": lambda m, ids: m.words.weight[ids],
    "one-hot": lambda m, ids: F.one_hot(ids, ROWS * TIME + 1).double() @ m.words.weight,
    "reversed": lambda m, ids: m.words(ids).flip(1),
    "reversed ids": lambda m, ids: m.words(torch.flip(ids, [1])),
    "reversed by an index": lambda m, ids: m.words(ids)[:, torch.arange(TIME - 1, -1, -1)],
    "each row reversed": lambda m, ids: m.words(ids).gather(
        1, (LENGTHS[:, None] - 1 - torch.arange(TIME)).remainder(TIME)[..., None].expand(-1, -1, 4)
    ),
    "first dropped": lambda m, ids: m.words(ids[:, 1:]),
    "last dropped": lambda m, ids: m.words(ids)[:, :-1],
    "start put before": lambda m, ids: torch.cat([START.expand(ROWS, 1, -1), m.words(ids)], 1),
    "shifted": lambda m, ids: torch.cat([START.expand(ROWS, 1, -1), m.words(ids)[:, :-1]], 1),
    "shifted ids": lambda m, ids: m.words(shifted_ids(ids)),
    "shifted vectors": lambda m, ids: shifted_vectors(m.words(ids)),
    "padded in front": lambda m, ids: F.pad(m.words(ids), (0, 0, 2, 0)),
    "ids padded": lambda m, ids: m.words(F.pad(ids, (1, 1), value=ROWS * TIME)),
    "unknown ids": lambda m, ids: m.words(torch.where(ids > 3 * 6 + 1, 0, ids).clamp(max=18)),
    "another type": lambda m, ids: m.words(ids.int().to(torch.int64).contiguous()),
    "trimmed": lambda m, ids: m.words(ids[:, :4]),
    "packed": lambda m, ids: pack(m.words(ids)),
    "packed, time first": lambda m, ids: pack_padded_sequence(
        m.words(ids.t()), LENGTHS, enforce_sorted=False
    ),
    "sorted and packed": lambda m, ids: pack(m.words(ids)[ORDER], LENGTHS[ORDER], True),
    "sorted ids, packed": lambda m, ids: pack(m.words(ids[ORDER]), LENGTHS[ORDER], True),
    "selected, packed": lambda m, ids: pack(m.words(ids).index_select(0, ORDER), LENGTHS[ORDER]),
    "first dropped, packed": lambda m, ids: pack(m.words(ids)[:, 1:], LENGTHS - 1),
    "normed, reversed, packed": lambda m, ids: pack(torch.tanh(m.norm(m.words(ids))).flip(1)),
    "packed, normed": lambda m, ids: (p := pack(m.words(ids)))._replace(data=m.norm(p.data).exp()),
    "a list of rows": lambda m, ids: pack_sequence(
        [m.words(row[:n]) for row, n in zip(ids, LENGTHS.tolist(), strict=True)],
        enforce_sorted=False,
    ),
    "padded rows": lambda m, ids: pad_sequence(
        [x[:n] for x, n in zip(m.words(ids), LENGTHS, strict=True)], batch_first=True
    ),
    "unpacked": lambda m, ids: pad_packed_sequence(pack(m.words(ids)), batch_first=True)[0].sin(),
    "tokens packed": lambda m, ids: pack_tokens(m.words(ids), ids % 3 > 0),
    "split into rows": lambda m, ids: m.words(ids).reshape(ROWS * 2, TIME // 2, WIDTH),
    "ids split into rows": lambda m, ids: m.words(ids.view(-1, TIME // 2)),
    "rows in one": lambda m, ids: m.words(ids.reshape(1, -1)),
    "pieces pooled": lambda m, ids: m.words(ids).view(ROWS, TIME // 2, 2, WIDTH).mean(2),
    "strided": lambda m, ids: m.pooled(m.words(ids).transpose(1, 2)).transpose(1, 2),
    "added up": lambda m, ids: m.words(ids)[:, ::2] + m.words(ids[:, 1::2]),
    "side by side": lambda m, ids: torch.cat([m.words(ids), m.words(ids).sin()], -1),
    "without gradient": torch.no_grad()(lambda m, ids: pack(m.words(ids).flip(1))),
}
TIME_FIRST = {
    "turned round": lambda m, ids: m.words(ids).transpose(0, 1),
    "turned ids": lambda m, ids: m.words(ids.t()),
    "copied, turned ids": lambda m, ids: m.words(ids.t().contiguous()).tanh(),
}
MIXED = {
    "convolution": lambda m, ids: m.around(m.words(ids).transpose(1, 2)).transpose(1, 2),
    "attention": lambda m, ids: m.attention(*[m.words(ids)] * 3, need_weights=False)[0],
    "sums so far": lambda m, ids: m.words(ids).cumsum(1),
    "sums of the last two": lambda m, ids: torch.cat(
        [m.words(ids)[:, :-2], m.words(ids)[:, -2:].cumsum(1)], 1
    ),
    "one step of all": lambda m, ids: m.words(ids) - m.words(ids).mean(1, keepdim=True),
}


@pytest.fixture(params=["together", "apart"])
def before(request, monkeypatch):
    if request.param == "apart":  # what autograd says of two tokens at a time
        monkeypatch.setattr(tracing, "_NUMBERS_IN_CACHE", 2 * WIDTH)
    torch.manual_seed(0)
    return Before().double()


def ids_of_their_own():
    return torch.randperm(ROWS * TIME).view(ROWS, TIME)


def in_grid(read, batch_first):
    """Vectors (rows, time, features)."""
    if isinstance(read, PackedSequence):
        return pad_packed_sequence(read, batch_first=True)[0]
    return read if batch_first else read.transpose(0, 1)


def changed_steps(forward, batch_first, change):
    """The steps (rows · time,) that change."""
    before = in_grid(forward(), batch_first)
    with change():
        after = in_grid(forward(), batch_first)
    return (before != after).any(-1).flatten().nonzero().flatten().tolist()


@pytest.mark.parametrize("name", [*ONE_TOKEN_A_STEP, *TIME_FIRST])
def test_steps_read_the_tokens_that_change_them(before, name):
    batch_first, ids = name in ONE_TOKEN_A_STEP, ids_of_their_own()
    forward = {**ONE_TOKEN_A_STEP, **TIME_FIRST}[name]
    expected = []
    for token, word in enumerate(ids.flatten().tolist()):
        vector = before.words.weight.data[word].clone()
        with torch.no_grad():
            grid = in_grid(forward(before, ids), batch_first)
            before.words.weight.data[word] += torch.rand(WIDTH)
            other = in_grid(forward(before, ids), batch_first)
            before.words.weight.data[word] = vector
        changed = (grid != other).any(-1).flatten().nonzero().flatten().tolist()
        expected += [(token, step) for step in changed]
    placement = placed((ids,), lambda ids: forward(before, ids), batch_first)
    assert placement.mixed == ()
    if name == "relu":  # all features are dead, and yet their places are known
        expected = [(token, token) for token in range(ROWS * TIME)]
    if name == "unknown ids":  # a token that is replaced is read as well
        assert set(expected) <= set(pairs_of(placement))
        expected = [(token, token) for token in range(ROWS * TIME)]
    assert pairs_of(placement) == expected


@pytest.mark.parametrize("name", MIXED)
def test_steps_that_read_several_tokens_which_others_read_too(before, name):
    placement = placed((ids_of_their_own(),), lambda ids: MIXED[name](before, ids))
    assert placement.mixed == (0,)
    assert pairs_of(placement) == []


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("shape", [(2, 3, 5), (2, 4, 4)])
def test_series_with_channels_before_time(shape, dtype):
    series = torch.randn(shape).to(dtype)
    placement = placed((series,), lambda x: x.transpose(1, 2))
    assert placement.axes == ((0, 2),)
    tokens = shape[0] * shape[2]
    assert pairs_of(placement) == [(number, number) for number in range(tokens)]


def test_float_inputs_of_two_and_four_axes():
    univariate = placed((torch.randn(2, 5),), lambda x: x.unsqueeze(-1).flip(1))
    assert pairs_of(univariate) == [(5 * r + t, 5 * r + 4 - t) for r in range(2) for t in range(5)]
    documents = placed((torch.randn(2, 3, 4, 5),), lambda x: x.flatten(0, 1).sin())
    assert documents.axes == ((0, 1, 2),)
    assert pairs_of(documents) == [(number, number) for number in range(24)]


def test_several_inputs_and_calls(before):
    first, second = ids_of_their_own()[:2], ids_of_their_own()[1:]
    turned = placed((first, second), lambda a, b: [before.words(b), before.words(a)])
    numbers = range(2 * TIME)
    assert pairs_of(turned, 0) == [(number, 2 * TIME + number) for number in numbers]
    assert pairs_of(turned, 1) == [(number, number) for number in numbers]
    stacked = placed((first, second), lambda a, b: before.words(torch.cat([a, b])).exp())
    assert pairs_of(stacked, 1) == [(number, 2 * TIME + number) for number in numbers]
    single = placed((first,), lambda a: [step.exp() for step in before.words(a).unbind(1)])
    assert pairs_of(single) == [(r * TIME + t, 2 * t + r) for r in range(2) for t in range(TIME)]
    twice = placed((first,), lambda a: [before.words(a).exp(), before.words(a).flip(1).exp()])
    assert len(pairs_of(twice)) == 4 * TIME
    assert twice.mixed == ()


def test_ids_that_are_looked_up_in_a_table_keep_their_places(before):
    table = torch.randperm(1 + int(ids_of_their_own().max()))
    for look_up in (
        lambda ids: table[ids],
        lambda ids: table.index_select(0, ids.flatten()).view(ids.shape),
        lambda ids: table.expand(len(ids), -1).gather(1, ids),
    ):
        flipped = placed((ids_of_their_own(),), lambda ids, f=look_up: before.words(f(ids).flip(1)))
        assert pairs_of(flipped) == [
            (r * TIME + t, r * TIME + TIME - 1 - t) for r in range(ROWS) for t in range(TIME)
        ]


def test_scores_of_steps_go_to_the_tokens_that_were_read(before):
    ids = ids_of_their_own()
    flipped = placed((ids,), lambda ids: before.words(ids).flip(1))
    scores = torch.randn(ROWS * TIME)
    (at_tokens,) = flipped.at_tokens(scores)
    assert torch.equal(at_tokens, scores.view(ROWS, TIME).flip(1))
    pooled = placed((ids,), lambda ids: before.words(ids).view(ROWS, 3, 2, WIDTH).mean(2))
    (shared,) = pooled.at_tokens(scores[:9])
    assert torch.equal(shared, (scores[:9].view(ROWS, 3) / 2).repeat_interleave(2, 1))
    (dropped,) = placed((ids,), lambda ids: before.words(ids)[:, 1:]).at_tokens(scores[:15])
    assert torch.equal(dropped, F.pad(scores[:15].view(ROWS, 5), (1, 0)))


def test_nothing_is_left_of_following(before):
    ids, state = ids_of_their_own(), torch.random.get_rng_state()
    placed((ids,), lambda ids: before.words(ids).exp())
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(weight.grad is None for weight in before.parameters())
    series = torch.randn(2, 3, 4)
    placed((series,), lambda x: x.exp())
    assert not series.requires_grad
