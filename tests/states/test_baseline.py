"""What the layer would have read, against the model run with an embedding that knows the swap."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

from captum_rnn import pack_tokens
from captum_rnn.states.baseline import Baselines, at_steps, given_on_baselines
from captum_rnn.states.recording import record_calls
from models import hooks

IDS = torch.tensor([[3, 1, 4, 1], [5, 9, 0, 0], [2, 6, 5, 0]])
BASELINE = torch.tensor([[7, 7, 8, 8], [9, 1, 2, 3], [4, 4, 4, 4]])
LENGTHS = (IDS != 0).sum(1)


class Reader(nn.Module):
    """Embedding → positions, norm and mask → layer, fed in one of several ways."""

    def __init__(self, fed: str):
        super().__init__()
        self.embedding, self.places = nn.Embedding(10, 5), nn.Embedding(4, 5)
        self.norm, self.layer = nn.LayerNorm(5), nn.GRU(5, 6, batch_first=fed != "time-first")
        self.fed = fed

    def forward(self, ids):
        return self.layer(self.before(ids, self.embedding(ids)))[1][-1]

    def before(self, ids, vectors):
        vectors = self.norm(vectors + self.places(torch.arange(ids.shape[1])))
        vectors = vectors * (ids != 0).unsqueeze(2)
        if self.fed == "packed":
            return pack_padded_sequence(vectors, (ids != 0).sum(1), True, enforce_sorted=False)
        if self.fed == "marked":
            return pack_tokens(vectors, ids != 0)
        return vectors.transpose(0, 1) if self.fed == "time-first" else vectors


def read(forward, layer, inputs, baselines):
    """What the layer reads at each step (steps, features) on baselines."""
    calls = record_calls(layer, lambda: forward(*inputs))
    instead = Baselines(inputs, baselines)
    found = given_on_baselines([layer], lambda: forward(*instead.inputs), instead, calls)
    return torch.cat(found.read)


@pytest.mark.parametrize("fed", ["padded", "time-first", "packed", "marked"])
def test_ids_are_looked_up_elsewhere_and_masked_and_packed_as_they_are(fed):
    model = Reader(fed)
    found = read(model, model.layer, (IDS,), (BASELINE,)).view(3, 4, 5)
    expected = model.before(IDS, model.embedding(BASELINE))
    if fed in ("packed", "marked"):
        expected, _ = nn.utils.rnn.pad_packed_sequence(expected, batch_first=True)
    assert torch.equal(found, expected.transpose(0, 1) if fed == "time-first" else expected)
    assert hooks(model) == 0


def test_vectors_stand_for_ids():
    model, vectors = Reader("padded"), torch.randn(3, 4, 5)
    found = read(model, model.layer, (IDS,), (vectors,))
    assert torch.equal(found.view(3, 4, 5), model.before(IDS, vectors))
    with pytest.raises(ValueError, match=r"vectors of 4 feature\(s\); expected 5"):
        read(model, model.layer, (IDS,), (vectors[..., :4],))


MOVES = {
    "in another type": lambda ids: ids.int(),
    "trimmed": lambda ids: ids[:, 1:],
    "reversed": lambda ids: ids.flip(1),
    "sorted by length": lambda ids: ids[LENGTHS.argsort()],
    "padded to a length": lambda ids: F.pad(ids, (0, 2), value=9),
}


@pytest.mark.parametrize("move", MOVES.values(), ids=list(MOVES))
@pytest.mark.parametrize("look_up", ["embedding", "rows"])
def test_ids_that_are_moved_first(move, look_up):
    model = Reader("padded")

    def embedded(ids):
        ids = move(ids)
        return (
            model.embedding(ids) if look_up == "embedding" else model.embedding.weight[ids.long()]
        )

    found = read(lambda ids: model.layer(embedded(ids)), model.layer, (IDS,), (BASELINE,))
    assert torch.equal(found, embedded(BASELINE).flatten(0, 1))


def test_other_numbers_that_happen_to_be_the_ids_are_looked_up_as_they_are():
    model, ids = Reader("padded"), torch.arange(4).expand(1, -1)
    baseline = torch.full((1, 4), 9)

    def forward(ids):
        return model.layer(model.embedding(ids) + model.embedding(torch.arange(4).expand(1, -1)))

    found = read(forward, model.layer, (ids,), (baseline,))
    assert torch.equal(found, (model.embedding(baseline) + model.embedding(ids))[0])


def test_ids_that_are_changed_first_or_not_looked_up_are_refused():
    model, one_hot = Reader("padded"), torch.eye(10)[:, :5]
    forwards = {
        "changes them before it looks an": lambda ids: model.embedding(ids.clamp(max=4)),
        "looks up no embedding by these": lambda ids: F.one_hot(ids, 10).float() @ one_hot,
    }
    for words, embed in forwards.items():
        with pytest.raises(ValueError, match=words):
            read(lambda ids, e=embed: model.layer(e(ids)), model.layer, (IDS,), (BASELINE,))
    assert hooks(model) == 0


def test_the_model_is_stopped_at_the_last_call_of_the_layer():
    model, seen = Reader("padded"), []

    def forward(first, second):
        for ids in (first, second):
            model(ids)
            seen.append(ids)

    found = read(forward, model.layer, (IDS, IDS.flip(0)), (BASELINE, BASELINE.flip(1)))
    assert len(seen) == 3  # both on the inputs, and the first on the baselines
    first = model.before(IDS, model.embedding(BASELINE))
    second = model.before(IDS.flip(0), model.embedding(BASELINE.flip(1)))
    assert torch.equal(found, torch.cat([first, second]).flatten(0, 1))


def test_a_layer_that_runs_less_often_on_baselines():
    layer = nn.GRU(5, 6, batch_first=True)

    def forward(embedded):
        return layer(embedded) if embedded.sum() > 0 else None

    with pytest.raises(ValueError, match=r"GRU ran 0 time\(s\) on the baselines, but 1 time"):
        read(forward, layer, (torch.ones(2, 3, 5),), (torch.zeros(2, 3, 5),))
    assert hooks(layer) == 0


def test_a_layer_that_reads_other_steps_on_baselines():
    layer = nn.GRU(5, 6, batch_first=True)

    def forward(embedded):
        lengths = (embedded != 0).any(2).sum(1)
        return layer(pack_padded_sequence(embedded, lengths, True, enforce_sorted=False))

    ones = torch.ones(3, 4, 5)
    shorter = ones.clone()
    shorter[0, 2:] = 0
    with pytest.raises(ValueError, match=r"reads 3 row\(s\) of 4 step\(s\), with other lengths"):
        read(forward, layer, (ones,), (shorter,))
    assert torch.equal(read(forward, layer, (shorter,), (shorter,)).view(3, 4, 5), shorter)


def test_steps_of_each_row_where_they_differ():
    steps = torch.randn(6, 5)
    numbers = torch.tensor([[4, 0, 2], [1, -1, -1]])
    found = at_steps(steps, numbers)
    assert found.shape == (3, 2, 5)
    assert torch.equal(found[:, 0], steps[[4, 0, 2]])
    assert torch.equal(found[0, 1], steps[1])
    same = torch.ones(6, 5)
    same[5] = 7  # which no row reads
    assert torch.equal(at_steps(same, numbers), torch.ones(1, 1, 5))
