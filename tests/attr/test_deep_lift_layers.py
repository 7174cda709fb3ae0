"""DeepLIFT through several layers: beside one layer that does the same, and what it sums to."""

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from captum_rnn.attr import RecurrentDeepLiftAttribution

WORDS, WIDTH, HIDDEN, TIME = 20, 4, 5, 6
KINDS = [nn.LSTM, nn.GRU, nn.RNN]
IDS = torch.randint(WORDS, (3, TIME), generator=torch.Generator().manual_seed(1))
VECTORS = torch.randn(3, TIME, WIDTH, generator=torch.Generator().manual_seed(2)).double()
BASELINES = {
    "none": (None, None),
    "zero": (0, 0.0),
    "other": (IDS.flip(0), VECTORS.flip(0).roll(1, 1)),
}


class Parts(nn.Module):
    """An embedding, two layers, what may stand between them, and a head."""

    def __init__(self, kind=nn.GRU, *, bidirectional=False, upper=None):
        super().__init__()
        torch.manual_seed(0)
        wide = HIDDEN * (2 if bidirectional else 1)
        self.words = nn.Embedding(WORDS, WIDTH)
        self.lower = kind(WIDTH, HIDDEN, batch_first=True, bidirectional=bidirectional)
        self.upper = kind(upper or wide, HIDDEN, batch_first=True, bidirectional=bidirectional)
        self.linear, self.dropout = nn.Linear(wide, wide), nn.Dropout(0.5)
        self.widen, self.norm = nn.Linear(WIDTH, wide), nn.LayerNorm(wide)
        self.head = nn.Linear(wide, 2)
        with torch.no_grad():
            for layer in (self.lower, self.upper):
                for weight in layer.parameters():
                    weight.mul_(2)
        self.double().eval()

    @property
    def layers(self):
        return [self.lower, self.upper]


HEADS = {
    "last": lambda model, states: model.head(states[:, -1]),
    "mean": lambda model, states: model.head(states.mean(1)),
    "smooth": lambda model, states: model.head(states.mean(1).tanh() * states[:, 0]),
    "with kinks": lambda model, states: model.head(states.amax(1).relu()),
}


def stacked(model):
    """The two layers as one."""
    kind, lower = type(model.lower), model.lower
    stack = kind(WIDTH, HIDDEN, 2, batch_first=True, bidirectional=lower.bidirectional).double()
    for index, layer in enumerate(model.layers):
        for name in layer._flat_weights_names:
            getattr(stack, name.replace("l0", f"l{index}")).data = getattr(layer, name).data
    return stack


def scores_and_delta(forward, layers, inputs, baselines=None):
    method = RecurrentDeepLiftAttribution(forward, layers)
    return method.attribute(inputs, baselines, target=1, return_convergence_delta=True)


def assert_nothing_lost(forward, layers, inputs, baselines):
    """The scores sum to f(x) − f(x'), by two plain runs of the model."""
    scores, delta = scores_and_delta(forward, layers, inputs, baselines)
    given = inputs if isinstance(inputs, tuple) else (inputs,)
    instead = baselines if isinstance(baselines, tuple) else (baselines,)
    with torch.no_grad():
        value = forward(*given)[:, 1]
        change = value - forward(*instead)[:, 1]
    found = scores if isinstance(scores, tuple) else (scores,)
    sums = sum(part.flatten(1).sum(1) for part in found)
    assert change.abs().min() > 1e-6
    torch.testing.assert_close(sums, change, rtol=0, atol=1e-9 * float(value.abs().max()))
    assert delta.abs().max() <= 1e-9 * float(value.abs().max())
    return scores


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("name", BASELINES)
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_two_layers_are_a_layer_of_two(kind, bidirectional, name, head):
    model = Parts(kind, bidirectional=bidirectional)
    stack, of_ids, of_vectors = stacked(model), *BASELINES[name]

    def apart(vectors):
        return HEADS[head](model, model.upper(model.dropout(model.lower(vectors)[0]))[0])

    def together(vectors):
        return HEADS[head](model, stack(vectors)[0])

    found, _ = scores_and_delta(lambda ids: apart(model.words(ids)), model.layers, IDS, of_ids)
    expected, _ = scores_and_delta(lambda ids: together(model.words(ids)), stack, IDS, of_ids)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
    found, delta = scores_and_delta(apart, model.layers, VECTORS, of_vectors)
    expected, _ = scores_and_delta(together, stack, VECTORS, of_vectors)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)  # of each feature
    assert delta.abs().max() < 1e-12


