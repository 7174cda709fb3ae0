"""Taggers whose input is turned round, sorted or pooled, against the definition of each score."""

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from captum_rnn.attr import (
    AdjointDeltaAttribution,
    HiddenStateDeltaAttribution,
    LogitDeltaAttribution,
)
from taggers import Alone

TIME, LENGTHS = 5, [3, 5, 4]


class Turned(nn.Module):
    """Reads the last token first, and answers in the order of the text."""

    def __init__(self, bidirectional=False, by_length=False):
        super().__init__()
        self.embedding = nn.Embedding(30, 4)
        self.layer = nn.GRU(4, 6, batch_first=True, bidirectional=bidirectional)
        self.out = nn.Linear(12 if bidirectional else 6, 3)
        self.by_length = by_length
        self.double()

    def forward(self, ids):
        vectors, order = self.embedding(ids), torch.arange(TIME).flip(0).expand(len(ids), -1)
        if not self.by_length:
            return self.out(self.layer(vectors.flip(1))[0].flip(1)).tanh()
        ends = torch.tensor(LENGTHS).unsqueeze(1)
        order = (ends - 1 - torch.arange(TIME)) % ends  # the padding reads what it may
        turned = vectors.gather(1, order.unsqueeze(2).expand_as(vectors))
        packed = pack_padded_sequence(turned, torch.tensor(LENGTHS), True, enforce_sorted=False)
        states = pad_packed_sequence(self.layer(packed)[0], batch_first=True)[0]
        back = states.gather(1, order.unsqueeze(2).expand_as(states))
        is_token = torch.arange(TIME) < ends
        return self.out(back * is_token.unsqueeze(2)).tanh()


class Sorted(nn.Module):
    """Sorts its batch before it packs it, and sorts the answers back."""

    def __init__(self):
        super().__init__()
        self.embedding, self.layer = nn.Embedding(30, 4), nn.GRU(4, 6, batch_first=True)
        self.out = nn.Linear(6, 3)
        self.double()

    def forward(self, ids):
        ends, order = torch.tensor(LENGTHS).sort(descending=True)
        packed = pack_padded_sequence(self.embedding(ids[order]), ends, batch_first=True)
        states = pad_packed_sequence(self.layer(packed)[0], batch_first=True)[0]
        return self.out(states[order.argsort()]).tanh()


@pytest.fixture
def ids():
    torch.manual_seed(0)
    return torch.randint(1, 30, (3, TIME))


def states_of(model, ids, tokens):
    """The states of a row before and after it reads some tokens, one run for each prefix."""
    vectors = model.embedding(ids[tokens])
    rest = vectors.new_zeros(6)
    ends = [model.layer(vectors[: end + 1].unsqueeze(0))[0][0, -1] for end in range(len(tokens))]
    return torch.stack([rest, *ends])


def by_definition(model, ids, order_of_row):
    """Hidden-state delta (rows, prediction, time) of answers that read the state at their token."""
    found = torch.zeros(len(ids), TIME, TIME, dtype=torch.float64)
    for row, tokens in enumerate(order_of_row):
        states = states_of(model, ids[row], tokens)
        for place, prediction in enumerate(tokens):
            goal = states[place + 1]
            away = (states - goal).norm(dim=1)
            for step in range(place + 1):
                gain = (away[step] - away[step + 1]) / goal.norm()
                found[row, prediction, tokens[step]] = gain
    return found


