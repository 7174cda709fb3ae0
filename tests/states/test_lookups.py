"""However a model looks vectors up by ids: as if it embedded all at once, or refused."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from captum_rnn import (
    AdjointDeltaAttribution,
    HiddenStateDeltaAttribution,
    LeaveOneOutAttribution,
)

IDS = torch.tensor([[3, 9, 9, 4, 7], [8, 1, 2, 6, 3], [5, 3, 1, 1, 2]])
METHODS = [HiddenStateDeltaAttribution, AdjointDeltaAttribution, LeaveOneOutAttribution]


class Looking(nn.Module):
    """Looks its words up in any way."""

    def __init__(self, look_up, width=8):
        super().__init__()
        torch.manual_seed(0)
        self.embedding = nn.Embedding(10, 8)
        self.gru = nn.GRU(width, 6, batch_first=True)
        self.head = nn.Linear(6, 2)
        self.look_up = look_up

    def forward(self, ids):
        return self.head(self.gru(self.look_up(self.embedding, ids))[1][-1])


def stacked(of_id):
    """Each id by itself, as a tensor without axes, stacked again."""
    return lambda embedding, ids: torch.stack(
        [torch.stack([of_id(embedding, token) for token in row]) for row in ids]
    )


def into_zeros(embedding, ids):
    vectors = torch.zeros(*ids.shape, 8)
    for row in range(len(ids)):
        for place in range(ids.shape[1]):
            vectors[row, place] = embedding.weight[ids[row, place]]
    return vectors


FOLLOWED = {
    "column by column": lambda embedding, ids: torch.stack(
        [embedding(ids[:, time]) for time in range(ids.shape[1])], 1
    ),
    "row of the table": stacked(lambda embedding, token: embedding.weight[token]),
    "embedding of one id": stacked(lambda embedding, token: embedding(token)),
    "index_select of one id": stacked(
        lambda embedding, token: torch.index_select(embedding.weight, 0, token)[0]
    ),
    "into zeros": into_zeros,
    "gather": lambda embedding, ids: torch.gather(
        embedding.weight, 0, ids.reshape(-1, 1).expand(-1, 8)
    ).view(*ids.shape, 8),
    "take_along_dim": lambda embedding, ids: torch.take_along_dim(
        embedding.weight, ids.reshape(-1, 1), 0
    ).view(*ids.shape, 8),
    "after no ids": lambda embedding, ids: torch.cat([embedding(ids[:, :0]), embedding(ids)], 1),
    "after no rows": lambda embedding, ids: torch.cat(
        [embedding.weight[ids[:0]], embedding.weight[ids]]
    ),
    "numbers of the table": lambda embedding, ids: torch.stack(
        [embedding.weight[ids, feature] for feature in range(8)], -1
    ),
}


@pytest.mark.parametrize("kind", METHODS)
@pytest.mark.parametrize("name", FOLLOWED)
def test_ways_that_are_followed(name, kind):
    model, twin = Looking(FOLLOWED[name]), Looking(lambda embedding, ids: embedding(ids))
    found = kind(model, model.gru).attribute(IDS, target=1)
    expected = kind(twin, twin.gru).attribute(IDS, target=1)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("baselines", [torch.full_like(IDS, 2), torch.randn(3, 5, 8)])
@pytest.mark.parametrize("name", FOLLOWED)
def test_baselines_stand_where_ids_are_looked_up(name, baselines):
    model, twin = Looking(FOLLOWED[name]), Looking(lambda embedding, ids: embedding(ids))
    if name == "numbers of the table" and baselines.is_floating_point():
        with pytest.raises(ValueError, match=r"vectors of 8 feature\(s\); expected 1"):
            AdjointDeltaAttribution(model, model.gru).attribute(IDS, baselines, target=1)
        return
    found = AdjointDeltaAttribution(model, model.gru).attribute(IDS, baselines, target=1)
    expected = AdjointDeltaAttribution(twin, twin.gru).attribute(IDS, baselines, target=1)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("kind", METHODS)
def test_a_table_of_numbers(kind):
    model = Looking(lambda embedding, ids: embedding.weight[ids, 0].unsqueeze(-1), 1)
    twin = Looking(lambda embedding, ids: embedding(ids)[..., :1], 1)
    found = kind(model, model.gru).attribute(IDS, target=1)
    torch.testing.assert_close(found, kind(twin, twin.gru).attribute(IDS, target=1))


@pytest.mark.parametrize("kind", [HiddenStateDeltaAttribution, AdjointDeltaAttribution])
def test_a_loop_over_single_ids_of_one_text(kind):
    """Cells and layers that are called with single vectors, without a batch."""
    torch.manual_seed(0)
    embedding, head = nn.Embedding(10, 8), nn.Linear(6, 2)
    cell, gru = nn.GRUCell(8, 6), nn.GRU(8, 6)

    def by_cell(ids):
        state = None
        for token in ids[0]:
            state = cell(embedding.weight[token], state)
        return head(state).unsqueeze(0)

    def by_layer(ids):
        state = None
        for token in ids[0]:
            _, state = gru(embedding(token).unsqueeze(0), state)
        return head(state)

    def by_cell_at_once(ids):
        state = None
        for vectors in embedding(ids).unbind(1):
            state = cell(vectors, state)
        return head(state)

    def by_layer_at_once(ids):
        return head(gru(embedding(ids).transpose(0, 1))[1][-1])

    for model, twin, layer in ((by_cell, by_cell_at_once, cell), (by_layer, by_layer_at_once, gru)):
        found = kind(model, layer).attribute(IDS[:1], target=1)
        torch.testing.assert_close(found, kind(twin, layer).attribute(IDS[:1], target=1))


LEAVING = {
    "int": stacked(lambda embedding, token: embedding.weight[int(token)]),
    "item": stacked(lambda embedding, token: embedding.weight[token.item()]),
    "index": stacked(lambda embedding, token: list(embedding.weight)[token]),
    "tolist": lambda embedding, ids: embedding(torch.tensor(ids.tolist())),
    "numpy": lambda embedding, ids: embedding.weight[torch.from_numpy(ids.numpy().copy())],
    "slice": stacked(lambda embedding, token: embedding.weight[token : token + 1][0]),
}


@pytest.mark.parametrize("kind", METHODS)
@pytest.mark.parametrize("name", LEAVING)
def test_ids_that_leave_torch_are_named(name, kind):
    model = Looking(LEAVING[name])
    with pytest.raises(ValueError, match=rf"numbers of ids by (a )?{name}.* table\[ids\[row, "):
        kind(model, model.gru).attribute(IDS, target=1)


@pytest.mark.parametrize("kind", METHODS)
def test_a_single_id_that_leaves_torch_is_not_scored_0(kind):
    def first_by_number(embedding, ids):
        first = [embedding.weight[int(token)] for token in ids[:, 0]]
        return torch.cat([torch.stack(first).unsqueeze(1), embedding(ids[:, 1:])], 1)

    model = Looking(first_by_number)
    with pytest.raises(ValueError, match=r"numbers of ids by int\(\)"):
        kind(model, model.gru).attribute(IDS, target=1)


@pytest.mark.parametrize("kind", METHODS)
def test_numbers_that_are_made_beside_the_lookup_do_no_harm(kind):
    """Ids that are looked at as numbers and read as tensors, behind a start token of no id."""
    seen = []

    def noticing(embedding, ids):
        seen.append(ids.tolist())
        start = embedding.weight.mean(0).expand(len(ids), 1, 8)
        return torch.cat([start, embedding(ids)], 1)

    def silent(embedding, ids):
        start = embedding.weight.mean(0).expand(len(ids), 1, 8)
        return torch.cat([start, embedding(ids)], 1)

    model, twin = Looking(noticing), Looking(silent)
    found = kind(model, model.gru).attribute(IDS, target=1)
    torch.testing.assert_close(found, kind(twin, twin.gru).attribute(IDS, target=1))
    assert seen


REFUSED = {
    "a vector of two ids": lambda embedding, ids: embedding.weight.view(10, 1, 8).expand(
        -1, 10, -1
    )[ids, ids.roll(1, 1)],
    "columns of a table": lambda embedding, ids: torch.stack(
        [embedding.weight[:5].t()[:, row % 5].t() for row in ids]
    ),
    "the mean of a bag": lambda embedding, ids: F.embedding_bag(
        ids.reshape(-1, 1), embedding.weight
    ).view(*ids.shape, 8),
}


@pytest.mark.parametrize("kind", METHODS)
@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_lookup_of_one_id_is_refused(name, kind):
    model = Looking(REFUSED[name])
    with pytest.raises(ValueError, match=r"GRU\) read no token of inputs, .* \(3, 5\)"):
        kind(model, model.gru).attribute(IDS, target=1)


@pytest.mark.parametrize("kind", [HiddenStateDeltaAttribution, AdjointDeltaAttribution])
def test_vectors_that_are_moved_by_the_ids_of_another_input(kind):
    """Ids that say an order: what moves are the vectors, by the ids and not by their places."""
    torch.manual_seed(0)
    embedding, gru = nn.Embedding(10, 8), nn.GRU(8, 6, batch_first=True)
    vectors, order = torch.randn(1, 5, 8), torch.tensor([[3, 1, 4, 0, 2]])

    def read(vectors, ids):
        return (gru(vectors)[1][-1] * gru(embedding(ids))[1][-1]).sum(1)

    def ordering(vectors, ids):
        return read(vectors[0][ids[0]].unsqueeze(0), ids)

    found = kind(ordering, gru).attribute((vectors, order))
    ordered = vectors[:, order[0]]
    expected = kind(read, gru).attribute((ordered, order))
    torch.testing.assert_close(found[0][:, order[0]], expected[0])
    torch.testing.assert_close(found[1], expected[1])
