"""What relevance says of rows that are no number, and of directions whose units are all dead."""

import math
import warnings

import pytest
import torch
from torch import nn

from captum_rnn import RecurrentLRPAttribution
from models import Classifier


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
