import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from captum_rnn import HiddenStateDeltaAttribution
from captum_rnn.text.classifier import RecurrentClassifier

CELLS = {"lstm": nn.LSTMCell, "gru": nn.GRUCell, "rnn": nn.RNNCell}
KINDS = tuple(CELLS)


def small(kind="lstm", classes=3):
    model = RecurrentClassifier(9, classes, kind, embedding_dim=4, hidden_size=5).double().eval()
    with torch.no_grad():
        model.embedding.weight[1:].normal_()
    return model


def stepped(model, row):
    """The logits of one text, its known words read one by one by a cell with the same weights."""
    kind = model.architecture["kind"]
    cell = CELLS[kind](4, 5).double()
    cell.load_state_dict(
        {name.removesuffix("_l0"): w for name, w in model.rnn.state_dict().items()}
    )
    state = None
    for word in row:
        if word != 0:
            state = cell(model.embedding.weight[word].unsqueeze(0), state)
    hidden = state[0] if isinstance(state, tuple) else state
    hidden = torch.zeros(1, 5, dtype=torch.float64) if hidden is None else hidden
    return (hidden @ model.head.weight.T + model.head.bias)[0]


ROWS = st.integers(1, 7).flatmap(
    lambda time: st.lists(
        st.lists(st.integers(0, 9), min_size=time, max_size=time), min_size=1, max_size=4
    )
)


@pytest.mark.parametrize("kind", KINDS)
@given(rows=ROWS)
@settings(max_examples=25, deadline=None)
def test_logits_are_those_of_a_cell_that_skips_id_zero(kind, rows):
    model = small(kind)
    with torch.no_grad():
        logits = model(torch.tensor(rows))
        expected = torch.stack([stepped(model, row) for row in rows])
    torch.testing.assert_close(logits, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_a_text_of_unknown_words_has_the_logits_of_the_bias_alone(kind):
    model = small(kind)
    logits = model(torch.tensor([[0, 0, 0], [4, 0, 2]]))
    assert torch.equal(logits[0], model.head.bias)
    assert not torch.equal(logits[1], model.head.bias)


@pytest.mark.parametrize("kind", KINDS)
def test_hidden_state_delta_skips_id_zero(kind):
    model = small(kind)
    attribution = HiddenStateDeltaAttribution(model, model.rnn)
    scores = attribution.attribute(torch.tensor([[0, 3, 0, 7, 0]]), target=1)
    alone = attribution.attribute(torch.tensor([[3, 7]]), target=1)
    assert scores[0, [0, 2, 4]].tolist() == [0, 0, 0]
    torch.testing.assert_close(scores[:, [1, 3]], alone, rtol=0, atol=1e-6)
    assert scores.sum().item() == pytest.approx(1, abs=1e-6)


def test_gradients_reach_known_words_only():
    model, ids = small(), torch.tensor([[3, 0, 7], [0, 0, 0]])
    embedded = model.embedding(ids).detach().requires_grad_()
    model.forward_embedded(embedded, ids)[:, 1].sum().backward()
    reached = embedded.grad.abs().sum(-1) > 0
    assert reached.tolist() == [[True, False, True], [False, False, False]]


def test_the_architecture_builds_it_again():
    model = RecurrentClassifier(9, 3, "gru", embedding_dim=4, hidden_size=5, dropout=0.25)
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
        ({"vocabulary_size": 0}, r"\(0, 128, 128\) with 2 classes"),
        ({"vocabulary_size": 5, "hidden_size": -1}, r"\(5, 128, -1\)"),
        ({"vocabulary_size": 5, "classes": 1}, "with 1 classes"),
        ({"vocabulary_size": 5, "kind": "LSTM"}, "'LSTM'; expected one of lstm, gru, rnn"),
    ],
)
def test_wrong_arguments(arguments, reason):
    with pytest.raises(ValueError, match=reason):
        RecurrentClassifier(**arguments)
