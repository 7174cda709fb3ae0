r"""How the σ of word information are found: stochastic approximation with a linear control variate.

With q_i = (n / rate) · ∂D/∂log σ_i, where D is the first term of the loss, the optimum is where
every E q_i = 1, and for a linear Φ a Newton step in log σ is (1 − q) / 2. The search takes such
steps, shrinks them (Robbins and Monro 1951) and averages what it passes (Polyak and Juditsky 1992).

Two things make few samples suffice. It starts from the optimum of the linearised Φ. And the noise
of q, most of which is the product of one word's effect with that of all others, is taken off by a
control variate: the same product in the linearised Φ, along the directions in which the state moves
most, whose mean is known. For a linear Φ nothing is left of the noise.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from tqdm import tqdm

from captum_rnn.functional.word_information import linear_optimum

_BLOCK = 10
"""Steps between two looks at what has changed."""
_FULL_STEPS = 5.0
"""Steps after which the step size begins to fall."""
_FALL = 0.75
"""Power of the fall; between 1/2 and 1, as averaging needs."""
_LONGEST_STEP = 0.5


@dataclass(frozen=True)
class Search:
    """What a search found.

    Attributes:
        log_sigma: log σ (batch, time), at most the logarithm of the scale; 0 for padding.
        steps: Steps taken until each text settled, or until the end (batch,).
        settled: Which texts settled before the last step (batch,).
    """

    log_sigma: Tensor
    steps: Tensor
    settled: Tensor


@dataclass(frozen=True)
class NoiseSearch:
    """How to search for σ.

    Attributes:
        max_steps: Most steps.
        samples: Noise samples in a step, each one forward and one backward pass.
        tolerance: A text settles when the averaged log σ of its words change by less than this, on
            average, over ten steps.
        probes: Random directions that estimate the gain of each word, one backward pass each.
        directions: Directions of the state along which the noise of other words is taken off: as
            many backward passes, and twice as many forward passes, once.
        seed: Of all draws.

    Raises:
        ValueError: A number is out of range.
    """

    max_steps: int = 200
    samples: int = 4
    tolerance: float = 0.01
    probes: int = 8
    directions: int = 8
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in (("max_steps", 1), ("samples", 1), ("probes", 1), ("directions", 0)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} is {getattr(self, name)}; expected {least} or more")
        if not self.tolerance >= 0:
            raise ValueError(f"tolerance is {self.tolerance}; expected 0 or more")

    @torch.enable_grad()
    def run(
        self,
        state_vectors: Callable[[Tensor], Tensor],
        embedded: Tensor,
        tokens: Tensor,
        *,
        rate: float,
        log_scale: float,
        show_progress: bool = False,
    ) -> Search:
        """Finds σ for each word of each text.

        Args:
            state_vectors: Φ / σ_S: vectors (batch, anything) of word vectors, differentiable.
            embedded: Word vectors (batch, time, features).
            tokens: Which places hold words (batch, time).
            rate: Weight of the entropies.
            log_scale: Logarithm of the largest σ.
            show_progress: Show a progress bar on standard error.

        Raises:
            ValueError: The state does not depend on the word vectors, or is not finite.
        """
        generator = torch.Generator(embedded.device).manual_seed(self.seed)
        embedded = embedded.detach().requires_grad_()
        problem = _Problem(state_vectors, embedded, state_vectors(embedded), tokens, generator)
        gains = problem.squared_gains(self.probes)
        log_sigma = linear_optimum(gains, tokens, rate=rate, log_scale=log_scale)
        linear = problem.linearised(log_sigma, self.directions)
        words = tokens.sum(1, keepdim=True).clamp(min=1)
        blocks: list[Tensor] = []
        found, steps = log_sigma, torch.zeros(len(tokens), dtype=torch.long)
        settled = torch.zeros(len(tokens), dtype=torch.bool)
        total = torch.zeros_like(log_sigma)
        bar = tqdm(total=self.max_steps, desc="searching σ", disable=not show_progress)
        for step in range(1, self.max_steps + 1):
            slopes = problem.slopes(log_sigma, linear, self.samples, step)
            newton = 0.5 - slopes * words / (2 * rate)
            size = (1 + step / _FULL_STEPS) ** -_FALL
            # The limit is on the shrunk step: on the slope itself it would shift the optimum.
            stepped = (size * newton).clamp(-_LONGEST_STEP, _LONGEST_STEP)
            log_sigma = (log_sigma + stepped).clamp(max=log_scale)
            total = total + log_sigma
            bar.update()
            if step % _BLOCK and step < self.max_steps:
                continue
            blocks.append(total / (step - _BLOCK * len(blocks)))
            total = torch.zeros_like(log_sigma)
            later = torch.stack(blocks[len(blocks) // 2 :]).mean(0)
            change = ((later - found).abs() * tokens).sum(1) / words.squeeze(1)
            running = ~settled.to(tokens.device)
            found = torch.where(running.unsqueeze(1), later, found)
            steps[~settled] = step
            settled = settled | ((change < self.tolerance) & (len(blocks) > 1)).cpu()
            if settled.all():
                break
        bar.close()
        return Search(found.masked_fill(~tokens, 0.0).detach(), steps, settled)


@dataclass(frozen=True)
class _Problem:
    """The map from word vectors to states around one batch of texts."""

    state_vectors: Callable[[Tensor], Tensor]
    embedded: Tensor
    state: Tensor
    tokens: Tensor
    generator: torch.Generator

    def squared_gains(self, probes: int) -> Tensor:
        """‖∂Φ/∂x_i‖_F² / σ_S² of each word (batch, time), by Hutchinson's estimator."""
        gains = torch.zeros_like(self.tokens, dtype=self.embedded.dtype)
        for _ in range(probes):
            direction = self._drawn(self.state.shape[1:])
            gains += self._pulled_back(direction.expand_as(self.state)).square().sum(2) / probes
        return gains

    def linearised(self, log_sigma: Tensor, directions: int) -> Tensor:
        """Derivatives of the state along the directions in which noise moves it most.

        Returns:
            (directions, batch, time, features).
        """
        if directions == 0:
            return self.embedded.new_zeros(0, *self.embedded.shape)
        with torch.no_grad():
            moved = [
                self.state_vectors(self.embedded + noise) - self.state
                for noise in self._noises(log_sigma, 2 * directions)
            ]
        together = torch.stack(moved, 1).detach()
        _check_finite(together, "the loss is not finite at the start of the search")
        main = torch.linalg.svd(together, full_matrices=False).Vh
        kept = min(directions, main.shape[1])
        return torch.stack([self._pulled_back(main[:, k]) for k in range(kept)])

    def slopes(self, log_sigma: Tensor, linear: Tensor, samples: int, step: int) -> Tensor:
        """Estimates ∂E‖Φ(x̃) − s‖² / ∂log σ_i (batch, time), in units of σ_S²."""
        sigma = self._sigma(log_sigma)
        expected = 2 * (sigma.square() * linear.square().sum((0, 3)))
        slopes = torch.zeros_like(log_sigma)
        for noise in self._noises(log_sigma, samples):
            moved = (self.embedded.detach() + noise).requires_grad_()
            change = (self.state_vectors(moved) - self.state.detach()).square().sum()
            _check_finite(change, f"the loss is not finite in step {step} of the search")
            (gradient,) = torch.autograd.grad(change, moved)
            effects = torch.einsum("btf,kbtf->kbt", noise, linear)
            of_linear = 2 * (effects * effects.sum(2, keepdim=True)).sum(0)
            slopes += ((gradient * noise).sum(2) - of_linear + expected) / samples
        return slopes

    def _noises(self, log_sigma: Tensor, samples: int) -> Iterator[Tensor]:
        """Noise (batch, time, features), of the same draw for all texts, none on padding."""
        sigma = self._sigma(log_sigma).unsqueeze(2)
        for _ in range(samples):
            yield sigma * self._drawn(self.embedded.shape[1:])

    def _sigma(self, log_sigma: Tensor) -> Tensor:
        return log_sigma.exp().masked_fill(~self.tokens, 0.0)

    def _drawn(self, shape: torch.Size) -> Tensor:
        return torch.randn(
            shape,
            generator=self.generator,
            device=self.embedded.device,
            dtype=self.embedded.dtype,
        )

    def _pulled_back(self, direction: Tensor) -> Tensor:
        """The derivative of the state along directions (batch, …) by the word vectors."""
        found: tuple[Tensor | None, ...] = (None,)
        if self.state.requires_grad:
            found = torch.autograd.grad(
                self.state, self.embedded, direction, retain_graph=True, allow_unused=True
            )
        if found[0] is None:
            raise ValueError(
                "the layer's output does not depend on the embedding; pass the embedding that "
                "feeds the layer, and a forward_func that does not detach between them"
            )
        return found[0]


def _check_finite(values: Tensor, fault: str) -> None:
    if not values.isfinite().all():
        raise ValueError(
            f"{fault}; look for NaN in the model's weights and inputs, or give a smaller scale"
        )
