"""Word information and the two measures that it is compared with, of one state."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from captum_rnn.attr import Batch
from captum_rnn.attr.noise_search import NoiseSearch
from captum_rnn.attr.word_information import WordInformationAttribution
from captum_rnn.functional.word_information import mean_square
from captum_rnn.states.perturbing import SeenStates, StateReadout, run_embedded, seen_states

PROBES = 16


@dataclass(frozen=True)
class Measured:
    """What three measures say of each word (texts, time), NaN for padding.

    Attributes:
        information: Nats kept, K log(scale / σ_i).
        gradient: ‖∂s/∂x_i‖_F.
        perturbation: ‖s − s'‖ with the word's vector replaced by the mean word vector.
        variance: σ_S² of the state.
        settled: Share of texts whose σ settled.
    """

    information: Tensor
    gradient: Tensor
    perturbation: Tensor
    variance: float
    settled: float


def measure(
    model: nn.Module,
    stage: nn.Module,
    embedding: nn.Embedding,
    fit: Tensor,
    ids: Tensor,
    *,
    readout: StateReadout = "all",
    packed: bool = False,
    search: NoiseSearch,
) -> Measured:
    """All three measures of one state of a model for padded ids (texts, time).

    Args:
        model: The model.
        stage: The module whose output is asked.
        embedding: The module that answers with the word vectors.
        fit: Ids (texts, time) to estimate σ_S² on.
        ids: Ids (texts, time) to ask about.
        readout: Which of the states.
        packed: Whether the stage is fed by `pack_tokens`, which knows the lengths.
        search: How σ is found.
    """
    lengths = None if packed else (ids != 0).sum(1)
    asked = WordInformationAttribution(model, stage, embedding=embedding, readout=readout)
    asked.fit([Batch(fit, None, None if packed else (fit != 0).sum(1))])
    information = asked.attribute(
        ids,
        lengths=lengths,
        quantity="information",
        search=search,
    )
    assert asked.state_variance is not None
    assert asked.last_search is not None
    padding = ids == 0
    gradient, perturbation = others(model, stage, embedding, ids, lengths, readout, search.seed)
    return Measured(
        information.masked_fill(padding, math.nan),
        gradient.masked_fill(padding, math.nan),
        perturbation.masked_fill(padding, math.nan),
        asked.state_variance,
        asked.last_search.settled.float().mean().item(),
    )


def others(
    model: nn.Module,
    stage: nn.Module,
    embedding: nn.Embedding,
    ids: Tensor,
    lengths: Tensor | None,
    readout: StateReadout,
    seed: int,
) -> tuple[Tensor, Tensor]:
    """Norm of the gradient (texts, time), by random probes, and of the change by replacement."""

    def state(embedded: Tensor | None = None) -> tuple[Tensor, SeenStates]:
        run = run_embedded(lambda: model(ids), stage, embedding, embedded)
        return run.embedded, seen_states(stage, run, readout, lengths)

    embedded, seen = state()
    count = seen.seen.sum(1).clamp(min=1)
    weights = (seen.seen / count.sqrt().unsqueeze(1)).unsqueeze(2)
    generator = torch.Generator().manual_seed(seed)
    squares = torch.zeros(ids.shape)
    for _ in range(PROBES):
        direction = torch.randn(seen.values.shape, generator=generator) * weights
        (found,) = torch.autograd.grad(seen.values, embedded, direction, retain_graph=True)
        squares += found.square().sum(2) / PROBES
    reference = embedding.weight[1:].mean(0).detach()
    changes = torch.zeros(ids.shape)
    for place in range(ids.shape[1]):
        replaced = embedded.detach().clone()
        replaced[:, place] = reference
        with torch.no_grad():
            _, moved = state(replaced)
        changes[:, place] = mean_square(moved.values.detach() - seen.values.detach(), seen.seen)
    return squares.sqrt(), changes.sqrt()
