"""What the head was found to read holds for later runs, as far as it can be known to."""

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from captum_rnn import HiddenStateDeltaAttribution
from captum_rnn.functional import hidden_state_delta, readout_delta
from captum_rnn.functional.path import StatePath

WORDS, HIDDEN = 30, 5


class Model(nn.Module):
    """What is read of the states is up to `read`."""

    def __init__(self, read):
        super().__init__()
        self.embedding = nn.Embedding(WORDS, 4)
        self.layer = nn.GRU(4, HIDDEN, batch_first=True)
        self.head, self.read = nn.Linear(HIDDEN, 2), read

    def forward(self, ids):
        return self.head(self.read(self, ids, self.layer(self.embedding(ids))[0]))

    def states(self, ids):
        outputs = self.layer(self.embedding(ids))[0].detach()
        return torch.cat([torch.zeros(len(ids), 1, HIDDEN), outputs], 1)


def texts(time):
    return torch.randint(1, WORDS, (3, time))


def scores_at(model, ids, readout):
    return readout_delta([StatePath.of_states(model.states(ids))], readout=readout)


@pytest.mark.parametrize("lengths", [(6, 9), (6, 8, 4), (4, 6, 6, 9)])
@pytest.mark.parametrize("limited", [True, False])
def test_a_position_that_is_the_end_of_some_rows(lengths, limited):
    model = Model(lambda model, ids, outputs: outputs[:, position_in(ids.shape[1])])

    def position_in(time):
        return min(5, time - 1) if limited else 5 % time

    explicit = HiddenStateDeltaAttribution(model, model.layer)
    auto = HiddenStateDeltaAttribution(model, model.layer, readout="auto")
    for time in lengths:
        ids, at = texts(time), position_in(time)
        torch.testing.assert_close(auto.attribute(ids), scores_at(model, ids, at))
        if at == time - 1:
            torch.testing.assert_close(explicit.attribute(ids), scores_at(model, ids, "final"))
        else:
            with pytest.raises(ValueError, match=f"position.*{at}"):
                explicit.attribute(ids)


def test_modes_and_targets_are_asked_apart():
    def read(model, ids, outputs):
        last, mean = outputs[:, -1], outputs.mean(1)
        return last if model.training else mean

    model = Model(read)
    auto = HiddenStateDeltaAttribution(model, model.layer, readout="auto")
    for time in (5, 7, 9):
        ids = texts(time)
        for training, readout in ((True, "final"), (False, "mean")):
            model.train(training)
            torch.testing.assert_close(auto.attribute(ids), scores_at(model, ids, readout))


def test_rows_that_the_model_ends_by_their_padding():
    def read(model, ids, outputs):
        return outputs[torch.arange(len(ids)), (ids != 0).sum(1) - 1]

    model = Model(read)
    auto = HiddenStateDeltaAttribution(model, model.layer, readout="auto")
    for time in (5, 7, 9, 9):
        torch.testing.assert_close(auto.attribute(ids := texts(time)), scores_at(model, ids, -1))
    ids[0, -2:] = 0
    expected = scores_at(model, ids, torch.tensor([6, 8, 8]))
    torch.testing.assert_close(auto.attribute(ids), expected)


def test_the_head_is_asked_about_two_lengths_and_longer_ones():
    asked = []

    def read(model, ids, outputs):
        asked.append(outputs.requires_grad)
        return outputs[:, -1]

    model = Model(read)
    auto = HiddenStateDeltaAttribution(model, model.layer, readout="auto")
    for time in (7, 11, 9, 5, 12, 12):
        expected = hidden_state_delta(model.states(ids := texts(time)))
        torch.testing.assert_close(auto.attribute(ids), expected)
    assert asked == [True, True, False, False, True, False]


class Checkpointed(Model):
    """Runs its layer again in a backward pass, which then meets no hook."""

    def forward(self, ids):
        vectors = self.embedding(ids)
        outputs = checkpoint(lambda read: self.layer(read)[0], vectors, use_reentrant=False)
        return self.head(outputs[:, -1])


class Overwriting(Model):
    """Changes what another layer has saved for its derivative."""

    def __init__(self, read):
        super().__init__(read)
        self.above = nn.GRU(HIDDEN, HIDDEN, batch_first=True)

    def forward(self, ids):
        outputs = self.layer(self.embedding(ids))[0]
        answer = self.head(outputs[:, -1] + self.above(outputs)[0][:, -1])
        outputs.zero_()
        return answer


@pytest.mark.parametrize("kind", [Checkpointed, Overwriting])
def test_heads_without_a_derivative_are_not_asked(kind):
    model, ids = kind(None), texts(6)
    found = HiddenStateDeltaAttribution(model, model.layer).attribute(ids)
    torch.testing.assert_close(found, hidden_state_delta(model.states(ids)))


@pytest.mark.parametrize("of", [list, torch.tensor])
def test_classes_of_rows_are_asked_apart(of):
    def read(model, ids, outputs):
        return torch.stack([outputs[:, -1, 0], outputs.mean(1)[:, 0]], 1)

    class TwoReadouts(Model):
        def forward(self, ids):
            return read(self, ids, self.layer(self.embedding(ids))[0])

    model = TwoReadouts(None)
    auto = HiddenStateDeltaAttribution(model, model.layer, readout="auto")
    final = HiddenStateDeltaAttribution(model, model.layer)
    for time in (5, 7, 7):
        for target, readout in (([0, 0, 0], "final"), ([1, 1, 1], "mean")):
            right = scores_at(model, ids := texts(time), readout)
            torch.testing.assert_close(auto.attribute(ids, target=of(target)), right)
        final.attribute(texts(time), target=of([0, 0, 0]))
        with pytest.raises(ValueError, match="mean"):
            final.attribute(texts(time), target=of([1, 1, 1]))
