"""Baselines of several layers: beside one layer that does the same, and by autograd."""

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from captum_rnn import AdjointDeltaAttribution, LocalDeltaAttribution
from other_layers import MinimalGRU, gru_step

WORDS, WIDTH, HIDDEN, TIME = 20, 3, 4, 6
IDS = torch.randint(WORDS, (3, TIME), generator=torch.Generator().manual_seed(1))
OTHER = IDS.flip(0).roll(1, 1)
LENGTHS = torch.tensor([6, 3, 5])


class Model(nn.Module):
    """A head over what `run` makes of word vectors."""

    def __init__(self, run, width, *layers):
        super().__init__()
        self.embedding, self.head = nn.Embedding(WORDS, WIDTH), nn.Linear(width, 2)
        self.layers = nn.ModuleList(layers)
        self.run = run
        self.double().eval()

    def of_vectors(self, vectors):
        return self.head(self.run(self.layers, vectors).mean(1).tanh())

    def forward(self, ids):
        return self.of_vectors(self.embedding(ids))

    def twin(self, run, *layers):
        """The same embedding and head over other layers."""
        twin = Model(run, 1, *layers)
        twin.embedding, twin.head = self.embedding, self.head
        return twin


def run_packed(layers, vectors):
    states = pack_padded_sequence(vectors, LENGTHS, batch_first=True, enforce_sorted=False)
    for layer in layers:
        states = layer(states)[0]
    return pad_packed_sequence(states, batch_first=True)[0]


def run_padded(layers, vectors):
    for layer in layers:
        vectors = layer(vectors)[0]
    return vectors


@pytest.mark.parametrize("run", [run_padded, run_packed])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
def test_layers_above_each_other_are_one_stack(kind, bidirectional, run):
    options = {"batch_first": True, "bidirectional": bidirectional}
    wide = HIDDEN * (2 if bidirectional else 1)
    parts = kind(WIDTH, HIDDEN, **options), kind(wide, HIDDEN, **options)
    model, stack = Model(run, wide, *parts), kind(WIDTH, HIDDEN, 2, **options)
    for index, part in enumerate(parts):
        for name, weight in part.named_parameters():
            getattr(stack, name.replace("l0", f"l{index}")).data = weight.data
    twin = model.twin(run, stack)
    for baselines in (3, OTHER, torch.zeros(WIDTH)):
        found, expected = (
            AdjointDeltaAttribution(of, layers).attribute(IDS, baselines, target=1)
            for of, layers in ((model, list(parts)), (twin, stack))
        )
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-11)
    with pytest.raises(ValueError, match="use AdjointDeltaAttribution"):
        LocalDeltaAttribution(model, list(parts)).attribute(IDS, 3, target=1)


def test_cells_above_each_other_in_one_loop():
    def loop(cells, vectors):
        states, outputs = [None, None], []
        for token in vectors.unbind(1):
            for level, cell in enumerate(cells):
                states[level] = cell(token, states[level])
                token = states[level][0]
            outputs.append(token)
        return torch.stack(outputs, 1)

    cells = nn.LSTMCell(WIDTH, HIDDEN), nn.LSTMCell(HIDDEN, HIDDEN)
    model, stack = Model(loop, HIDDEN, *cells), nn.LSTM(WIDTH, HIDDEN, 2, batch_first=True)
    for index, cell in enumerate(cells):
        for name, weight in cell.named_parameters():
            getattr(stack, f"{name}_l{index}").data = weight.data
    twin = model.twin(run_padded, stack)
    found, expected = (
        AdjointDeltaAttribution(of, layers).attribute(IDS, OTHER, target=1)
        for of, layers in ((model, list(cells)), (twin, stack))
    )
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-11)


def test_what_stands_between_the_layers_reads_the_lower_step_of_the_baseline():
    """⟨h_t − cell(h_{t−1}, x'_t), λ_t⟩ and ⟨H_t − CELL(H_{t−1}, norm(h'_t)), Λ_t⟩ by autograd.

    λ_t goes through later steps and the head; what the upper step reads of h_t counts as its own.
    """
    lower, upper = (nn.GRU(n, HIDDEN, batch_first=True) for n in (WIDTH, HIDDEN))
    between = nn.Sequential(nn.LayerNorm(HIDDEN), nn.Tanh())

    def run(layers, vectors):
        return layers[1](layers[2](layers[0](vectors)[0]))[0]

    model = Model(run, HIDDEN, lower, upper, between)
    ids, other = IDS[:2], OTHER[:2]
    low = high = torch.zeros(2, HIDDEN, dtype=torch.float64)
    zeros, changes, outputs = [], [], []
    for token, instead in zip(*(model.embedding(of).unbind(1) for of in (ids, other)), strict=True):
        made, made_instead = gru_step(lower, token, low), gru_step(lower, instead, low)
        top = gru_step(upper, between(made), high)
        top_instead = gru_step(upper, between(made_instead), high)
        zeros.append([torch.zeros_like(low, requires_grad=True) for _ in range(2)])
        changes.append([(made - made_instead).detach(), (top - top_instead).detach()])
        low, high = made + zeros[-1][0], top + zeros[-1][1]
        outputs.append(high)
    value = model.head(torch.stack(outputs, 1).mean(1).tanh())[:, 1].sum()
    flat = [z for of in zeros for z in of]
    worth = iter(torch.autograd.grad(value, flat, materialize_grads=True))
    expected = [sum((change * next(worth)).sum(1) for change in of) for of in changes]
    found = AdjointDeltaAttribution(model, [lower, upper]).attribute(ids, other, target=1)
    torch.testing.assert_close(found, torch.stack(expected, 1), rtol=0, atol=1e-11)


