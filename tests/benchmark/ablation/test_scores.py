import pytest
import torch
from torch import nn

from captum_rnn.attr import HiddenStateDeltaAttribution
from captum_rnn.benchmark.ablation.grid import Cell, Grid
from captum_rnn.benchmark.ablation.scores import NEUTRAL_WORDS, RecordedBatch
from captum_rnn.benchmark.dataset import explained_model
from captum_rnn.benchmark.methods import ExplainedModel
from captum_rnn.text.classifier import RecurrentClassifier

# Ragged, with padding in the middle of a text and before it.
IDS = torch.tensor([[3, 5, 2, 7, 9, 1], [4, 0, 6, 8, 0, 0], [0, 2, 2, 5, 7, 0]])


def classifier(**architecture):
    torch.manual_seed(5)
    model = RecurrentClassifier(9, embedding_dim=4, hidden_size=5, **architecture).double().eval()
    with torch.no_grad():
        model.embedding.weight[1:].normal_()
    return model


class Unpacked(nn.Module):
    """Runs its layer over the padding, time first, and reads at the ends of the texts."""

    def __init__(self, layer):
        super().__init__()
        self.embedding = nn.Embedding(10, 4)
        self.layer = layer
        self.head = nn.Linear(5, 2)

    def forward(self, ids, lengths):
        outputs, _ = self.layer(input=self.embedding(ids).transpose(0, 1))
        return self.head(outputs[lengths - 1, torch.arange(len(ids))])


class StartingFrom(nn.Module):
    """The classifier with a layer that is given its initial states."""

    def __init__(self, model, states):
        super().__init__()
        self.model = model
        self.rnn = model.rnn
        self.states = states

    def forward(self, ids):
        def give(layer, arguments):
            states = tuple(state.repeat(1, len(ids), 1) for state in self.states)
            return arguments[0], states if isinstance(layer, nn.LSTM) else states[0]

        handle = self.rnn.register_forward_pre_hook(give)
        try:
            return self.model(ids)
        finally:
            handle.remove()


ARCHITECTURES = [
    {"kind": "lstm"},
    {"kind": "lstm", "bidirectional": True, "layers": 2},
    {"kind": "gru", "layers": 2, "pooling": "mean"},
    {"kind": "rnn", "bidirectional": True},
]


def options(cell):
    names = ("distance", "readout", "state", "layer_index", "direction", "normalize")
    return {name: getattr(cell, name) for name in names}


def unasked(model):
    """The model without a graph, so that any readout may be claimed of it."""
    return lambda *arguments: model(*arguments).detach()


def neutral_states(model, neutral_id):
    embedded = model.embedding(torch.full((1, NEUTRAL_WORDS), neutral_id))
    final = model.rnn(embedded)[1]
    return final if isinstance(final, tuple) else (final,)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("initial", ["zeros", "neutral"])
def test_every_cell_scores_as_the_attribution_with_the_same_options(architecture, initial):
    model = classifier(**architecture)
    explained = explained_model(model)
    grid = Grid.of(model.rnn)
    cells = [c for c in grid.cells if c.initial_state == initial and c.embedding == "trained"]
    scores = RecordedBatch.of(explained, IDS, initial).score(cells)
    with torch.no_grad():
        states = neutral_states(model, explained.neutral_id)
    started = model if initial == "zeros" else StartingFrom(model, states)
    for cell, of_cell in zip(cells, scores, strict=True):
        method = HiddenStateDeltaAttribution(unasked(started), model.rnn, **options(cell))
        expected = method.attribute(IDS)
        torch.testing.assert_close(of_cell, expected)


@pytest.mark.parametrize("cell", [Cell(), Cell(distance="cosine", readout="max")])
def test_a_layer_that_runs_over_padding_is_told_the_lengths(cell):
    torch.manual_seed(0)
    model = Unpacked(nn.GRU(4, 5))
    explained = ExplainedModel(model, model.embedding, model.layer, takes_lengths=True)
    ids = torch.tensor([[3, 5, 2, 7], [4, 6, 0, 0]])
    scores = RecordedBatch.of(explained, ids, "zeros").score([cell])[0]
    lengths = torch.tensor([4, 2])
    expected = HiddenStateDeltaAttribution(unasked(model), model.layer, **options(cell)).attribute(
        ids, additional_forward_args=(lengths,), lengths=lengths
    )
    torch.testing.assert_close(scores, expected)
    assert scores[1, 2:].eq(0).all()
    neutral = RecordedBatch.of(explained, ids, "neutral").score([cell])[0]
    alone = RecordedBatch.of(explained, ids[1:, :2], "neutral").score([cell])[0]
    torch.testing.assert_close(neutral[1:, :2], alone)


@pytest.mark.parametrize("distance", ["l2", "cosine", "projection"])
def test_the_neutral_state_is_that_of_a_neutral_prefix_for_a_forward_layer(distance):
    explained = explained_model(classifier(kind="gru"))
    ids = torch.tensor([[3, 5, 2, 7], [4, 6, 0, 0]])
    cell = Cell(distance=distance)
    scores = RecordedBatch.of(explained, ids, "neutral").score([cell])
    prefix = torch.full((2, NEUTRAL_WORDS), explained.neutral_id)
    with_prefix = RecordedBatch.of(explained, torch.cat([prefix, ids], 1), "zeros").score([cell])
    torch.testing.assert_close(scores, with_prefix[..., NEUTRAL_WORDS:])


def test_both_directions_start_from_the_neutral_state():
    explained = explained_model(classifier(kind="lstm", bidirectional=True))
    zeros, neutral = (RecordedBatch.of(explained, IDS, start) for start in ("zeros", "neutral"))
    cells = [Cell(direction="forward"), Cell(direction="backward")]
    assert ((zeros.score(cells) - neutral.score(cells)).abs().amax((1, 2)) > 1e-3).all()


def test_the_layer_is_left_as_it_was():
    explained = explained_model(classifier())
    before = explained.probabilities(IDS)
    RecordedBatch.of(explained, IDS, "neutral")
    assert torch.equal(explained.probabilities(IDS), before)
    assert not explained.layer._forward_pre_hooks


def test_a_classifier_that_runs_its_layer_twice_is_refused():
    model = Unpacked(nn.GRU(4, 5))
    model.forward = lambda ids, lengths: sum(Unpacked.forward(model, ids, lengths) for _ in "ab")
    explained = ExplainedModel(model, model.embedding, model.layer, takes_lengths=True)
    with pytest.raises(ValueError, match="ran 2 times in one forward pass"):
        RecordedBatch.of(explained, torch.tensor([[3, 5]]), "zeros")
