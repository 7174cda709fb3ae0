"""Models that do what people's models do around a layer."""

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations, prune
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

WORDS, WIDTH, HIDDEN = 60, 4, 5


class Model(nn.Module):
    """Word vectors, a layer and a head; `run(model, ids)` says what becomes of them."""

    def __init__(self, run, prepare=None, kind=nn.GRU, heads=1, **options):
        super().__init__()
        self.words = nn.Embedding(WORDS, WIDTH)
        is_cell = issubclass(kind, nn.RNNCellBase)
        self.layer = kind(WIDTH, HIDDEN, **({} if is_cell else {"batch_first": True, **options}))
        directions = 1 + bool(options.get("bidirectional"))
        self.head = nn.Linear(heads * directions * HIDDEN, 2)
        self.run = run
        self.double().eval()
        if prepare is not None:
            prepare(self)

    def forward(self, ids):
        return self.run(self, ids)

    def mean(self, vectors):
        return self.head(self.layer(vectors)[0].tanh().mean(1))

    def last(self, vectors):
        return self.head(self.layer(vectors)[1][-1])


def plain(model, ids):
    return model.mean(model.words(ids))


def lengths_of(ids):
    return (ids != 0).sum(1)


def both_ways(model, ids):
    vectors = model.words(ids)
    states = [model.layer(v)[1][-1] for v in (vectors, vectors.flip(1))]
    return model.head(torch.cat(states, 1))


def trimmed(model, ids):
    lengths = lengths_of(ids)
    outputs, _ = model.layer(model.words(ids[:, : int(lengths.max())]))
    return model.head(outputs[torch.arange(len(ids)), lengths - 1])


def sorted_with_index_copy(model, ids):
    lengths, order = lengths_of(ids).sort(descending=True)
    packed = pack_padded_sequence(model.words(ids[order]), lengths, batch_first=True)
    state = model.layer(packed)[1][-1]
    return model.head(torch.zeros_like(state).index_copy(0, order, state))


def sorted_by_a_list(model, ids):
    lengths = lengths_of(ids)
    order = sorted(range(len(ids)), key=lambda row: -int(lengths[row]))
    packed = pack_padded_sequence(model.words(ids)[order], lengths[order], batch_first=True)
    state = model.layer(packed)[1][-1]
    back = torch.empty_like(state)
    back[order] = state
    return model.head(back)


def batch_in_parts(model, ids):
    return torch.cat([plain(model, part) for part in ids.split(1)])


def rows_without_padding(model, ids):
    return torch.cat([model.last(model.words(row[row != 0])[None]) for row in ids])


def with_running_mean(model, ids):
    vectors = model.words(ids)
    model.seen.mul_(0.9).add_(0.1 * vectors.detach().mean((0, 1)))
    return model.last(vectors - model.seen)


def one_hot(model, ids):
    return model.last(F.one_hot(ids, WORDS).double() @ model.words.weight)


def embedded_twice(model, ids):
    return model.last(model.words(ids) + model.words(ids).flip(2))


def embedded_step_by_step(model, ids):
    return model.last(torch.stack([model.words(column) for column in ids.unbind(1)], 1))


def flat_ids(model, ids):
    return model.last(model.words(ids.view(-1)).view(*ids.shape, -1))


def attention_by_einsum(model, ids):
    outputs, _ = model.layer(model.words(ids))
    shares = torch.einsum("bth,h->bt", outputs, model.head.weight[0]).softmax(1)
    return model.head(torch.einsum("bt,bth->bh", shares, outputs))


def vmapped(model, ids):
    outputs, _ = model.layer(model.words(ids))
    return torch.vmap(lambda of_row: model.head(of_row.tanh().mean(0)))(outputs)


def outputs_in_place(model, ids):
    outputs, state = model.layer(model.words(ids))
    outputs *= 2
    outputs[:, 0] = 0
    state.mul_(3)
    return model.head(outputs.mean(1) + state[-1])


def everything_of_all_layers(model, ids):
    outputs, state = model.layer(model.words(ids))
    return model.head(state[0] * outputs[:, -1] + outputs[:, 1])


