import pytest
import torch
from torch import nn

from captum_rnn.states.perturbing import run_embedded, seen_states
from models import Classifier


@pytest.fixture
def model():
    return Classifier(nn.GRU(3, 4, bidirectional=True, batch_first=True), 20).eval()


@pytest.fixture
def ids():
    return torch.randint(1, 20, (2, 5))


def test_word_vectors_that_are_put_in_place_of_others(model, ids):
    other = torch.randint(1, 20, (2, 5))
    put = model.embedding(other).detach()
    run = run_embedded(lambda: model(ids), model.layer, model.embedding, put)
    assert run.embedded is put
    torch.testing.assert_close(run.output.output, model.layer(put)[0])


def test_the_states_can_be_differentiated_by_the_word_vectors(model, ids):
    run = run_embedded(lambda: model(ids), model.layer, model.embedding)
    torch.testing.assert_close(run.embedded.detach(), model.embedding(ids).detach())
    seen = seen_states(model.layer, run, "all")
    (gradient,) = torch.autograd.grad(seen.values.sum(), run.embedded)
    embedded = model.embedding(ids).detach().requires_grad_()
    (expected,) = torch.autograd.grad(model.layer(embedded)[0].sum(), embedded)
    torch.testing.assert_close(gradient, expected)


def test_what_each_readout_sees_of_a_two_way_layer(model, ids):
    lengths = torch.tensor([5, 3])
    run = run_embedded(lambda: model(ids, lengths), model.layer, model.embedding)
    outputs, final = model.layer(
        nn.utils.rnn.pack_padded_sequence(model.embedding(ids), lengths, True, enforce_sorted=False)
    )
    outputs = nn.utils.rnn.pad_packed_sequence(outputs, batch_first=True)[0]
    last = seen_states(model.layer, run, "final")
    torch.testing.assert_close(last.values[:, 0], final.transpose(0, 1).flatten(1))
    every = seen_states(model.layer, run, "all")
    assert every.seen.sum(1).tolist() == [5, 3]
    torch.testing.assert_close(every.values, outputs)
    at = seen_states(model.layer, run, torch.tensor([4, 0]))
    torch.testing.assert_close(at.values[:, 0], outputs[[0, 1], [4, 0]])


def test_a_layer_that_answers_with_a_tuple():
    attention = nn.MultiheadAttention(4, 2, batch_first=True).eval()
    embedding = nn.Embedding(20, 4)
    ids = torch.randint(20, (2, 5))

    def forward():
        embedded = embedding(ids)
        return attention(embedded, embedded, embedded)

    run = run_embedded(forward, attention, embedding)
    seen = seen_states(attention, run, "final", torch.tensor([5, 2]))
    torch.testing.assert_close(seen.values[:, 0], forward()[0][[0, 1], [4, 1]])


def test_a_model_that_changes_its_word_vectors_in_place(ids):
    embedding, layer = nn.Embedding(20, 4), nn.Linear(4, 3)
    run = run_embedded(lambda: layer(embedding(ids).mul_(2)), layer, embedding)
    torch.testing.assert_close(run.output, layer(2 * embedding(ids)))


def test_what_does_not_run_once(model, ids):
    with pytest.raises(ValueError, match=r"the layer \(Linear\) did not run"):
        run_embedded(lambda: model(ids), nn.Linear(2, 2), model.embedding)
    with pytest.raises(ValueError, match=r"the embedding \(Embedding\) ran 2 times"):
        run_embedded(lambda: (model(ids), model(ids)), model.head, model.embedding)
    with pytest.raises(TypeError, match=r"the embedding \(GRU\) answered with a tuple"):
        run_embedded(lambda: model(ids), model.head, model.layer)
    assert not model.embedding._forward_hooks


def test_outputs_that_do_not_fit(ids):
    embedding = nn.Embedding(20, 4)
    shrinking = nn.Conv1d(4, 3, 2)
    run = run_embedded(lambda: shrinking(embedding(ids).transpose(1, 2)), shrinking, embedding)
    assert seen_states(shrinking, run, "all").values.shape == (2, 3, 4)
    with pytest.raises(ValueError, match=r"shape \(2, 3, 4\), which has no axis of 5 token"):
        seen_states(shrinking, run, "final")
    one = nn.Linear(4, 3)
    run = run_embedded(lambda: one(embedding(ids)[:1]), one, embedding)
    with pytest.raises(ValueError, match="one row of the output for each of the input"):
        seen_states(one, run, "all")
