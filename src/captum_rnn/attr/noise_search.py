r"""How the σ of word information are found: stochastic approximation with a linear control variate.

With q_i = (n / rate) · ∂D/∂log σ_i, where D is the first term of the loss, the optimum is where
every E q_i = 1, and for a linear Φ a Newton step in log σ is (1 − q) / 2. The search takes such
steps, shrinks them (Robbins and Monro 1951) and averages what it passes (Polyak and Juditsky 1992).

Three things make few samples suffice. It starts from the optimum of the linearised Φ, which also
counts in the average, as much as a number of samples. The noise of q, most of which is the product
of one word's effect with that of all others, is taken off by a control variate: the same product in
the linearised Φ, whose mean is known. And the noise is drawn in antithetic pairs, which take off
what is odd in it. For a linear Φ nothing is left of the noise.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

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
_TRUST = 150
"""How many samples the optimum of the linearised model counts as."""
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
        pairs: Antithetic pairs of noise samples in a step; each sample is one forward and one
            backward pass.
        tolerance: A text settles when the averaged log σ of its words change by less than this, on
            average, over ten steps.
        exact: A state of at most this many features is linearised exactly, with one backward pass
            for each, once, and the memory of as many sets of word vectors.
        directions: Directions along which a state of more features is linearised, those in which
            noise moves it most: as many backward and twice as many forward passes, once.
        probes: Random directions that stand for the others of such a state, two backward passes
            each.
        seed: Of all draws.

    Raises:
        ValueError: A number is out of range.
    """

    max_steps: int = 200
    pairs: int = 2
    tolerance: float = 0.01
    exact: int = 128
    directions: int = 16
    probes: int = 8
    seed: int = 0

    def __post_init__(self) -> None:
        least_of = {"max_steps": 1, "pairs": 1, "exact": 0, "directions": 0, "probes": 1}
        for name, least in least_of.items():
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
        optimum = partial(linear_optimum, tokens=tokens, rate=rate, log_scale=log_scale)
        if problem.state.shape[1] <= self.exact:
            linear, gains = problem.linearised()
        else:
            linear, gains = problem.linearised_in_part(self.directions, self.probes, optimum)
        log_sigma = optimum(gains)
        words = tokens.sum(1, keepdim=True).clamp(min=1)
        averages = _Averages(log_sigma, tokens, self)
        with tqdm(total=self.max_steps, desc="searching σ", disable=not show_progress) as bar:
            for step in range(1, self.max_steps + 1):
                slopes = problem.slopes(log_sigma, linear, self.pairs, step)
                newton = 0.5 - slopes * words / (2 * rate)
                size = (1 + step / _FULL_STEPS) ** -_FALL
                # The limit is on the shrunk step: on the slope itself it would shift the optimum.
                stepped = (size * newton).clamp(-_LONGEST_STEP, _LONGEST_STEP)
                log_sigma = (log_sigma + stepped).clamp(max=log_scale)
                bar.update()
                if averages.add(log_sigma, step):
                    break
        found = averages.found.masked_fill(~tokens, 0.0).detach()
        return Search(found, averages.steps, averages.settled)