def packed_bidirectional(model, ids):
    lengths = lengths_of(ids)
    packed = pack_padded_sequence(model.words(ids), lengths, batch_first=True, enforce_sorted=False)
    outputs, _ = pad_packed_sequence(model.layer(packed)[0], batch_first=True)
    return model.head(outputs.sum(1).tanh())


def gated_beside(model, ids):
    vectors = model.words(ids)
    outputs, _ = model.layer(vectors)
    return model.head(outputs.mean(1)) * vectors.sigmoid().mean((1, 2)).unsqueeze(1)


def of_a_cell(model, ids):
    state = None
    for vectors in model.words(ids).unbind(1):
        state = model.layer(vectors, state)
    return model.head(state if isinstance(state, torch.Tensor) else state[0] + state[1])


def of_a_cell_backwards(model, ids):
    state = None
    for column in reversed(range(ids.shape[1])):
        state = model.layer(model.words(ids[:, column]), state)
    return model.head(state)


def carried_over(model, ids):
    """Rows keep their state where they have no word."""
    state = torch.zeros(len(ids), HIDDEN).double()
    for column in ids.unbind(1):
        keep = (column != 0).double().unsqueeze(1)
        state = keep * model.layer(model.words(column), state) + (1 - keep) * state
    return model.head(state)


def chosen(model, ids):
    """The same of both states of an LSTM, by choosing rows."""
    state = [torch.zeros(len(ids), HIDDEN).double()] * 2
    for column in ids.unbind(1):
        made = model.layer(model.words(column), tuple(state))
        is_word = (column != 0).unsqueeze(1)
        state = [torch.where(is_word, n, old) for n, old in zip(made, state, strict=True)]
    return model.head(state[0])


def in_chunks(model, ids):
    state, read = None, []
    for part in ids.split(2, 1):
        outputs, state = model.layer(model.words(part), state)
        read.append(outputs)
    return model.head(torch.cat(read, 1).tanh().mean(1))


def two_texts_in_one(model, ids):
    _, state = model.layer(model.words(ids[:, :2]))
    outputs, _ = model.layer(model.words(ids[:, 2:]), state)
    return model.head(outputs.mean(1) * state[-1])


def windows(model, ids):
    """Of three words each, which overlap: one row of the layer for each."""
    vectors = model.words(ids).unfold(1, 3, 1).transpose(2, 3)
    states = model.layer(vectors.flatten(0, 1))[1][-1]
    return model.head(states.view(len(ids), 3, -1).mean(1))


def windows_of_ids(model, ids):
    states = model.layer(model.words(ids.unfold(1, 3, 1).flatten(0, 1)))[1][-1]
    return model.head(states.view(len(ids), 3, -1).mean(1))


def windows_by_numbers(model, ids):
    """The same, of vectors whose derivative along themselves is nothing."""
    numbers = torch.arange(3)[:, None] + torch.arange(3)
    vectors = 1.5 * F.layer_norm(model.words(ids) * model.scale, (WIDTH,))[:, numbers]
    states = model.layer(vectors.sin().flatten(0, 1))[1][-1]
    return model.head(states.view(len(ids), 3, -1).mean(1))


def there_and_back(model, ids):
    once = (model.words(ids) * model.scale).tanh()
    twice = torch.stack([once, once.flip(1)])
    return model.last(torch.einsum("sbtf->bstf", twice).flatten(1, 2))


def decayed(model, ids):
    """Some rows' state decays before some words, all others' is handed on as it is."""
    state = torch.zeros(len(ids), HIDDEN).double()
    for column in ids.unbind(1):
        gap = (column % 3 == 0).double().unsqueeze(1)
        state = model.layer(model.words(column), state * (-gap).exp())
    return model.head(state)


def decayed_cells(model, ids):
    hidden = cells = torch.zeros(len(ids), HIDDEN).double()
    for column in ids.unbind(1):
        gap = (column % 3 == 0).double().unsqueeze(1)
        hidden, cells = model.layer(model.words(column), (hidden, cells * (-gap).exp()))
    return model.head(hidden)


def halves_with_a_bridge_for_some(model, ids):
    _, state = model.layer(model.words(ids[:, :2]))
    state = torch.cat([state[:, :1], (2 * state[:, 1:]).tanh()], 1)
    return model.head(model.layer(model.words(ids[:, 2:]), state)[1][-1])


