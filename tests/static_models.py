"""A classifier of series and of what is known of each of them from the start."""

import torch
from torch import nn

from reference import make_layer

ROWS, TIME, VARIABLES, STATIC, HIDDEN, CLASS = 4, 6, 3, 2, 5, 1


class Series(nn.Module):
    """A classifier of series and of what is known of each of them from the start."""

    def __init__(self, kind="gru", where="head", depth=1, bidirectional=False):
        super().__init__()
        width = VARIABLES + (STATIC if where == "steps" else 0)
        self.layer = make_layer(
            kind,
            width,
            HIDDEN,
            num_layers=depth,
            bidirectional=bidirectional,
            batch_first=True,
        )
        self.where = where
        self.number = depth * (2 if bidirectional else 1)
        self.width = self.layer.proj_size or HIDDEN
        states = self.width * (2 if bidirectional else 1)
        beside = STATIC if where in ("head", "smooth head") else 0
        self.head = nn.Linear(states + beside, 2)
        self.deep = nn.Linear(states + beside, states + beside)
        self.begin = nn.Linear(STATIC, self.number * HIDDEN)
        self.double()

    def initial(self, static):
        if self.where not in ("begin", "smooth begin", "state"):
            return None
        state = static
        if self.where != "state":
            state = self.begin(static).view(len(static), self.number, HIDDEN).transpose(0, 1)
            state = state.tanh() if self.where == "smooth begin" else state
        state = state.contiguous()
        return (state, 0.5 * state) if isinstance(self.layer, nn.LSTM) else state

    def forward(self, series, static):
        if self.where == "steps":
            series = torch.cat([series, static.unsqueeze(1).expand(-1, series.shape[1], -1)], 2)
        outputs = self.layer(series, self.initial(static))[0]
        read = torch.cat([outputs[:, -1, : self.width], outputs[:, 0, self.width :]], 1)
        if self.where in ("head", "smooth head"):
            read = torch.cat([read, static], 1)
        if self.where == "smooth head":
            read = self.deep(read).tanh()
        return self.head(read)


def drawn(model, rows=ROWS):
    """Series, what is known of them, and baselines of both."""
    shape = (model.number, rows, HIDDEN) if model.where == "state" else (rows, STATIC)
    tensors = [torch.randn(rows, TIME, VARIABLES), torch.randn(shape)] * 2
    return [torch.randn_like(t, dtype=torch.float64) for t in tensors]


def derivative(model, series, static):
    """Of the output with respect to what is known from the start, by autograd through all of it."""
    static = static.clone().requires_grad_()
    (found,) = torch.autograd.grad(model(series, static)[:, CLASS].sum(), static)
    return found
