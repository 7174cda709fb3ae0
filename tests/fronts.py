"""Classifiers that make something of their inputs before the layer, and what they say of it."""

import warnings

import torch
from torch import nn

from captum_rnn import (
    AdjointDeltaAttribution,
    LocalDeltaAttribution,
    RecurrentDeepLiftAttribution,
    RecurrentLRPAttribution,
)
from reference import make_layer

ROWS, TIME, FEATURES, HIDDEN = 3, 6, 4, 5
COMPARING = [RecurrentDeepLiftAttribution, AdjointDeltaAttribution, LocalDeltaAttribution]
METHODS = [RecurrentLRPAttribution, *COMPARING]


class Behind(nn.Module):
    """A classifier that makes something of its inputs before its layer reads it."""

    def __init__(self, front, width=FEATURES, kind="lstm"):
        super().__init__()
        self.front = front
        self.layer = make_layer(kind, width, HIDDEN, batch_first=True)
        self.head = nn.Linear(self.layer.proj_size or HIDDEN, 2)
        self.double().eval()

    def forward(self, *inputs):
        return self.of_read(self.front(*inputs))

    def of_read(self, read):
        return self.head(self.layer(read)[0].mean(1))


def drawn(*shape):
    return torch.randn(*shape, dtype=torch.float64)


def scores_of(method, forward, layer, inputs, baselines):
    """Without a warning that anything is shared."""
    given = () if method is RecurrentLRPAttribution else (baselines,)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", ".*shared equally.*")
        return method(forward, layer).attribute(inputs, *given, target=1)


def scores_of_read(method, model, inputs, baselines):
    with torch.no_grad():
        read, others = model.front(*inputs), model.front(*baselines)
    return scores_of(method, model.of_read, model.layer, read, others), read - others


def steps_of_read(method, model, inputs, baselines):
    with torch.no_grad():
        read, others = model.front(*inputs), model.front(*baselines)
    given = () if method is RecurrentLRPAttribution else (others,)
    found = method(model.of_read, model.layer)
    return found.attribute(read, *given, target=1, per_step=True)
