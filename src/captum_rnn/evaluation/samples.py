"""Measures over random samples of each text, in groups of texts of similar length."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from captum_rnn.evaluation.draws import text_draws
from captum_rnn.evaluation.prediction import length_batches

SAMPLES = 10


def side_by_side_draws(ids: Tensor, samples: int, seed: int, stream: int, pad_id: int) -> Tensor:
    """Uniform numbers (batch · samples, time), the samples of a text side by side; 1 at padding."""
    draws = text_draws(ids, seed=seed, stream=stream, pad_id=pad_id, samples=samples)
    side_by_side = draws.reshape(len(ids) * samples, -1).to(ids.device)
    return side_by_side.masked_fill((ids == pad_id).repeat_interleave(samples, dim=0), 1.0)


def measure_in_groups(
    read: Tensor, samples: int, of_group: Callable[[Tensor], Tensor], token_budget: int
) -> Tensor:
    """Measures texts (batch,) in groups of similar length; NaN for those without tokens."""
    lengths = read.sum(dim=1)
    found = torch.full((len(read),), math.nan, dtype=torch.float64)
    texts = lengths.nonzero().flatten()
    for group in length_batches(lengths[texts] * samples, token_budget):
        rows = texts[group]
        found[rows.cpu()] = of_group(rows).detach().to("cpu", torch.float64)
    return found


def check_samples(samples: int) -> None:
    """Refuses a number of samples below 1."""
    if samples < 1:
        raise ValueError(f"samples is {samples}; expected 1 or more perturbations of each text")