@pytest.mark.parametrize("kind", KINDS)
def test_a_linear_map_between_is_a_part_of_the_weights(kind):
    model = Parts(kind)

    def with_map(ids):
        return model.head(model.upper(model.linear(model.lower(model.words(ids))[0]))[0][:, -1])

    found, _ = scores_and_delta(with_map, model.layers, IDS, IDS.flip(1))
    with torch.no_grad():
        weight = model.upper.weight_ih_l0.clone()
        model.upper.weight_ih_l0.copy_(weight @ model.linear.weight)
        model.upper.bias_ih_l0.add_(weight @ model.linear.bias)
    stack = stacked(model)
    expected, _ = scores_and_delta(
        lambda ids: model.head(stack(model.words(ids))[0][:, -1]), stack, IDS, IDS.flip(1)
    )
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


def residual(model, vectors):
    lower = model.lower(vectors)[0]
    return model.head(model.upper(lower + model.linear(lower))[0].mean(1))


def residual_of_vectors(model, vectors):
    lower = model.lower(vectors)[0]
    return model.head(model.upper(lower + model.widen(vectors))[0].mean(1))


def beside_both(model, vectors):
    lower = model.lower(vectors)[0]
    upper = model.upper(lower)[0]
    return model.head(upper[:, -1] * lower.mean(1) + model.widen(vectors).mean(1))


def packed(model, vectors):
    lengths = torch.tensor([TIME, 4, 2])
    read = pack_padded_sequence(vectors, lengths, True, enforce_sorted=False)
    lower, _ = pad_packed_sequence(model.lower(read)[0], True)
    again = pack_padded_sequence(model.linear(lower), lengths, True, enforce_sorted=False)
    return model.head(pad_packed_sequence(model.upper(again)[0], True)[0].mean(1))


def begins_with_last_states(model, vectors):
    """The upper layer begins with what is made of the lower one's last state."""
    lower, states = model.lower(vectors)
    hidden = states[0] if isinstance(states, tuple) else states
    first = torch.zeros_like(hidden) + 0.5 * hidden
    begun = (first, -first) if isinstance(states, tuple) else first
    return model.head(model.upper(lower.flip(1), begun)[0][:, -1])


FORMS = [residual, residual_of_vectors, beside_both, packed, begins_with_last_states]


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_lost_on_linear_ways(kind, form, bidirectional):
    model = Parts(kind, bidirectional=bidirectional)
    if form is begins_with_last_states and bidirectional:
        pytest.skip("one state of each direction")

    def of_ids(ids):
        return form(model, model.words(ids))

    assert_nothing_lost(of_ids, model.layers, IDS, IDS.flip(0).roll(1, 1))
    of_vectors = lambda vectors: form(model, vectors)  # noqa: E731
    assert_nothing_lost(of_vectors, model.layers, VECTORS, VECTORS.flip(0).roll(1, 1))
    scores, _ = scores_and_delta(of_ids, model.layers, IDS)  # zero vectors
    with torch.no_grad():
        change = of_ids(IDS) - of_vectors(torch.zeros_like(VECTORS))
    torch.testing.assert_close(scores.sum(1), change[:, 1], rtol=0, atol=1e-10)


def test_a_hierarchy_of_words_and_sentences():
    model, ids = Parts(nn.GRU), torch.randint(WORDS, (2, 3, 4))

    def forward(ids):
        _, sentences = model.lower(model.words(ids.view(6, 4)))
        return model.head(model.upper(sentences[-1].view(2, 3, HIDDEN))[1][-1])

    scores = assert_nothing_lost(forward, model.layers, ids, ids.flip(0, 2))
    assert scores.shape == ids.shape


def test_an_encoder_and_a_decoder():
    model = Parts(nn.LSTM, upper=WIDTH)
    first, second = IDS, IDS[:, :4].flip(0)

    def forward(first, second):
        _, (hidden, cell) = model.lower(model.words(first))
        outputs, _ = model.upper(model.words(second), (model.linear(hidden), cell))
        return model.head(outputs.mean(1))

    scores = assert_nothing_lost(
        forward, model.layers, (first, second), (first.flip(0), second.roll(1, 1))
    )
    assert [part.shape for part in scores] == [first.shape, second.shape]


