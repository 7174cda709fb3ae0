"""Random linear ways to a layer, held against the layer told what it reads, and autograd.

What each feature that the layer reads is worth, its score divided by its difference, goes back to
the series through the way by autograd.
"""

import random

import torch
from torch import nn

import reference
from captum_rnn import RecurrentLRPAttribution
from fronts import METHODS, scores_of

WAYS = ["order", "mixture", "scale", "later first", "beside its sums", "rolled", "moved"]


class Way:
    """Some linear operations on a series (rows, time, features), one after the other."""

    def __init__(self, seed):
        self.draw = random.Random(seed)
        torch.manual_seed(seed)
        self.width = self.features = self.draw.randint(2, 4)
        self.steps = [self._step(name) for name in self.draw.sample(WAYS, self.draw.randint(1, 3))]

    def _step(self, name):
        order, matrix = torch.randperm(self.width), torch.randn(self.width, self.width).double()
        scale = torch.rand(self.width).double() + 0.5
        if name == "beside its sums":
            self.width *= 2
        return {
            "order": lambda read: read[..., order],
            "mixture": lambda read: read @ matrix,
            "scale": lambda read: read * scale,
            "later first": lambda read: read.flip(1),
            "beside its sums": lambda read: torch.cat([read, read.cumsum(1)], 2),
            "rolled": lambda read: read.roll(1, 1),
            "moved": lambda read: read[:, : max(1, read.shape[1] - 1)],
        }[name]

    def __call__(self, read):
        for step in self.steps:
            read = step(read)
        return read


def test_random_fronts(fuzz_seeds):
    for seed in fuzz_seeds(40):
        try:
            check_a_random_front(seed)
        except (AssertionError, ValueError, RuntimeError, UserWarning) as error:
            raise AssertionError(f"seed {seed}") from error


def check_a_random_front(seed):
    way = Way(seed)
    layer = reference.make_layer(
        way.draw.choice(reference.KINDS),
        way.width,
        way.draw.randint(5, 7),
        num_layers=way.draw.randint(1, 2),
        bidirectional=way.draw.random() < 0.5,
        batch_first=True,
    ).double()
    states = (layer.proj_size or layer.hidden_size) * (2 if layer.bidirectional else 1)
    head = nn.Linear(states, 2).double()
    rows, time = way.draw.randint(1, 3), way.draw.randint(1, 6)
    x = torch.randn(rows, time, way.features).double()

    def of_read(read):
        return head(layer(read)[0].mean(1))

    for method in METHODS:
        base = torch.randn(way.draw.choice([1, time]), way.features).double()
        base = torch.zeros_like(base) if method is RecurrentLRPAttribution else base
        found = scores_of(method, lambda x: of_read(way(x)), layer, x, base)
        leaf = x.clone().requires_grad_()
        read, other = way(leaf), way(base.expand_as(x))
        of_layer = scores_of(method, of_read, layer, read.detach(), other)
        worth = torch.where(read == other, 0.0, of_layer / (read - other)).detach()
        (slope,) = torch.autograd.grad((read * worth).sum(), leaf)
        torch.testing.assert_close(found, slope * (x - base), rtol=1e-6, atol=1e-9)