def test_words_and_sentences():
    """The states of words alone are compared: ⟨h_t − cell(h_{t−1}, x'_t), df/dh_t⟩."""
    words, sentences = (nn.GRU(n, HIDDEN, batch_first=True) for n in (WIDTH, HIDDEN))

    def run(layers, vectors):
        ends = layers[0](vectors.flatten(0, 1))[1][-1]
        return layers[1](ends.view(*vectors.shape[:2], HIDDEN))[0]

    model = Model(run, HIDDEN, words, sentences)
    documents, other = torch.randint(WORDS, (2, 2, 3, 4))
    vectors, instead = (model.embedding(of).flatten(0, 1) for of in (documents, other))
    state, zeros, changes = vectors.new_zeros(len(vectors), HIDDEN), [], []
    for token, of_other in zip(vectors.unbind(1), instead.unbind(1), strict=True):
        made = gru_step(words, token, state)
        changes.append((made - gru_step(words, of_other, state)).detach())
        zeros.append(torch.zeros_like(made, requires_grad=True))
        state = made + zeros[-1]
    read = sentences(state.view(2, 3, HIDDEN))[0]
    value = model.head(read.mean(1).tanh())[:, 1].sum()
    worth = torch.autograd.grad(value, zeros)
    expected = [(change * of).sum(1) for change, of in zip(changes, worth, strict=True)]
    found = AdjointDeltaAttribution(model, [words, sentences]).attribute(documents, other, target=1)
    expected = torch.stack(expected, 1).view(2, 3, 4)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-11)


BESIDE = {
    "midpoint": (AdjointDeltaAttribution, {}),
    "exact": (AdjointDeltaAttribution, {"features": "exact"}),
    "local": (LocalDeltaAttribution, {}),
}


@pytest.mark.parametrize("per_step", [False, True])
@pytest.mark.parametrize("name", BESIDE)
def test_two_layers_beside_each_other_are_one_of_two_directions(name, per_step):
    def both(layers, vectors):
        ahead, back = layers[0](vectors)[0], layers[1](vectors.flip(1))[0]
        return torch.cat([ahead, back.flip(1)], 2)

    parts = [nn.LSTM(WIDTH, HIDDEN, batch_first=True) for _ in range(2)]
    model = Model(both, 2 * HIDDEN, *parts)
    one = nn.LSTM(WIDTH, HIDDEN, batch_first=True, bidirectional=True)
    for part, ending in zip(parts, ("", "_reverse"), strict=True):
        for weight_name, weight in part.named_parameters():
            getattr(one, weight_name + ending).data = weight.data
    twin = model.twin(run_padded, one)
    vectors, instead = (model.embedding(of).detach() for of in (IDS, OTHER))
    method, options = BESIDE[name]
    found, expected = (
        method(of.of_vectors, layers, **options).attribute(
            vectors, instead, target=1, per_step=per_step
        )
        for of, layers in ((model, parts), (twin, one))
    )
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-11)


@pytest.mark.parametrize("method", [AdjointDeltaAttribution, LocalDeltaAttribution])
def test_an_encoder_for_each_input(method):
    """Each input's scores are those of its own encoder, the other one being fixed."""
    query, document = (nn.GRU(WIDTH, HIDDEN, batch_first=True).double() for _ in range(2))
    table = nn.Embedding(WORDS, WIDTH).double()

    def forward(one, other):
        return (query(table(one))[1][-1] * document(table(other))[1][-1]).sum(1)

    texts, others = (IDS, IDS[:, :4]), (OTHER, OTHER[:, 2:])
    found = method(forward, [query, document]).attribute(texts, others)
    fixed = [text.clone() for text in texts]
    alone = (
        method(lambda one: forward(one, fixed[1]), query).attribute(texts[0], others[0]),
        method(lambda other: forward(fixed[0], other), document).attribute(texts[1], others[1]),
    )
    for scores, expected in zip(found, alone, strict=True):
        torch.testing.assert_close(scores, expected, rtol=0, atol=1e-11)


def test_what_cannot_be_followed_is_said():
    own, upper = MinimalGRU(WIDTH, HIDDEN), nn.GRU(HIDDEN, HIDDEN, batch_first=True)
    model = Model(run_padded, HIDDEN, own, upper)
    with pytest.raises(ValueError, match="MinimalGRU is followed step by step"):
        AdjointDeltaAttribution(model, [own, upper]).attribute(IDS, OTHER, target=1)

    def by_content(layers, vectors):
        often = 2 if torch.equal(vectors.detach()[0, 0], first) else 1
        states = [layers[0](vectors)[0] for _ in range(often)][-1]
        return layers[1](states)[0]

    lower = nn.GRU(WIDTH, HIDDEN, batch_first=True)
    model = Model(by_content, HIDDEN, lower, upper)
    first = model.embedding(OTHER).detach()[0, 0]
    with pytest.raises(ValueError, match="more often or in another order"):
        AdjointDeltaAttribution(model, [lower, upper]).attribute(IDS, OTHER, target=1)


def test_under_autocast_the_steps_are_as_exact_as_the_run():
    parts = nn.GRU(WIDTH, HIDDEN, batch_first=True), nn.GRU(HIDDEN, HIDDEN, batch_first=True)
    model = Model(run_padded, HIDDEN, *parts).float()
    method = AdjointDeltaAttribution(model, list(parts))
    expected = method.attribute(IDS, OTHER, target=1)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = method.attribute(IDS, OTHER, target=1)
    size = float(expected.abs().max())
    torch.testing.assert_close(found, expected, rtol=0, atol=0.1 * size)