def test_one_layer_for_each_of_two_inputs():
    model = Parts(nn.GRU, upper=WIDTH)
    first, second = IDS, IDS[:, :4].flip(0)

    def forward(first, second):
        one, other = model.lower(model.words(first))[1], model.upper(model.words(second))[1]
        return model.head((one * other)[-1])

    assert_nothing_lost(forward, model.layers, (first, second), (first.flip(0), second.roll(1, 1)))


def test_cells_above_each_other():
    model = Parts(nn.LSTM)
    cells = [nn.LSTMCell(WIDTH, HIDDEN), nn.LSTMCell(HIDDEN, HIDDEN)]
    for cell, layer in zip(cells, model.layers, strict=True):
        cell.double().load_state_dict(
            {name.removesuffix("_l0"): value for name, value in layer.state_dict().items()}
        )
    stack = stacked(model)

    def looping(ids):
        one = other = None
        for vectors in model.words(ids).unbind(1):
            one = cells[0](vectors, one)
            other = cells[1](one[0], other)
        return model.head(other[0])

    found, _ = scores_and_delta(looping, cells, IDS, IDS.flip(1))
    expected, _ = scores_and_delta(
        lambda ids: model.head(stack(model.words(ids))[0][:, -1]), stack, IDS, IDS.flip(1)
    )
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("bent", ["norm", "relu"])
def test_what_is_not_linear_between_is_refused(bent):
    model = Parts(nn.GRU)
    between = {"norm": model.norm, "relu": torch.relu}

    def forward(ids):
        return model.head(model.upper(between[bent](model.lower(model.words(ids))[0]))[0][:, -1])

    method = RecurrentDeepLiftAttribution(forward, model.layers)
    with pytest.raises(ValueError, match=r"not linear .* use AdjointDeltaAttribution"):
        method.attribute(IDS, IDS.flip(1), target=1)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_what_each_layer_read(kind, bidirectional):
    """The lower one as in a layer of two, the upper one as alone."""
    model = Parts(kind, bidirectional=bidirectional)
    stack, instead = stacked(model), VECTORS.flip(0).roll(1, 1)

    def apart(vectors):
        return model.head(model.upper(model.dropout(model.lower(vectors)[0]))[0].mean(1).tanh())

    def together(vectors):
        return model.head(stack(vectors)[0].mean(1).tanh())

    lower, upper = RecurrentDeepLiftAttribution(apart, model.layers).attribute(
        VECTORS, instead, target=1, attribute_to_layer_input=True
    )
    expected, _ = scores_and_delta(together, stack, VECTORS, instead)
    torch.testing.assert_close(lower, expected, rtol=0, atol=1e-12)
    alone = RecurrentDeepLiftAttribution(apart, model.upper).attribute(
        VECTORS, instead, target=1, attribute_to_layer_input=True
    )
    torch.testing.assert_close(upper, alone, rtol=0, atol=1e-12)


@pytest.mark.parametrize("form", FORMS)
def test_what_each_layer_read_of_other_forms(form):
    """Where the lowest layers read all that there is, their shares sum to the output's change."""
    model, instead = Parts(nn.LSTM), VECTORS.flip(0).roll(1, 1)

    def forward(vectors):
        return form(model, vectors)

    method = RecurrentDeepLiftAttribution(forward, model.layers)
    lower, _ = method.attribute(VECTORS, instead, target=1, attribute_to_layer_input=True)
    if form in (residual, begins_with_last_states):
        change = (forward(VECTORS) - forward(instead))[:, 1].detach()
        torch.testing.assert_close(lower.sum((1, 2)), change, rtol=0, atol=1e-12)
    with pytest.raises(ValueError, match="more than once"):
        method.attribute(
            VECTORS,
            instead,
            target=1,
            attribute_to_layer_input=True,
            return_convergence_delta=True,
        )
    bent = RecurrentDeepLiftAttribution(
        lambda vectors: model.head(model.upper(model.lower(vectors)[0].relu())[0][:, -1]),
        model.layers,
    )
    with pytest.raises(ValueError, match="not linear"):
        bent.attribute(VECTORS, instead, target=1, attribute_to_layer_input=True)


def test_what_is_for_one_layer_alone():
    model = Parts(nn.GRU)
    forward = lambda ids: model.head(model.upper(model.lower(model.words(ids))[0])[1][-1])  # noqa: E731
    method = RecurrentDeepLiftAttribution(forward, model.layers, step="secant")
    with pytest.raises(ValueError, match=r'layer holds 2 layers, .* step="share"'):
        method.attribute(IDS, target=1)
