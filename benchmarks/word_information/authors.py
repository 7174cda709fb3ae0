"""The authors' way to find σ, one text at a time, from its published description.

Guan et al. (ICML 2019) minimise the mean of ((s̃ − s) / σ_S)² minus rate · mean_i log ratio_i with
σ_i = scale · ratio_i, ratio the sigmoid of a learnt number: one noise sample a step, Adam at 0.01,
5,000 steps, and keep the parameters of the best step.
"""

from collections.abc import Callable

import torch
from torch import Tensor

STEPS, RATE, LEARNING_RATE = 5_000, 0.1, 0.01


def authors_log_sigma(
    state: Callable[[Tensor], Tensor],
    words: Tensor,
    deviation: Tensor,
    scale: float,
    *,
    seed: int,
    steps: int = STEPS,
) -> Tensor:
    """Log σ (time,) of one text.

    Args:
        state: The state (features,) of word vectors (time, features).
        words: Word vectors (time, features).
        deviation: σ_S, one number or one for each feature.
        scale: The largest σ.
        seed: Of the first ratios and the noise.
        steps: Number of steps.
    """
    generator = torch.Generator().manual_seed(seed)
    learnt = torch.randn(len(words), 1, generator=generator).requires_grad_()
    at_rest = state(words).detach()
    optimiser = torch.optim.Adam([learnt], lr=LEARNING_RATE)
    best, kept = float("inf"), learnt.detach().clone()
    for _ in range(steps):
        ratio = torch.sigmoid(learnt)
        noise = torch.randn(words.shape, generator=generator)
        moved = state(words + scale * ratio * noise)
        loss = ((moved - at_rest) / deviation).square().mean() - RATE * torch.log(ratio).mean()
        if loss.item() < best:
            best, kept = loss.item(), learnt.detach().clone()
        optimiser.zero_grad()
        (learnt.grad,) = torch.autograd.grad(loss, learnt)
        optimiser.step()
    return torch.log(scale * torch.sigmoid(kept)).squeeze(1)