def scaled_by(model):
    model.scale = torch.arange(1.0, 1.0 + WIDTH).double()


MODELS = {
    "plain": (plain, {}),
    "one layer both ways": (both_ways, {"heads": 2}),
    "trimmed": (trimmed, {}),
    "sorted with index_copy": (sorted_with_index_copy, {}),
    "sorted by a list": (sorted_by_a_list, {}),
    "batch in parts": (batch_in_parts, {}),
    "rows without padding": (rows_without_padding, {}),
    "max_norm": (plain, {"prepare": lambda m: setattr(m.words, "max_norm", 0.5)}),
    "hook on outputs": (
        plain,
        {"prepare": lambda m: m.layer.register_forward_hook(lambda *a: (2 * a[2][0] + 1, a[2][1]))},
    ),
    "hook that flips the input": (
        plain,
        {"prepare": lambda m: m.layer.register_forward_pre_hook(lambda *a: (a[1][0].flip(1),))},
    ),
    "hook that adds positions": (
        plain,
        {
            "prepare": lambda m: m.words.register_forward_hook(
                lambda *a: a[2] + torch.arange(a[2].shape[1])[:, None] / 10
            )
        },
    ),
    "weight norm": (
        plain,
        {"prepare": lambda m: parametrizations.weight_norm(m.layer, "weight_hh_l0")},
    ),
    "spectral norm": (
        plain,
        {"prepare": lambda m: parametrizations.spectral_norm(m.layer, "weight_hh_l0").eval()},
    ),
    "orthogonal": (
        plain,
        {"prepare": lambda m: parametrizations.orthogonal(m.layer, "weight_ih_l0")},
    ),
    "pruned": (plain, {"prepare": lambda m: prune.l1_unstructured(m.layer, "weight_hh_l0", 0.4)}),
    "running mean": (
        with_running_mean,
        {"prepare": lambda m: m.register_buffer("seen", torch.zeros(WIDTH).double())},
    ),
    "one-hot": (one_hot, {}),
    "indexed weight": (lambda m, ids: m.last(m.words.weight[ids]), {}),
    "index_select": (
        lambda m, ids: m.last(m.words.weight.index_select(0, ids.view(-1)).view(*ids.shape, -1)),
        {},
    ),
    "embedded twice": (embedded_twice, {}),
    "embedded step by step": (embedded_step_by_step, {}),
    "flat ids": (flat_ids, {}),
    "attention by einsum": (attention_by_einsum, {}),
    "vmapped head": (vmapped, {}),
    "outputs in place": (outputs_in_place, {}),
    "lower layers": (everything_of_all_layers, {"num_layers": 2}),
    "packed bidirectional": (packed_bidirectional, {"num_layers": 2, "bidirectional": True}),
    "gated by what stands beside": (gated_beside, {}),
    "cell": (of_a_cell, {"kind": nn.LSTMCell}),
    "cell backwards": (of_a_cell_backwards, {"kind": nn.GRUCell}),
    "plain cell": (of_a_cell, {"kind": nn.RNNCell}),
    "state carried over padding": (carried_over, {"kind": nn.GRUCell}),
    "states chosen": (chosen, {"kind": nn.LSTMCell}),
    "chunks": (in_chunks, {}),
    "first text and second": (two_texts_in_one, {}),
    "windows": (windows, {}),
    "windows of ids": (windows_of_ids, {}),
    "windows by numbers": (windows_by_numbers, {"prepare": scaled_by}),
    "there and back": (there_and_back, {"prepare": scaled_by}),
    "state that decays": (decayed, {"kind": nn.GRUCell}),
    "cells that decay": (decayed_cells, {"kind": nn.LSTMCell}),
    "a bridge for some rows": (halves_with_a_bridge_for_some, {}),
}
JOINED = {"cell", "plain cell", "cell backwards", "chunks", "first text and second"}
JOINED |= {"state carried over padding", "states chosen", "state that decays"}
JOINED |= {"cells that decay", "a bridge for some rows"}
PADDED = {"trimmed", "sorted with index_copy", "sorted by a list", "rows without padding"}
PADDED |= {"packed bidirectional", "state carried over padding", "states chosen"}
