"""Layers that read each other, and tokens that reach the output by other ways than the layer.

Held against autograd through an unrolled copy: what each step's change of state is worth, and what
each token's vector is.
"""

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

from captum_rnn import (
    AdjointDeltaAttribution,
    HiddenStateDeltaAttribution,
    LogitDeltaAttribution,
    RecurrentLRPAttribution,
)

WORDS, WIDTH, HIDDEN, TIME = 30, 4, 5, 6
CLASS = 1


def gru(features=WIDTH):
    return nn.GRU(features, HIDDEN, batch_first=True)


class Model(nn.Module):
    """An embedding, layers and a head, in double precision."""

    def __init__(self, *layers, width=HIDDEN):
        super().__init__()
        torch.manual_seed(0)
        self.words = nn.Embedding(WORDS, WIDTH)
        self.layers = nn.ModuleList(layers)
        self.head = nn.Linear(width, 2)
        self.linear, self.norm = nn.Linear(HIDDEN, HIDDEN), nn.LayerNorm(HIDDEN)
        self.conv = nn.Conv1d(WIDTH, WIDTH, 3, padding=1)
        self.double().eval()


@pytest.fixture
def ids():
    return torch.randint(WORDS, (2, TIME), generator=torch.Generator().manual_seed(1))


def unrolled(layer, x, state=None, changes=None):
    """Every step of a GRU by hand; with `changes`, each state gets a leaf added to it."""
    w_ih, w_hh, b_ih, b_hh = (getattr(layer, name) for name in layer._flat_weights_names)
    h = x.new_zeros(len(x), HIDDEN) if state is None else state
    states = []
    for t in range(x.shape[1]):
        r_i, z_i, n_i = (x[:, t] @ w_ih.T + b_ih).chunk(3, 1)
        r_h, z_h, n_h = (h @ w_hh.T + b_hh).chunk(3, 1)
        r, z = (r_i + r_h).sigmoid(), (z_i + z_h).sigmoid()
        before, h = h, (1 - z) * (n_i + r * n_h).tanh() + z * h
        if changes is not None:
            leaf = torch.zeros_like(h, requires_grad=True)
            changes.append((leaf, (h - before).detach()))
            h = h + leaf
        states.append(h)
    return torch.stack(states, 1), h


def worth(value, changes):
    """⟨s_t − s_(t−1), d value / d s_t⟩ (rows, time)."""
    gradients = torch.autograd.grad(value, [leaf for leaf, _ in changes], retain_graph=True)
    parts = [(g * step).sum(1) for g, (_, step) in zip(gradients, changes, strict=True)]
    return torch.stack(parts, 1).detach()


def worth_of_vectors(value, vectors):
    (gradient,) = torch.autograd.grad(value, vectors, retain_graph=True)
    return (gradient * vectors).sum(-1).detach()


def adjoint(forward, layer, inputs):
    return AdjointDeltaAttribution(forward, layer).attribute(inputs, target=CLASS)


def close(found, expected):
    torch.testing.assert_close(found, expected, rtol=1e-7, atol=1e-10)


def test_a_stack_of_separate_layers_is_a_stack(ids):
    model = Model(gru(), gru(HIDDEN))
    stack = nn.GRU(WIDTH, HIDDEN, 2, batch_first=True).double()
    for layer_index, layer in enumerate(model.layers):
        for name in layer._flat_weights_names:
            getattr(stack, name.replace("l0", f"l{layer_index}")).data = getattr(layer, name).data
    dropout = nn.Dropout(0.5).eval()

    def apart(ids):
        lower, _ = model.layers[0](model.words(ids))
        return model.head(model.layers[1](dropout(lower))[0][:, -1])

    def together(ids):
        return model.head(stack(model.words(ids))[0][:, -1])

    for kind in (AdjointDeltaAttribution, RecurrentLRPAttribution, LogitDeltaAttribution):
        expected = kind(together, stack).attribute(ids, target=CLASS)
        close(kind(apart, list(model.layers)).attribute(ids, target=CLASS), expected)


def test_relevance_of_a_stack_of_separate_layers_is_of_features():
    model, vectors = Model(gru(), gru(HIDDEN)), torch.randn(2, TIME, WIDTH).double()
    found = RecurrentLRPAttribution(
        lambda vectors: model.head(model.layers[1](model.layers[0](vectors)[0])[1][-1]),
        list(model.layers),
    ).attribute(vectors, target=CLASS)
    stack = nn.GRU(WIDTH, HIDDEN, 2, batch_first=True).double()
    for layer_index, layer in enumerate(model.layers):
        for name in layer._flat_weights_names:
            getattr(stack, name.replace("l0", f"l{layer_index}")).data = getattr(layer, name).data
    expected = RecurrentLRPAttribution(
        lambda vectors: model.head(stack(vectors)[1][-1]), stack
    ).attribute(vectors, target=CLASS)
    close(found, expected)


