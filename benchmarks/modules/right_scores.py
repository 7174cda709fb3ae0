"""What the classes have to answer, by calls of the whole model and by autograd."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.modules.catalogue import Released


class Reading(nn.Module):
    """A classifier over a released module, which reads its last output or the mean of all."""

    def __init__(self, released: Released, readout: str) -> None:
        super().__init__()
        self.released, self.readout, self.layer = released, readout, released.build()
        self.head = nn.Linear(released.width, 2)
        if released.time_first and released.told:
            vars(self.layer)["batch_first"] = False

    @property
    def explained(self) -> Any:
        """What is passed as `layer`."""
        held = self.released.layers
        return self.layer if held is None else [self.layer.get_submodule(name) for name in held]

    def outputs(self, tokens: Tensor) -> Tensor:
        """Of the module (batch, time, width)."""
        return self.released.answer(self.layer, tokens)

    def read(self, outputs: Tensor) -> Tensor:
        """The classes' logits (batch, 2)."""
        logits: Tensor = self.head(
            outputs[:, -1] if self.readout == "last" else outputs.tanh().mean(1)
        )
        return logits

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits of tokens (batch, time, features)."""
        return self.read(self.outputs(tokens))


def hidden_state_delta(model: Reading, tokens: Tensor) -> Tensor:
    """(‖o_n − o_{t−1}‖ − ‖o_n − o_t‖) / ‖o_n‖, from zeros."""
    outputs = model.outputs(tokens)
    path = torch.cat([torch.zeros_like(outputs[:, :1]), outputs], 1)
    distances: Tensor = torch.linalg.vector_norm(outputs[:, -1:] - path, dim=2)
    return (distances[:, :-1] - distances[:, 1:]) / distances[:, :1]


def logit_delta(model: Reading, tokens: Tensor) -> Tensor:
    """⟨o_t − o_{t−1}, all that is read from t on⟩."""
    outputs = model.outputs(tokens)
    before = torch.cat([torch.zeros_like(outputs[:, :1]), outputs[:, :-1]], 1)
    return ((outputs - before) * _read_from_here_on(model, outputs)).sum(2)


def local_delta(model: Reading, tokens: Tensor) -> Tensor:
    """⟨o_t − o_t with zeros for token t, all that is read from t on⟩."""
    outputs = model.outputs(tokens)
    instead = []
    for step in range(tokens.shape[1]):
        text = tokens[:, : step + 1].clone()
        text[:, step] = 0
        instead.append(model.outputs(text)[:, step])
    change = outputs - torch.stack(instead, 1)
    return (change * _read_from_here_on(model, outputs)).sum(2)


def derivative_times_input(model: Reading, tokens: Tensor) -> Tensor:
    """⟨x_t, df/dx_t⟩, by autograd through the whole model."""
    with torch.enable_grad():
        leaf = tokens.clone().requires_grad_()
        (found,) = torch.autograd.grad(model(leaf)[:, 1].sum(), leaf)
    return (found * tokens).sum(2)


def leave_one_out(model: Reading, tokens: Tensor) -> Tensor:
    """The answer to the text, less that to the text without the token."""
    whole, scores = model(tokens)[:, 1], []
    for step in range(tokens.shape[1]):
        text = torch.cat([tokens[:, :step], tokens[:, step + 1 :]], 1)
        scores.append(whole - model(text)[:, 1])
    return torch.stack(scores, 1)


def _read_from_here_on(model: Reading, outputs: Tensor) -> Tensor:
    with torch.enable_grad():
        leaf = outputs.detach().requires_grad_()
        (read,) = torch.autograd.grad(model.read(leaf)[:, 1].sum(), leaf)
    return read.flip(1).cumsum(1).flip(1)


Right = Callable[[Reading, Tensor], Tensor]
