"""Models that answer every step, and their scores by a call for each answer."""

import torch
from torch import nn

from readers import TIME, run_layer

CLASSES = 3


class Tagger(nn.Module):
    """A recurrent layer and a head for what it says after each step, or for horizons."""

    def __init__(self, layer, horizons=None, mixing=False):
        super().__init__()
        self.layer, self.horizons, self.mixing = layer, horizons, mixing
        self.cut = slice(None)
        width = (layer.proj_size or layer.hidden_size) * (2 if layer.bidirectional else 1)
        self.head = nn.Sequential(nn.Linear(width, 4), nn.Tanh())
        self.out = nn.Linear(4, CLASSES * (horizons or 1))
        self.to(layer.weight_ih_l0.dtype)

    def forward(self, tokens, lengths=None, initial=None):
        outputs, final = run_layer(self.layer, tokens, lengths, initial)
        if self.horizons:
            directions = 2 if self.layer.bidirectional else 1
            states = final[0] if isinstance(final, tuple) else final
            read = self.head(states[-directions:].transpose(0, 1).flatten(1))
            return self.out(read).unflatten(1, (self.horizons, CLASSES))
        if self.mixing:  # each answer is made of two steps
            outputs = outputs + outputs.roll(1, 1)
        return self.out(self.head(outputs))[:, self.cut]


class Alone(nn.Module):
    """The same model with one prediction for each row."""

    def __init__(self, model, number):
        super().__init__()
        self.model, self.number = model, number

    def forward(self, *inputs):
        return self.model(*inputs)[:, self.number]


def one_by_one(make, model, case, *baselines, target=1, total=TIME):
    """`attribute` of each prediction (batch, prediction, time, features)."""
    each = []
    for number in range(total):
        method = make(Alone(model, number), number)
        of_class = target[:, number] if isinstance(target, torch.Tensor) else target
        each.append(
            method.attribute(
                case.inputs, *baselines, target=of_class, additional_forward_args=case.forward_args
            )
        )
    return torch.stack(each, 1)


def within(case, scores):
    """The scores of the predictions within the packed rows."""
    ends = torch.tensor(case.ends).reshape(-1, 1, 1, 1)
    return scores.masked_fill(torch.arange(scores.shape[1]).reshape(1, -1, 1, 1) >= ends, 0.0)


def nearest(case, number):
    """The step of a prediction, or the last one of a shorter row, whose scores do not count."""
    return torch.tensor(case.ends).sub(1).clamp(max=number)