def test_layers_with_something_between_them(ids):
    model = Model(gru(), gru(HIDDEN))

    def forward(ids):
        lower, _ = model.layers[0](model.words(ids))
        upper, _ = model.layers[1](model.norm(lower + model.linear(lower).tanh()))
        return model.head(upper.mean(1) + lower[:, -1])

    lower_steps, upper_steps = [], []
    lower, _ = unrolled(model.layers[0], model.words(ids), changes=lower_steps)
    between = model.norm(lower + model.linear(lower).tanh())
    upper, _ = unrolled(model.layers[1], between, changes=upper_steps)
    value = model.head(upper.mean(1) + lower[:, -1])[:, CLASS].sum()
    # What the upper layer reads of a step is skipped with its own step, and counted there.
    (read,) = torch.autograd.grad(value, between, retain_graph=True)
    (above,) = torch.autograd.grad(between, lower, read, retain_graph=True)
    own = torch.stack([step for _, step in lower_steps], 1)
    expected = worth(value, lower_steps) - (above * own).sum(-1) + worth(value, upper_steps)
    close(adjoint(forward, list(model.layers), ids), expected)


def test_encoder_and_decoder_with_a_bridge():
    model = Model(gru(), gru())
    first, second = torch.randint(WORDS, (2, 4)), torch.randint(WORDS, (2, 3))

    def forward(first, second):
        _, state = model.layers[0](model.words(first))
        outputs, _ = model.layers[1](model.words(second), torch.tanh(model.linear(state)))
        return model.head(outputs.mean(1))

    encoded, decoded = [], []
    _, state = unrolled(model.layers[0], model.words(first), changes=encoded)
    bridge = torch.tanh(model.linear(state))
    outputs, _ = unrolled(model.layers[1], model.words(second), bridge, changes=decoded)
    value = model.head(outputs.mean(1))[:, CLASS].sum()
    found = adjoint(forward, list(model.layers), (first, second))
    close(found[0], worth(value, encoded))
    close(found[1], worth(value, decoded))


def test_a_hierarchy_of_words_and_sentences():
    """Scores stand at the words; what a sentence's last state is worth comes from above."""
    model = Model(gru(), gru(HIDDEN))
    ids = torch.randint(WORDS, (2, 3, 4))

    def forward(ids):
        _, sentences = model.layers[0](model.words(ids.view(6, 4)))
        outputs, _ = model.layers[1](sentences[-1].view(2, 3, HIDDEN))
        return model.head(outputs.mean(1))

    steps = []
    _, last = unrolled(model.layers[0], model.words(ids.view(6, 4)), changes=steps)
    outputs, _ = unrolled(model.layers[1], last.view(2, 3, HIDDEN))
    value = model.head(outputs.mean(1))[:, CLASS].sum()
    close(adjoint(forward, list(model.layers), ids), worth(value, steps).view(2, 3, 4))
    scores, delta = RecurrentLRPAttribution(forward, list(model.layers), epsilon=1e-9).attribute(
        ids, target=CLASS, return_convergence_delta=True
    )
    assert scores.shape == ids.shape
    assert delta.shape == (2,)


@pytest.mark.parametrize("made", [HiddenStateDeltaAttribution, LogitDeltaAttribution])
def test_a_stack_for_methods_that_differentiate_nothing_between(ids, made):
    model = Model(gru(), gru(HIDDEN))

    def forward(ids):
        return model.head(model.layers[1](model.layers[0](model.words(ids))[0])[1][-1])

    options = {"head": model.head} if made is LogitDeltaAttribution else {}
    method = made(forward, list(model.layers), **options)
    with pytest.raises(ValueError, match="GRU read none of the tokens"):
        method.attribute(ids, target=CLASS)


def test_one_layer_for_each_of_two_inputs():
    model = Model(gru(), gru())
    first, second = torch.randint(WORDS, (2, 4)), torch.randint(WORDS, (2, 5))

    def pair(first, second):
        one, other = (
            layer(model.words(ids))[1][-1]
            for layer, ids in zip(model.layers, (first, second), strict=True)
        )
        return model.head(one * other)

    for kind in (AdjointDeltaAttribution, LogitDeltaAttribution, RecurrentLRPAttribution):
        both = kind(pair, list(model.layers)).attribute((first, second), target=CLASS)
        one = kind(lambda a, b: pair(a, b), model.layers[0]).attribute(
            first, target=CLASS, additional_forward_args=(second,)
        )
        close(both[0], one)
    of_states = HiddenStateDeltaAttribution(pair, list(model.layers)).attribute((first, second))
    alone = HiddenStateDeltaAttribution(lambda a: pair(a, second), model.layers[0])
    close(of_states[0], alone.attribute(first))


