"""What relevance says of rows that are no number, dead directions and given states."""

import math
import warnings

import pytest
import torch
from torch import nn

from captum_rnn import RecurrentLRPAttribution
from models import Classifier
from reference import make_initial_state, make_layer


def test_a_share_that_is_lost_is_said_beside_a_row_that_is_no_number():
    model = Classifier(nn.LSTM(5, 6, batch_first=True))
    nn.init.constant_(model.head.bias, 10.0)
    tokens = torch.randn(3, 7, 5)
    tokens[1, 2] = math.nan
    with pytest.warns(UserWarning, match=r"than the output by (9\d|100)% of it"):
        RecurrentLRPAttribution(model, model.layer).attribute(tokens, target=1)


def pair(seed):
    """A relu layer whose direction from the end is dead, and the same without that direction."""
    torch.manual_seed(seed)
    both = Classifier(nn.RNN(3, 4, 1, "relu", batch_first=True, bidirectional=True)).double()
    alone = Classifier(nn.RNN(3, 4, 1, "relu", batch_first=True)).double()
    with torch.no_grad():
        for weight in both.layer.parameters():
            weight.mul_(3)
    nn.init.constant_(both.layer.bias_ih_l0_reverse, -200.0)
    kept = both.layer.state_dict()
    alone.layer.load_state_dict({name: kept[name] for name in alone.layer.state_dict()})
    alone.head.weight.data, alone.head.bias.data = both.head.weight[:, :4], both.head.bias
    return both, alone


def test_a_direction_of_dead_units_is_none():
    """Neither for the scores nor for what bounds them."""
    raised = 0
    for seed in range(40):
        tokens, found, said = torch.randn(2, 20, 3).double(), [], []
        for model in pair(seed):
            with warnings.catch_warnings(record=True) as seen:
                warnings.simplefilter("always")
                lrp = RecurrentLRPAttribution(model, model.layer, epsilon=1e-9)
                found.append(lrp.attribute(tokens, target=1, return_convergence_delta=True))
            said.append([str(warning.message) for warning in seen])
        torch.testing.assert_close(*found, rtol=1e-9, atol=1e-9)
        assert said[0] == said[1]
        raised += any("outgrew" in message for message in said[0])
    assert raised >= 3


@pytest.mark.parametrize("kind", ["rnn_tanh", "lstm", "gru"])
def test_relevance_of_given_states_is_bounded_too(kind):
    """It explodes like that of tokens; here these are zeros, and have none."""
    raised = 0
    for seed in (4, 6, 19, 33):
        torch.manual_seed(seed)
        layer, head = make_layer(kind, 2, 8, batch_first=True).double(), nn.Linear(8, 2).double()
        with torch.no_grad():
            for weight in layer.parameters():
                weight.mul_(8)
        tokens = torch.zeros(2, 20, 2).double()
        given = make_initial_state(layer, 2)
        given = [part.double() for part in (given if isinstance(given, tuple) else (given,))]

        def forward(tokens, *states, layer=layer, head=head):
            initial = states if len(states) > 1 else states[0]
            return head(layer(tokens, initial)[0][:, -1])

        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            lrp = RecurrentLRPAttribution(forward, layer, epsilon=1e-9)
            _, *of_states = lrp.attribute((tokens, *given), target=1)
        initial = given[0] if len(given) == 1 else tuple(given)
        read = (layer(tokens, initial)[0][:, -1] * head.weight[1]).abs().sum(1)
        size = sum(part.abs().sum((0, 2)) for part in of_states)
        assert (size <= 30 * read).all()
        raised += any("outgrew" in str(warning.message) for warning in seen)
    assert raised > 1
