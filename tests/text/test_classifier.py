import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from captum_rnn import HiddenStateDeltaAttribution, LogitDeltaAttribution
from captum_rnn.text.classifier import RecurrentClassifier

CELLS = {"lstm": nn.LSTMCell, "gru": nn.GRUCell, "rnn": nn.RNNCell}
KINDS = tuple(CELLS)
SHAPES = [
    *({"kind": kind} for kind in KINDS),
    {"kind": "lstm", "bidirectional": True},
    {"kind": "gru", "layers": 2, "pooling": "mean"},
    {"kind": "rnn", "bidirectional": True, "layers": 2, "pooling": "mean"},
    {"kind": "lstm", "bidirectional": True, "layers": 3},
]
every_shape = pytest.mark.parametrize("shape", SHAPES, ids=lambda s: "-".join(map(str, s.values())))


def small(kind="lstm", classes=3, **shape):
    model = RecurrentClassifier(9, classes, kind, embedding_dim=4, hidden_size=5, **shape)
    model.double().eval()
    with torch.no_grad():
        model.embedding.weight[1:].normal_()
    return model


def states_of(model, layer_index, suffix, inputs):
    """The states after each input, one by one from a cell with one direction's weights."""
    kind = model.architecture["kind"]
    weights = {
        name.removesuffix(f"_l{layer_index}{suffix}"): weight
        for name, weight in model.rnn.state_dict().items()
        if name.endswith(f"_l{layer_index}{suffix}")
    }
    cell = CELLS[kind](weights["weight_ih"].shape[1], 5).double()
    cell.load_state_dict(weights)
    state, states = None, []
    for vector in inputs:
        state = cell(vector.unsqueeze(0), state)
        states.append((state[0] if isinstance(state, tuple) else state)[0])
    return states


def stepped(model, row):
    """The logits of one text, its known words read one by one."""
    architecture = model.architecture
    inputs = [model.embedding.weight[word] for word in row if word != 0]
    directions = 2 if architecture["bidirectional"] else 1
    read = torch.zeros(5 * directions, dtype=torch.float64)
    if inputs:
        for layer_index in range(architecture["layers"]):
            passes = [states_of(model, layer_index, "", inputs)]
            if directions == 2:
                passes.append(states_of(model, layer_index, "_reverse", inputs[::-1])[::-1])
            inputs = [torch.cat(states) for states in zip(*passes, strict=True)]
        ends = [passes[0][-1], *(states[0] for states in passes[1:])]
        is_mean = architecture["pooling"] == "mean"
        read = torch.stack(inputs).mean(0) if is_mean else torch.cat(ends)
    return model.head.weight @ read + model.head.bias


ROWS = st.integers(1, 7).flatmap(
    lambda time: st.lists(
        st.lists(st.integers(0, 9), min_size=time, max_size=time), min_size=1, max_size=4
    )
)


@every_shape
@given(rows=ROWS)
@settings(max_examples=15)
def test_logits_are_those_of_cells_that_skip_id_zero(shape, rows):
    model = small(**shape)
    with torch.no_grad():
        logits = model(torch.tensor(rows))
        expected = torch.stack([stepped(model, row) for row in rows])
    torch.testing.assert_close(logits, expected, rtol=0, atol=1e-12)


@every_shape
def test_a_text_of_unknown_words_has_the_logits_of_the_bias_alone(shape):
    model = small(**shape)
    logits = model(torch.tensor([[0, 0, 0], [4, 0, 2]]))
    assert torch.equal(logits[0], model.head.bias)
    assert not torch.equal(logits[1], model.head.bias)


@every_shape
def test_hidden_state_delta_skips_id_zero_and_sums_to_one(shape):
    model = small(**shape)
    attribution = HiddenStateDeltaAttribution(model, model.rnn, readout=model.readout)
    scores = attribution.attribute(torch.tensor([[0, 3, 0, 7, 0]]), target=1)
    alone = attribution.attribute(torch.tensor([[3, 7]]), target=1)
    assert scores[0, [0, 2, 4]].tolist() == [0, 0, 0]
    torch.testing.assert_close(scores[:, [1, 3]], alone, rtol=0, atol=1e-6)
    assert scores.sum().item() == pytest.approx(1, abs=1e-6)


