"""Baselines in every form that Captum takes, and those that do not fit."""

import pytest
import torch
from torch import nn

from captum_rnn.attr import AdjointDeltaAttribution, LocalDeltaAttribution
from captum_rnn.attr.baselines import as_baselines
from captum_rnn.attr.inputs import InputLayout
from models import Classifier

EMBEDDED, IDS = torch.randn(2, 4, 3), torch.arange(8).reshape(2, 4)


def of_one(given, tensor, batch_first=True, unbatched=False):
    layout = InputLayout(tensor.shape, batch_first, unbatched)
    (found,) = as_baselines(given, (tensor,), [layout])
    return found


@pytest.mark.parametrize("shape", [(), (3,), (4, 3), (1, 4, 3), (2, 1, 3), (2, 4, 1), (2, 4, 3)])
def test_whatever_broadcasts_to_embedded_tokens(shape):
    given = torch.randn(shape)
    assert torch.equal(of_one(given, EMBEDDED), given.expand(2, 4, 3))


def test_numbers_and_types():
    assert torch.equal(of_one(2, EMBEDDED), torch.full((2, 4, 3), 2.0))
    assert torch.equal(of_one(0.5, EMBEDDED.double()), torch.full((2, 4, 3), 0.5).double())
    assert (of_one(0.1, EMBEDDED.double()) == 0.1).all()
    assert of_one(torch.arange(3), EMBEDDED).dtype == torch.float32
    assert torch.equal(of_one(7, IDS), torch.full((2, 4), 7))
    trained = nn.Parameter(torch.ones(3))
    assert not of_one(trained, EMBEDDED).requires_grad


def test_a_row_of_time_first_inputs_is_no_batch():
    """Square, so that only the layout tells them apart."""
    row = torch.randn(4, 3)
    square = torch.randn(4, 4, 3)
    assert torch.equal(of_one(row, square)[2], row)
    assert torch.equal(of_one(row, square, batch_first=False)[:, 2], row)
    ids = torch.tensor([1, 2, 3, 4])
    assert torch.equal(of_one(ids, torch.zeros(4, 4).long())[2], ids)
    assert torch.equal(of_one(ids, torch.zeros(4, 4).long(), batch_first=False)[:, 2], ids)
    assert torch.equal(of_one(torch.ones(3), torch.randn(5, 3), unbatched=True), torch.ones(5, 3))


@pytest.mark.parametrize("shape", [(), (4,), (1, 4), (2, 1), (2, 4)])
def test_ids_for_ids(shape):
    given = torch.randint(9, shape)
    assert torch.equal(of_one(given, IDS), given.expand(2, 4))


@pytest.mark.parametrize("shape", [(6,), (4, 6), (1, 4, 6), (2, 4, 6)])
def test_vectors_for_ids(shape):
    given = torch.randn(shape)
    assert torch.equal(of_one(given, IDS), given.expand(2, 4, 6))


@pytest.mark.parametrize(
    ("given", "tensor", "error", "words"),
    [
        (torch.zeros(4), EMBEDDED, ValueError, r"shape \(4,\); expected \(2, 4, 3\), or what"),
        (torch.zeros(2, 3), EMBEDDED, ValueError, r"shape \(2, 3\); expected \(2, 4, 3\)"),
        (torch.zeros(1, 2, 4, 3), EMBEDDED, ValueError, r"shape \(1, 2, 4, 3\)"),
        (torch.zeros(3).long(), IDS, ValueError, r"shape \(3,\); expected \(2, 4\)"),
        (0.5, IDS, TypeError, "the inputs are ids; expected an id"),
        ("skip", EMBEDDED, TypeError, "baselines is of type str"),
        (True, EMBEDDED, TypeError, "baselines is of type bool"),
        ([0.0], EMBEDDED, TypeError, "baselines is of type list"),
        (torch.ones(2, 4).bool(), IDS, TypeError, "baselines is of type torch.bool"),
        ((0, 0), EMBEDDED, ValueError, r"2 entry\(ies\) for 1 input tensor"),
    ],
)
def test_what_does_not_fit(given, tensor, error, words):
    with pytest.raises(error, match=words):
        of_one(given, tensor)


@pytest.mark.parametrize("kind", [LocalDeltaAttribution, AdjointDeltaAttribution])
@pytest.mark.parametrize("two_way", [False, True])
def test_a_baseline_id_is_what_the_layer_would_have_read_of_it(kind, two_way):
    """The same scores as of the embedded tokens against the embedded baselines."""
    layer = nn.LSTM(5, 6, 2, batch_first=True, bidirectional=two_way)
    model, lengths = Classifier(layer, 50), torch.tensor([7, 2, 4])
    ids, baseline = torch.randint(50, (3, 7)), torch.randint(50, (3, 7))
    scores = kind(model, layer).attribute(ids, baseline, 1, lengths)
    embedded, vectors = model.embedding(ids).detach(), model.embedding(baseline).detach()
    model.embedding = None
    expected = kind(model, layer).attribute(embedded, vectors, 1, lengths, per_step=True)
    torch.testing.assert_close(scores, expected)
    assert (scores[1, 2:] == 0).all()
    assert (scores[1, :2] != 0).all()
    single, spread = (
        kind(model, layer).attribute(embedded, given, 1, lengths)
        for given in (vectors[1, 0], vectors[1, 0].expand(3, 7, -1))
    )
    torch.testing.assert_close(single, spread)


@pytest.mark.parametrize("kind", [LocalDeltaAttribution, AdjointDeltaAttribution])
def test_baselines_of_runs_that_hand_their_state_on(kind):
    embedding, layer, head = nn.Embedding(50, 5), nn.GRU(5, 6, 2, batch_first=True), nn.Linear(6, 2)

    def in_chunks(ids):
        state = None
        for chunk in embedding(ids).split(3, 1):
            outputs, state = layer(chunk, state)
        return head(outputs[:, -1])

    def at_once(ids):
        return head(layer(embedding(ids))[0][:, -1])

    ids, baseline = torch.randint(50, (3, 7)), torch.randint(50, (3, 7))
    expected = kind(at_once, layer).attribute(ids, baseline, 1)
    torch.testing.assert_close(kind(in_chunks, layer).attribute(ids, baseline, 1), expected)
    spread = kind(in_chunks, layer).attribute(ids, 7, 1)
    torch.testing.assert_close(spread, kind(at_once, layer).attribute(ids, 7, 1))


def test_baselines_by_which_the_model_would_pack_otherwise():
    layer, head = nn.GRU(3, 4, batch_first=True), nn.Linear(4, 2)

    def model(embedded):
        lengths = (embedded != 0).any(2).sum(1)
        packed = nn.utils.rnn.pack_padded_sequence(embedded, lengths, True, enforce_sorted=False)
        return head(layer(packed)[1][-1])

    baselines = torch.ones(2, 4, 3)
    baselines[1, 2:] = 0
    method = LocalDeltaAttribution(model, layer)
    assert method.attribute(EMBEDDED, 1.0, 1).isfinite().all()
    with pytest.raises(ValueError, match="with other lengths or features than"):
        method.attribute(EMBEDDED, baselines, 1)