class _Averages:
    """The average over the later half of a search, and which texts it has settled for.

    Attributes:
        found: The average of each text at the step at which it settled, or at the last one.
        steps: The number of that step (batch,).
        settled: Whether the average had stopped moving (batch,).
    """

    def __init__(self, start: Tensor, tokens: Tensor, search: NoiseSearch) -> None:
        self._start, self._tokens, self._search = start, tokens, search
        self._total, self._blocks = torch.zeros_like(start), list[Tensor]()
        self._passed = self.found = start
        self.steps = torch.zeros(len(tokens), dtype=torch.long)
        self.settled = torch.zeros(len(tokens), dtype=torch.bool)

    def add(self, log_sigma: Tensor, step: int) -> bool:
        """Counts one step in, and says at the end of a block whether all texts have settled."""
        self._total = self._total + log_sigma
        if step % _BLOCK and step < self._search.max_steps:
            return False
        blocks, tokens = self._blocks, self._tokens
        blocks.append(self._total / (step - _BLOCK * len(blocks)))
        self._total = torch.zeros_like(log_sigma)
        drawn = 2 * self._search.pairs * (step - _BLOCK * (len(blocks) // 2))
        average = torch.stack(blocks[len(blocks) // 2 :]).mean(0)
        # Trust in the start is left out here: it would hide that the average still moves.
        moved = ((average - self._passed).abs() * tokens).sum(1)
        change, self._passed = moved / tokens.sum(1).clamp(min=1), average
        trusted = average.lerp(self._start, _TRUST / (_TRUST + drawn))
        running = ~self.settled.to(tokens.device)
        self.found = torch.where(running.unsqueeze(1), trusted, self.found)
        self.steps[~self.settled] = step
        has_settled = (change < self._search.tolerance) & (len(blocks) > 1)
        self.settled = self.settled | has_settled.cpu()
        return bool(self.settled.all())


@dataclass(frozen=True)
class _Problem:
    """The map from word vectors to states around one batch of texts."""

    state_vectors: Callable[[Tensor], Tensor]
    embedded: Tensor
    state: Tensor
    tokens: Tensor
    generator: torch.Generator

    def linearised(self) -> tuple[Tensor, Tensor]:
        """The derivative of every feature of the state, and the gain of each word.

        Returns:
            Derivatives (state, batch, time, features), and ‖∂Φ/∂x_i‖_F² / σ_S² of each word
            (batch, time).
        """
        every = torch.eye(self.state.shape[1], device=self.state.device, dtype=self.state.dtype)
        linear = torch.stack([self._pulled_back(one.expand_as(self.state)) for one in every])
        return linear, linear.square().sum((0, 3))

    def linearised_in_part(
        self, directions: int, probes: int, optimum: Callable[[Tensor], Tensor]
    ) -> tuple[Tensor, Tensor]:
        """As `linearised`, but along the main directions alone; the gains of all are estimated.

        Args:
            directions: How many.
            probes: Random directions that stand for those that are left.
            optimum: From gains to log σ, for the noise that tells the main directions.
        """
        nothing = self.state.new_zeros(len(self.state), 0, self.state.shape[1])
        guess = optimum(self._gains_beside(nothing, probes))
        main = self._main_directions(guess, directions)
        rows = [self._pulled_back(direction) for direction in main.unbind(1)]
        linear = torch.stack(rows) if rows else self.embedded.new_zeros(0, *self.embedded.shape)
        return linear, linear.square().sum((0, 3)) + self._gains_beside(main, probes)

    def slopes(self, log_sigma: Tensor, linear: Tensor, pairs: int, step: int) -> Tensor:
        """Estimates ∂E‖Φ(x̃) − s‖² / ∂log σ_i (batch, time), in units of σ_S²."""
        sigma = self._sigma(log_sigma)
        slopes = 2 * (sigma.square() * linear.square().sum((0, 3)))
        for noise in self._noises(log_sigma, pairs):
            effects = torch.einsum("btf,kbtf->kbt", noise, linear)
            slopes -= 2 * (effects * effects.sum(2, keepdim=True)).sum(0) / pairs
            for one in (noise, -noise):
                slopes += (self._gradient(one, step) * one).sum(2) / (2 * pairs)
        return slopes

    def _gradient(self, noise: Tensor, step: int) -> Tensor:
        """The gradient of ‖Φ(x̃) − s‖² by the word vectors (batch, time, features)."""
        moved = (self.embedded.detach() + noise).requires_grad_()
        change = (self.state_vectors(moved) - self.state.detach()).square().sum()
        _check_finite(change, f"the loss is not finite in step {step} of the search")
        (gradient,) = torch.autograd.grad(change, moved)
        return gradient

    def _gains_beside(self, known: Tensor, probes: int) -> Tensor:
        """Gains (batch, time) beside known directions (batch, directions, state), as Hutch++ does.

        Source: Meyer, Musco, Musco and Woodruff (2021), "Hutch++: Optimal Stochastic Trace
        Estimation".
        """
        gains = torch.zeros_like(self.tokens, dtype=self.embedded.dtype)
        for _ in range(probes):
            probe = self._drawn(self.state.shape[1:]).to(self.state.dtype).expand_as(self.state)
            along = torch.einsum("bks,bs->bk", known, probe)
            rest = probe - torch.einsum("bks,bk->bs", known, along)
            gains += self._pulled_back(rest).square().sum(2) / probes
        return gains

    @torch.no_grad()
    def _main_directions(self, log_sigma: Tensor, directions: int) -> Tensor:
        """The directions (batch, directions, state) in which noise moves the state most."""
        moved = [
            self.state_vectors(self.embedded + noise) - self.state
            for noise in self._noises(log_sigma, 2 * directions)
        ]
        if not moved:
            return self.state.new_zeros(len(self.state), 0, self.state.shape[1])
        together = torch.stack(moved, 1).detach()
        _check_finite(together, "the loss is not finite at the start of the search")
        precise = torch.promote_types(together.dtype, torch.float32)  # none in half precision
        found: Tensor = torch.linalg.svd(together.to(precise), full_matrices=False).Vh
        return found[:, :directions].to(together.dtype)

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
