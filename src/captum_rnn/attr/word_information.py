"""Word information: what a state of any layer still knows of each word."""

import math
from collections.abc import Callable, Iterable
from typing import Any, NoReturn, overload

from torch import Tensor, nn
from tqdm import tqdm

from captum_rnn._captum import InternalAttribution, format_output, is_tuple, logged
from captum_rnn.attr.calibration_data import read_batches
from captum_rnn.attr.inputs import check_inputs, one_for_each_input
from captum_rnn.attr.noise_search import NoiseSearch, Search
from captum_rnn.attr.state_observer import StateObserver, checked_state_readout
from captum_rnn.functional.word_information import (
    Quantity,
    StateVariance,
    check_quantity,
    kept_information,
    mean_square,
    noise_entropy,
    shares,
    state_vectors,
)
from captum_rnn.states.perturbing import SeenStates, StateReadout

DEFAULT_SEARCH = NoiseSearch()
"""The search that `attribute` makes where none is given."""


class WordInformationAttribution(InternalAttribution):  # type: ignore[misc]
    r"""Scores each token by how much of it a layer's state has kept.

    Each word vector is perturbed by Gaussian noise of its own strength σ_i, as strong as it can be
    while the state stays near what it was:

    .. math:: \min_\sigma \; \frac{\mathbb{E} \lVert \Phi(\tilde x) - s \rVert^2}{\sigma_S^2}
              - \frac{\text{rate}}{n} \sum_i \log \sigma_i

    Strong noise, of high entropy H_i = K/2 · log(2πe) + K log σ_i, on a word means that the state
    no longer carries it. Entropies are in nats and can be compared between layers, steps and models
    that read vectors of one size K. The measure does not look at the class: it says what a state
    knows, not what decided.

    All texts of a batch are solved together; each has its own σ and stops by its own change, and
    all are perturbed by the same draws, so that a text's scores do not depend on the other texts,
    though on the width that they are padded to. Put the model into evaluation mode first.

    Args:
        forward_func: The model, or any function that runs it.
        layer: The module whose output is asked: recurrent, packed or not, or any other, whose
            output or its first entry has the axes (batch, time, features) or (batch, features).
        device_ids: Kept for Captum's signature; the model has to run on one device.
        embedding: The module that answers with the word vectors (batch, time, features).
        readout: The state that is asked. ``"final"``: of a recurrent layer each direction's own
            last state, of any other the output at the last token. A position, or one for each row
            (batch,): the output there. ``"all"``: all states of the row together.
        state_variance: σ_S², as `fit` estimates it; None: call `fit`, or each text is measured
            against ‖s‖² of its own, the authors' fallback.
        scale: The largest σ; None: 10 times the standard deviation of `embedding.weight`, as the
            authors advise.
        rate: Weight of the entropies, above 0: a state may move by rate / 2 of its variance.
        batch_first: Whether dimension 0 of the inputs is the batch, and of the output of a layer
            that is not recurrent.

    Attributes:
        state_variance: σ_S², None before `fit`.
        last_search: What the last call of `attribute` did: steps, and which texts settled.

    Source: Guan et al., "Towards a Deep and Unified Understanding of Deep Neural Models in NLP",
    ICML 2019. The authors' code divides each feature of the state by its own standard deviation;
    here, as in the paper's formula, one variance serves all of them.

    Example:
        >>> import torch
        >>> class Classifier(nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.embedding = nn.Embedding(100, 8)
        ...         self.gru = nn.GRU(8, 16, batch_first=True)
        ...         self.head = nn.Linear(16, 2)
        ...     def forward(self, ids):
        ...         return self.head(self.gru(self.embedding(ids))[1][-1])
        >>> model = Classifier().eval()
        >>> information = WordInformationAttribution(model, model.gru, embedding=model.embedding)
        >>> entropies = information.fit([torch.randint(100, (32, 5))]).attribute(
        ...     torch.randint(100, (4, 5))
        ... )
        >>> entropies.shape
        torch.Size([4, 5])
    """

    def __init__(
        self,
        forward_func: Callable[..., Any],
        layer: nn.Module,
        device_ids: list[int] | None = None,
        *,
        embedding: nn.Module,
        readout: StateReadout = "final",
        state_variance: float | None = None,
        scale: float | None = None,
        rate: float = 0.1,
        batch_first: bool = True,
    ) -> None:
        super().__init__(forward_func, layer, device_ids)
        self.embedding = embedding
        self.readout = checked_state_readout(readout)
        self.state_variance = state_variance
        self.rate = _positive(rate, "rate")
        self.scale = _default_scale(embedding) if scale is None else _positive(scale, "scale")
        self.batch_first = batch_first
        self.last_search: Search | None = None

    def fit(
        self,
        batches: Iterable[Any],
        *,
        lengths_at: int | None = None,
        show_progress: bool = False,
    ) -> "WordInformationAttribution":
        """Estimates σ_S², the variance of the state over inputs; some hundred texts suffice.

        Args:
            batches: E.g. a `DataLoader`. Each batch is the inputs, or a `captum_rnn.attr.Batch` of
                them and of the other arguments.
            lengths_at: Which entry of a batch of several holds the lengths, which the model is
                given too; the first is the inputs, and all others are labels, which are left out.
            show_progress: Show a progress bar on standard error.

        Returns:
            This object, with `state_variance`.

        Raises:
            ValueError: Fewer than two states, or the state is the same for all inputs.
        """
        variance = StateVariance()
        given = read_batches(batches, lengths_at)
        bar = tqdm(given, desc="fitting", unit="batch", disable=not show_progress)
        for inputs, arguments, lengths in bar:
            tensors = check_inputs(inputs)
            row_lengths = one_for_each_input(lengths, 1)[0]
            _, seen = self._observer.observe(tensors, arguments, row_lengths)
            variance.add(seen.values[seen.seen])
        if variance.count < 2:
            raise ValueError(
                f"batches hold {variance.count} state(s) of the layer; expected at least two to "
                "take their variance"
            )
        self.state_variance = _varying(variance.value, self.layer)
        return self

    @overload
    def attribute(
        self,
        inputs: Tensor,
        target: Any = None,
        additional_forward_args: Any = None,
        *,
        lengths: Tensor | None = None,
        quantity: Quantity = "entropy",
        search: NoiseSearch = DEFAULT_SEARCH,
        show_progress: bool = False,
    ) -> Tensor: ...

    @overload
    def attribute(
        self,
        inputs: tuple[Tensor, ...],
        target: Any = None,
        additional_forward_args: Any = None,
        *,
        lengths: Tensor | None = None,
        quantity: Quantity = "entropy",
        search: NoiseSearch = DEFAULT_SEARCH,
        show_progress: bool = False,
    ) -> tuple[Tensor, ...]: ...

    @logged
    def attribute(
        self,
        inputs: Tensor | tuple[Tensor, ...],
        target: Any = None,
        additional_forward_args: Any = None,
        *,
        lengths: Tensor | None = None,
        quantity: Quantity = "entropy",
        search: NoiseSearch = DEFAULT_SEARCH,
        show_progress: bool = False,
    ) -> Any:
        """Measures what the state keeps of each token.

        Args:
            inputs: Token ids (batch, time), or whatever the embedding reads of that layout.
            target: Checked by Captum like every target; the measure does not look at the class.
            additional_forward_args: Further arguments of `forward_func`.
            lengths: Number of real tokens in each row (batch,), for a model that runs its padding
                through the layer. A packed sequence brings its own, and tokens equal to the
                embedding's `padding_idx` count as padding anyway.
            quantity: ``"entropy"``: H_i in nats, little where much is kept. ``"sigma"``: σ_i.
                ``"information"``: how many nats H_i stays below the entropy at the largest σ, 0
                for a forgotten word. ``"share"``: the token's share of the information of its row.
            search: How σ is found: steps, noise samples a step, the stopping rule and the seed.
            show_progress: Show a progress bar on standard error.

        Returns:
            Attributions of exactly the shape of `inputs`, a tuple if `inputs` is one; 0 for
            padding, whatever the quantity. A token's score is shared equally over its features.

        Raises:
            ValueError: The embedding or the layer does not run exactly once, the layer's output
                does not depend on the embedding, is the same whatever the input, or is not
                deterministic; a loss that is not finite; shapes, lengths or positions that do not
                fit.
            TypeError: Inputs or lengths that are no tensors; answers without a tensor.
        """
        check_quantity(quantity)
        tensors = check_inputs(inputs)
        observer = self._observer
        layout = observer.layout(tensors)
        embedded, seen = observer.observe(tensors, additional_forward_args, lengths, target)
        observer.check_axes(embedded, layout)
        variance = self._variance(seen)
        tokens = observer.tokens(tensors[0], layout, embedded, seen, lengths)
        at_rest = state_vectors(seen.values.detach(), seen.seen, variance)

        def vectors(words: Tensor) -> Tensor:
            put = observer.swapped(words)
            _, found = observer.observe(tensors, additional_forward_args, lengths, embedded=put)
            return state_vectors(found.values, seen.seen, variance)

        words = observer.swapped(embedded.detach())
        observer.check_repeatable(at_rest, vectors(words))
        features = embedded.shape[2]
        found = search.run(
            vectors,
            words,
            tokens,
            rate=self.rate,
            log_scale=math.log(self.scale),
            show_progress=show_progress,
        )
        self.last_search = found  # which another thread's call may set meanwhile
        scores = self._quantity(found.log_sigma, quantity, features, tokens)
        attributions = layout.arrange(observer.swapped(scores))
        return format_output(is_tuple(inputs), (attributions,))

    def attribute_future(self) -> NoReturn:
        """Not implemented, as for Captum's own primary methods."""
        raise NotImplementedError(
            "attribute_future is not implemented for WordInformationAttribution; call attribute"
        )

    @property
    def _observer(self) -> StateObserver:
        return StateObserver(
            self.forward_func, self.layer, self.embedding, self.readout, self.batch_first
        )

    def _variance(self, seen: SeenStates) -> Tensor | float:
        if self.state_variance is not None:
            return _varying(self.state_variance, self.layer)
        squares = mean_square(seen.values.detach(), seen.seen)
        if (squares == 0).any():
            row = int((squares == 0).int().argmax())
            raise ValueError(
                f"the state of row {row} is zero, so that there is nothing to measure its change "
                "against; call fit with some hundred texts first"
            )
        return squares

    def _quantity(
        self, log_sigma: Tensor, quantity: Quantity, features: int, tokens: Tensor
    ) -> Tensor:
        if quantity == "entropy":
            return noise_entropy(log_sigma, features).masked_fill(~tokens, 0.0)
        if quantity == "sigma":
            return log_sigma.exp().masked_fill(~tokens, 0.0)
        information = kept_information(log_sigma, math.log(self.scale), features)
        information = information.masked_fill(~tokens, 0.0)
        return information if quantity == "information" else shares(information)


def _default_scale(embedding: nn.Module) -> float:
    weight = getattr(embedding, "weight", None)
    if not isinstance(weight, Tensor):
        raise ValueError(
            f"the embedding ({type(embedding).__name__}) has no weight to take the largest σ from; "
            "pass scale, some ten times the standard deviation of the word vectors' features"
        )
    return _positive(10 * float(weight.detach().float().std()), "scale")


def _positive(number: float, name: str) -> float:
    if not (math.isfinite(number) and number > 0):
        raise ValueError(f"{name} is {number!r}; expected a finite number above 0")
    return float(number)


def _varying(variance: float, layer: nn.Module) -> float:
    if math.isfinite(variance) and variance > 0:
        return variance
    raise ValueError(
        f"the variance of the state of {type(layer).__name__} over inputs is {variance}, so that "
        "no change of it can be measured; pass a layer whose state differs between inputs"
    )