def test_tokens_that_reach_the_output_beside_the_layer(ids):
    """As in TextRCNN: the share of the way beside is derivative times vector."""
    model = Model(gru(), width=HIDDEN + WIDTH)

    def forward(ids):
        vectors = model.words(ids)
        states, _ = model.layers[0](vectors)
        return model.head(torch.cat([states, vectors], 2).tanh().mean(1))

    steps = []
    vectors = model.words(ids).detach().requires_grad_()
    states, _ = unrolled(model.layers[0], vectors.detach(), changes=steps)
    value = model.head(torch.cat([states, vectors], 2).tanh().mean(1))[:, CLASS].sum()
    expected = worth(value, steps) + worth_of_vectors(value, vectors)
    close(adjoint(forward, model.layers[0], ids), expected)
    logit = LogitDeltaAttribution(forward, model.layers[0]).attribute(ids, target=CLASS)
    beside = worth_of_vectors(value, vectors)
    without = LogitDeltaAttribution(
        lambda ids: model.head(
            torch.cat([model.layers[0](model.words(ids))[0], vectors.detach()], 2).tanh().mean(1)
        ),
        model.layers[0],
    ).attribute(ids, target=CLASS)
    close(logit, without + beside)


@pytest.mark.parametrize("before", ["convolution", "attention", "recurrent layer"])
def test_steps_that_mix_tokens_hand_on_to_them(ids, before):
    model = Model(gru(), gru())
    attention = nn.MultiheadAttention(WIDTH, 2, batch_first=True).double().eval()
    lower = nn.LSTM(WIDTH, WIDTH, batch_first=True).double()

    def mixed(vectors):
        if before == "convolution":
            return model.conv(vectors.transpose(1, 2)).transpose(1, 2)
        if before == "attention":
            return attention(vectors, vectors, vectors, need_weights=False)[0]
        return lower(vectors)[0]

    def forward(ids):
        return model.head(model.layers[0](mixed(model.words(ids)))[0][:, -1])

    vectors = model.words(ids).detach().requires_grad_()
    states, _ = unrolled(model.layers[0], mixed(vectors))
    value = model.head(states[:, -1])[:, CLASS].sum()
    close(adjoint(forward, model.layers[0], ids), worth_of_vectors(value, vectors))
    for kind in (LogitDeltaAttribution, HiddenStateDeltaAttribution):
        with pytest.raises(ValueError, match="attribute_to_layer_input=True"):
            kind(forward, model.layers[0]).attribute(ids, target=CLASS)


def test_a_layer_that_reads_its_own_answer(ids):
    model = Model(nn.GRU(WIDTH + HIDDEN, HIDDEN, batch_first=True))

    def forward(ids):
        state, output = None, torch.zeros(2, 1, HIDDEN, dtype=torch.float64)
        for vector in model.words(ids).unbind(1):
            fed = torch.cat([vector.unsqueeze(1), output], 2)
            output, state = model.layers[0](fed, state)
        return model.head(output[:, 0])

    with pytest.raises(ValueError, match="GRU reads is made of its own earlier answers"):
        adjoint(forward, model.layers[0], ids)


@pytest.mark.parametrize("kind", [AdjointDeltaAttribution, HiddenStateDeltaAttribution])
@pytest.mark.parametrize("packed", [False, True])
def test_scores_of_what_a_layer_read(ids, kind, packed):
    """Behind a convolution, the steps have scores as if what it answers were the input."""
    model, lengths = Model(gru()), torch.tensor([4, TIME])

    def head(vectors):
        if packed:
            vectors = pack_padded_sequence(vectors, lengths, True, enforce_sorted=False)
        return model.head(model.layers[0](vectors)[1][-1])

    def conv(ids):
        return model.conv(model.words(ids).transpose(1, 2)).transpose(1, 2)

    found = kind(lambda ids: head(conv(ids)), model.layers[0]).attribute(
        ids, target=CLASS, attribute_to_layer_input=True
    )
    expected = kind(head, model.layers[0]).attribute(conv(ids).detach(), target=CLASS)
    assert found.is_contiguous()
    close(found, expected)


def test_scores_of_what_each_of_two_layers_read(ids):
    model = Model(gru(), gru(HIDDEN))

    def forward(ids):
        lower, _ = model.layers[0](model.words(ids))
        return model.head(model.layers[1](torch.tanh(lower))[0][:, -1])

    both = RecurrentLRPAttribution(forward, list(model.layers))
    of_words, of_states = both.attribute(ids, target=CLASS, attribute_to_layer_input=True)
    assert of_words.shape == (2, TIME, WIDTH)
    assert of_states.shape == (2, TIME, HIDDEN)
    close(of_words.sum(-1), both.attribute(ids, target=CLASS))