@pytest.mark.parametrize("kind", ["turned", "turned by length", "sorted"])
def test_each_prediction_has_the_state_that_it_reads(ids, kind):
    model = {"turned": Turned(), "turned by length": Turned(by_length=True), "sorted": Sorted()}
    model = model[kind]
    delta = HiddenStateDeltaAttribution(model, model.layer)
    ends = [TIME] * 3 if kind == "turned" else LENGTHS
    orders = [list(range(end)) if kind == "sorted" else list(range(end))[::-1] for end in ends]
    with torch.no_grad():
        expected = by_definition(model, ids, orders)
    scores = delta.attribute_predictions(ids, target=1)
    torch.testing.assert_close(scores, expected, rtol=0, atol=1e-6)
    some = delta.attribute_predictions(ids, target=1, predictions=[2, 0])
    torch.testing.assert_close(some, expected[:, [2, 0]], rtol=0, atol=1e-6)
    if kind == "turned":
        last = delta.attribute_predictions(ids, target=1, aggregate="last")
        torch.testing.assert_close(last, expected.diagonal(dim1=1, dim2=2), rtol=0, atol=1e-6)
    else:
        with pytest.raises(ValueError, match=r'aggregate is "last".*rows one by one'):
            delta.attribute_predictions(ids, target=1, aggregate="last")


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("method", [LogitDeltaAttribution, AdjointDeltaAttribution])
def test_turned_predictions_are_those_of_a_call_for_each(ids, method, bidirectional):
    model = Turned(bidirectional)
    tags = torch.randint(3, (3, TIME))
    scores = method(model, model.layer).attribute_predictions(ids, target=tags)
    for number in range(TIME):
        alone = method(Alone(model, number), model.layer).attribute(ids, target=tags[:, number])
        torch.testing.assert_close(scores[:, number], alone, rtol=0, atol=1e-12)
    near = method(model, model.layer).attribute_predictions(
        ids, target=tags, aggregate="window", window=1, predictions=[4, 1, 3]
    )
    time = torch.arange(TIME)
    within = (time - torch.tensor([4, 1, 3]).unsqueeze(1)).abs() <= 1
    expected = scores[:, [4, 1, 3]].where(within, 0.0).sum(1)
    torch.testing.assert_close(near, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("pool", ["mean", "max"])
def test_horizons_that_read_pooled_states(pool):
    torch.manual_seed(0)
    layer, out = nn.LSTM(4, 6, batch_first=True).double(), nn.Linear(6, 3).double()

    def forecast(series):
        states = layer(series)[0]
        return out(states.mean(1) if pool == "mean" else states.amax(1))

    series = torch.randn(2, TIME, 4, dtype=torch.float64)
    for readout in (pool, "auto"):
        delta = HiddenStateDeltaAttribution(forecast, layer, readout=readout)
        scores = delta.attribute_predictions(series, per_step=True)
        pooled = HiddenStateDeltaAttribution(lambda x: forecast(x)[:, 0], layer, readout=pool)
        expected = pooled.attribute(series, per_step=True)
        torch.testing.assert_close(scores, expected.unsqueeze(1).expand(-1, 3, -1))
    with pytest.raises(ValueError, match=f"readout is 'final', but the model reads {pool}"):
        HiddenStateDeltaAttribution(forecast, layer).attribute_predictions(series)


@pytest.mark.parametrize("method", [LogitDeltaAttribution, AdjointDeltaAttribution])
@pytest.mark.parametrize("rows", [1, 2])
@pytest.mark.parametrize("shares", [(1, 2, 3), (1, 1, 1), (3, 2, 1), (1, 4, 2, 1), (2, 1)])
def test_multiples_of_one_number_are_no_steps_of_their_own(shares, rows, method):
    """A trend that goes on: each horizon is so many times what the last state says."""
    torch.manual_seed(0)
    layer, out = nn.GRU(4, 6, batch_first=True).double(), nn.Linear(6, 1).double()

    def trend(series):
        return out(layer(series)[0][:, -1]) * torch.tensor(shares).double()

    series = torch.randn(rows, TIME, 4, dtype=torch.float64)
    scores = method(trend, layer).attribute_predictions(series, per_step=True)
    for number in range(len(shares)):
        alone = method(lambda series, n=number: trend(series)[:, n], layer)
        expected = alone.attribute(series, per_step=True)
        torch.testing.assert_close(scores[:, number], expected, rtol=0, atol=1e-12)


def test_a_prediction_that_reads_nothing_is_named(ids):
    model = Turned(by_length=True)

    def masked(ids):
        answers = model(ids)
        is_kept = torch.ones_like(answers)
        is_kept[1, 2] = 0
        return answers * is_kept

    with pytest.raises(ValueError, match="prediction 2 reads no state of row 1"):
        HiddenStateDeltaAttribution(masked, model.layer).attribute_predictions(ids, target=0)
