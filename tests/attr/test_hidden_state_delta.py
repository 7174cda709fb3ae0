"""The class against cells stepped token by token, over every kind of layer and layout."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

import reference
from captum_rnn import HiddenStateDeltaAttribution
from models import Classifier

BATCH, TIME, FEATURES = 3, 7, 5
LENGTHS = [4, 7, 1]  # unsorted on purpose


@pytest.mark.over_every_layer
def test_agrees_with_cells_stepped_by_hand(
    kind, num_layers, bidirectional, batch_first, packed, with_initial_state
):
    layer = reference.make_layer(
        kind, FEATURES, num_layers=num_layers, bidirectional=bidirectional, batch_first=batch_first
    )
    for dtype, tolerance in ((torch.float64, 1e-10), (torch.float32, 1e-5)):
        model = Classifier(layer.to(dtype))
        inputs = torch.randn(BATCH, TIME, FEATURES, dtype=dtype)
        initial = reference.make_initial_state(layer, BATCH) if with_initial_state else None
        lengths = LENGTHS if packed else [TIME] * BATCH
        expected = reference.batch_scores(layer, inputs, initial, lengths)
        scores = HiddenStateDeltaAttribution(model, layer).attribute(
            inputs, additional_forward_args=(torch.tensor(lengths) if packed else None, initial)
        )
        assert scores.shape == inputs.shape
        assert scores.dtype == dtype
        assert scores.is_contiguous()
        torch.testing.assert_close(scores.sum(-1), expected.to(dtype), rtol=0, atol=tolerance)


@pytest.mark.parametrize("distance", ["l2", "l1", "linf", "cosine", "projection"])
@pytest.mark.parametrize("normalize", [True, False])
def test_every_distance(distance, normalize):
    layer = nn.LSTM(FEATURES, 6, bidirectional=True, batch_first=True).double()
    inputs = torch.randn(BATCH, TIME, FEATURES, dtype=torch.float64)
    hsd = HiddenStateDeltaAttribution(layer, distance=distance, normalize=normalize)
    expected = reference.batch_scores(
        layer, inputs, None, [TIME] * BATCH, kind=distance, normalize=normalize
    )
    scores, delta = hsd.attribute(inputs, return_convergence_delta=True)
    torch.testing.assert_close(scores.sum(-1), expected, rtol=0, atol=1e-10)
    assert delta.shape == (BATCH,)
    assert delta.abs().max() < 1e-10


@pytest.mark.parametrize("batch_first", [True, False])
def test_a_bare_module_follows_its_own_layout(batch_first):
    layer = nn.GRU(FEATURES, 6, batch_first=batch_first)
    inputs = torch.randn(BATCH, TIME, FEATURES)
    expected = reference.batch_scores(layer, inputs, None, [TIME] * BATCH).float()
    laid_out = inputs if batch_first else inputs.transpose(0, 1)
    scores = HiddenStateDeltaAttribution(layer).attribute(laid_out)
    assert scores.shape == laid_out.shape
    tokens = scores.sum(-1) if batch_first else scores.sum(-1).t()
    torch.testing.assert_close(tokens, expected, rtol=0, atol=1e-5)
    unbatched, delta = HiddenStateDeltaAttribution(layer).attribute(
        inputs[0], return_convergence_delta=True
    )
    assert unbatched.shape == (TIME, FEATURES)
    assert delta.shape == (1,)
    torch.testing.assert_close(unbatched.sum(-1), expected[0], rtol=0, atol=1e-5)


def test_a_bare_module_takes_an_initial_state():
    layer = nn.LSTM(FEATURES, 6, batch_first=True)
    inputs = torch.randn(BATCH, TIME, FEATURES)
    initial = reference.make_initial_state(layer, BATCH)
    scores = HiddenStateDeltaAttribution(layer).attribute(
        inputs, additional_forward_args=(initial,)
    )
    expected = reference.batch_scores(layer, inputs, initial, [TIME] * BATCH).float()
    torch.testing.assert_close(scores.sum(-1), expected, rtol=0, atol=1e-5)


def test_lengths_of_a_two_way_layer_start_behind_the_padding():
    layer = nn.GRU(FEATURES, 6, batch_first=True, bidirectional=True).double()
    inputs = torch.randn(1, 6, FEATURES, dtype=torch.float64)
    forward, backward = reference.top_states(layer, inputs[0])
    forward, backward = forward[:5], backward[2:]  # two steps of padding have been read
    scores = HiddenStateDeltaAttribution(layer).attribute(inputs, lengths=torch.tensor([4]))
    expected = reference.scores([forward, backward])
    torch.testing.assert_close(scores[0, :4].sum(-1), torch.tensor(expected, dtype=torch.float64))
    assert (scores[0, 4:] == 0).all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_layers(dtype):
    layer = nn.LSTM(FEATURES, 6, batch_first=True).to(dtype)
    inputs = torch.randn(BATCH, TIME, FEATURES).to(dtype)
    with torch.no_grad():
        states = torch.cat([torch.zeros(BATCH, 1, 6), layer(inputs)[0].float()], 1)
    scores = HiddenStateDeltaAttribution(layer).attribute(inputs)
    assert scores.dtype == torch.float32
    expected = [reference.scores([row.double()]) for row in states]
    torch.testing.assert_close(scores.sum(-1), torch.tensor(expected), rtol=0, atol=1e-5)


def test_dropout_between_layers_is_scored_as_it_ran():
    layer = nn.LSTM(FEATURES, 6, num_layers=2, dropout=0.5, batch_first=True)
    inputs = torch.randn(BATCH, TIME, FEATURES)
    torch.manual_seed(1)
    with torch.no_grad():
        states = torch.cat([torch.zeros(BATCH, 1, 6), layer(inputs)[0]], 1)
    torch.manual_seed(1)
    scores = HiddenStateDeltaAttribution(layer).attribute(inputs)
    expected = [reference.scores([row.double()]) for row in states]
    torch.testing.assert_close(scores.sum(-1), torch.tensor(expected), rtol=0, atol=1e-5)
    assert layer.training


def test_no_bias_and_a_subclass():
    class Doubling(nn.LSTM):
        def forward(self, input, hx=None):
            return super().forward(2 * input, hx)

    layer = Doubling(FEATURES, 6, bias=False, batch_first=True).double()
    inputs = torch.randn(BATCH, TIME, FEATURES, dtype=torch.float64)
    expected = reference.batch_scores(layer, 2 * inputs, None, [TIME] * BATCH)
    scores = HiddenStateDeltaAttribution(layer).attribute(inputs)
    torch.testing.assert_close(scores.sum(-1), expected, rtol=0, atol=1e-10)


@given(seed=st.integers(0, 10_000), kind=st.sampled_from(reference.KINDS), two_way=st.booleans())
@settings(max_examples=25)
@pytest.mark.filterwarnings("ignore:.* rows end in a zero state")  # relu units may all be dead
def test_properties_of_packed_batches(seed, kind, two_way):
    torch.manual_seed(seed)
    layer = reference.make_layer(kind, FEATURES, bidirectional=two_way, batch_first=True).double()
    model = Classifier(layer)
    hsd = HiddenStateDeltaAttribution(model, layer)
    inputs = torch.randn(4, TIME, FEATURES, dtype=torch.float64)
    lengths = torch.randint(1, TIME + 1, (4,))
    scores = hsd.attribute(inputs, additional_forward_args=(lengths,))
    packed = pack_padded_sequence(inputs, lengths, batch_first=True, enforce_sorted=False)
    ends = layer(packed)[1]
    ends = ends[0] if isinstance(ends, tuple) else ends
    is_moved = (ends != 0).any(2).any(0)
    torch.testing.assert_close(scores.sum((1, 2)), is_moved.double())

    further = torch.cat([inputs, torch.randn(4, 3, FEATURES, dtype=torch.float64)], 1)
    padded_further = hsd.attribute(further, additional_forward_args=(lengths,))
    torch.testing.assert_close(padded_further[:, :TIME], scores, rtol=0, atol=1e-12)
    assert (padded_further[:, TIME:] == 0).all()

    order = torch.randperm(4)
    permuted = hsd.attribute(inputs[order], additional_forward_args=(lengths[order],))
    torch.testing.assert_close(permuted, scores[order], rtol=0, atol=1e-12)

    by_length = lengths.argsort(descending=True, stable=True)
    model.enforce_sorted = True
    presorted = hsd.attribute(inputs[by_length], additional_forward_args=(lengths[by_length],))
    torch.testing.assert_close(presorted, scores[by_length], rtol=0, atol=1e-12)

    if not two_way:
        padded = HiddenStateDeltaAttribution(layer).attribute(inputs, lengths=lengths)
        torch.testing.assert_close(padded, scores, rtol=0, atol=1e-12)


@pytest.mark.parametrize("distance", ["l2", "projection"])
@pytest.mark.parametrize("readout", ["final", 2, "mean"])
def test_other_states_are_scored_as_if_they_were_all_there_is(readout, distance):
    """A layer alone on what it read, whose cell states a classifier might read."""
    layer = nn.LSTM(FEATURES, 6, num_layers=2, bidirectional=True, batch_first=True).double()
    inputs, lengths = torch.randn(BATCH, TIME, FEATURES).double(), torch.tensor(LENGTHS)
    scores, delta = HiddenStateDeltaAttribution(
        Classifier(layer),
        layer,
        state="cell",
        layer_index=0,
        direction="forward",
        readout=readout if readout != 2 else torch.tensor([2, 2, 0]),
        distance=distance,
    ).attribute(inputs, target=0, additional_forward_args=(lengths,), return_convergence_delta=True)
    assert delta.abs().max() < 1e-12
    cell = nn.LSTMCell(FEATURES, 6).double()
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    cell.load_state_dict({name: getattr(layer, f"{name}_l0") for name in names})
    for row, length in enumerate(LENGTHS):
        state, cells = None, [torch.zeros(6, dtype=torch.float64)]
        for token in inputs[row, :length]:
            state = cell(token[None], state)
            cells.append(state[1][0].detach())
        if readout == 2:
            cells = cells[: min(length, 3) + 1]
        elif readout == "mean":
            sums = torch.stack(cells[1:]).cumsum(0)
            cells[1:] = [total / (t + 1) for t, total in enumerate(sums)]
        expected = torch.tensor(reference.scores([torch.stack(cells)], distance)).double()
        found = scores[row].sum(-1)
        torch.testing.assert_close(found[: len(expected)], expected, rtol=0, atol=1e-6)
        assert (found[len(expected) :] == 0).all()


def test_cell_states_of_unbatched_and_time_first_inputs():
    layer = nn.LSTM(FEATURES, 6)
    inputs = torch.randn(TIME, BATCH, FEATURES)
    hsd = HiddenStateDeltaAttribution(layer, state="cell", normalize=False)
    scores = hsd.attribute(inputs)
    assert scores.shape == inputs.shape
    with torch.no_grad():
        final = layer(inputs)[1][1][0]
    torch.testing.assert_close(scores.sum((0, 2)), final.norm(dim=1))
    for row in range(BATCH):
        alone = hsd.attribute(inputs[:, row])
        torch.testing.assert_close(alone, scores[:, row], rtol=0, atol=1e-6)


def test_the_directions_raw_scores_add_up():
    layer = nn.GRU(FEATURES, 6, bidirectional=True)
    inputs = torch.randn(TIME, BATCH, FEATURES)
    both, forward, backward = (
        HiddenStateDeltaAttribution(layer, direction=direction, normalize=False).attribute(inputs)
        for direction in ("both", "forward", "backward")
    )
    torch.testing.assert_close(both, forward + backward)
    assert (forward - backward).abs().max() > 0.01


def test_a_state_that_the_layer_does_not_have():
    layer = nn.GRU(FEATURES, 6)
    with pytest.raises(ValueError, match="the layer is a GRU, which has no cell state"):
        HiddenStateDeltaAttribution(layer, state="cell").attribute(torch.randn(4, 1, FEATURES))
    with pytest.raises(ValueError, match="state is 'memory'; expected one of"):
        HiddenStateDeltaAttribution(layer, state="memory")


def test_lengths_that_the_model_does_not_go_by():
    """Padding in front: the last state is read, which stands behind the number of real tokens."""
    layer, inputs = nn.GRU(3, 4, batch_first=True), torch.randn(2, 5, 3)
    method = HiddenStateDeltaAttribution(lambda x: layer(x)[0][:, -1], layer)
    with pytest.raises(ValueError, match=r"row 1 has 3 token\(s\) .* the state after step 4"):
        method.attribute(inputs, lengths=torch.tensor([5, 3]))