@every_shape
def test_logit_delta_sums_to_what_the_words_did_to_the_logit(shape):
    """The sum that the attribution promises shows that it found the head's true readout."""
    model = small(**shape)
    ids = torch.tensor([[0, 3, 0, 7, 1], [2, 2, 0, 0, 0]])
    scores = LogitDeltaAttribution(model, model.rnn).attribute(ids, target=2)
    expected = (model(ids) - model.head.bias)[:, 2].detach()
    torch.testing.assert_close(scores.sum(1), expected, rtol=0, atol=1e-9)
    assert scores[ids == 0].eq(0).all()


def test_the_readout_is_named_as_attributions_name_it():
    assert small().readout == small(bidirectional=True).readout == "final"
    assert small(pooling="mean").readout == "mean"


def test_gradients_reach_known_words_only():
    model, ids = small(), torch.tensor([[3, 0, 7], [0, 0, 0]])
    embedded = model.embedding(ids).detach().requires_grad_()
    model.forward_embedded(embedded, ids)[:, 1].sum().backward()
    reached = embedded.grad.abs().sum(-1) > 0
    assert reached.tolist() == [[True, False, True], [False, False, False]]


def test_the_architecture_builds_it_again():
    model = RecurrentClassifier(
        9, 3, "gru", 4, 5, 0.25, bidirectional=True, layers=2, pooling="mean"
    )
    again = RecurrentClassifier(**model.architecture)
    again.load_state_dict(model.state_dict())
    ids = torch.tensor([[1, 9, 0]])
    assert torch.equal(again.eval()(ids), model.eval()(ids))
    assert (again.dropout.p, type(again.rnn)) == (0.25, nn.GRU)


def test_word_vectors_start_near_zero_and_padding_at_zero():
    weight = RecurrentClassifier(2000).embedding.weight
    assert weight[0].abs().max() == 0
    assert 0.0499 < weight.abs().max() <= 0.05
    assert weight[1:].std().item() == pytest.approx(0.1 / 12**0.5, rel=0.01)


def test_every_layer_and_direction_starts_alike():
    model = RecurrentClassifier(3, hidden_size=6, bidirectional=True, layers=2)
    names = {name for name, _ in model.rnn.named_parameters()}
    assert {"weight_hh_l1_reverse", "bias_ih_l1_reverse"} < names
    for suffix in ("_l0", "_l0_reverse", "_l1", "_l1_reverse"):
        recurrent = getattr(model.rnn, f"weight_hh{suffix}")
        torch.testing.assert_close(recurrent.T @ recurrent, torch.eye(6), rtol=0, atol=1e-5)
        biases = getattr(model.rnn, f"bias_ih{suffix}") + getattr(model.rnn, f"bias_hh{suffix}")
        assert biases.tolist() == [0.0] * 6 + [1.0] * 6 + [0.0] * 12


@pytest.mark.parametrize("kind", KINDS)
def test_layers_start_as_in_the_sources_framework(kind):
    model = RecurrentClassifier(3, 2, kind, embedding_dim=40, hidden_size=30)
    recurrent = model.rnn.weight_hh_l0
    torch.testing.assert_close(recurrent.T @ recurrent, torch.eye(30), rtol=0, atol=1e-5)
    bound = (6 / (40 + len(recurrent))) ** 0.5
    assert 0.98 * bound < model.rnn.weight_ih_l0.abs().max() <= bound
    biases = model.rnn.bias_ih_l0 + model.rnn.bias_hh_l0
    # torch keeps the gates of an LSTM in the order input, forget, cell, output.
    remembering = [0.0] * 30 + [1.0] * 30 + [0.0] * 60
    assert biases.tolist() == (remembering if kind == "lstm" else [0.0] * len(biases))
    assert model.head.bias.tolist() == [0, 0]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"vocabulary_size": 0}, r"\(0, 128, 128, 1\) with 2 classes"),
        ({"vocabulary_size": 5, "hidden_size": -1}, r"\(5, 128, -1, 1\)"),
        ({"vocabulary_size": 5, "layers": 0}, r"\(5, 128, 128, 0\)"),
        ({"vocabulary_size": 5, "pooling": "max"}, "'max'; expected one of last, mean"),
        ({"vocabulary_size": 5, "classes": 1}, "with 1 classes"),
        ({"vocabulary_size": 5, "kind": "LSTM"}, "'LSTM'; expected one of lstm, gru, rnn"),
    ],
)
def test_wrong_arguments(arguments, reason):
    with pytest.raises(ValueError, match=reason):
        RecurrentClassifier(**arguments)
