"""The methods of this package, which read the states of the classifier's recurrent layer."""

import dataclasses
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from captum_rnn.attr import CalibratedDeltaAttribution, WordInformationAttribution
from captum_rnn.attr.calibration_data import Batch
from captum_rnn.attr.named import NamedMethod
from captum_rnn.attr.noise_search import NoiseSearch
from captum_rnn.attr.recurrent import RecurrentAttribution
from captum_rnn.benchmark.methods.explained_model import ExplainedModel, margins
from captum_rnn.benchmark.methods.method import Method
from captum_rnn.states.layers import torch_layer
from captum_rnn.states.recording import record_calls

_ENOUGH_BATCHES = 20


class Margins(nn.Module):
    """The classifier with the margin of each class in place of its logit."""

    def __init__(self, model: ExplainedModel):
        super().__init__()
        self.model = model.model
        self._explained = model

    def forward(self, ids: Tensor) -> Tensor:
        """Margins (batch, classes) of ids (batch, time)."""
        return margins(self._explained.logits(ids))


@dataclass(frozen=True, kw_only=True)
class StateMethod(Method):
    """A method of this package, on the classifier's recurrent layer, for the margin."""

    ours: bool = True

    @property
    def arguments(self) -> dict[str, Any]:
        """Further arguments of the attribution's `attribute`."""
        return {}

    def __call__(self, model: ExplainedModel, ids: Tensor, target: Tensor) -> Tensor:
        """Scores every token of a batch; see `Method`."""
        attribution = self.attribution(model, self._layer(model))
        baselines = self.baselines(model)
        compared: dict[str, Any] = {} if baselines is None else {"baselines": baselines}
        scores: Tensor = attribution.attribute(
            ids, target=target, lengths=lengths_to_tell(model, ids), **compared, **self.arguments
        )
        return scores.masked_fill(ids == model.pad_id, 0.0)

    def total(self, model: ExplainedModel, ids: Tensor, target: Tensor) -> Tensor | None:
        """What the attribution's convergence delta compares the sum with; see `Method`."""
        attribution = self.attribution(model, self._layer(model))
        if not attribution.has_convergence_delta() or self.baselines(model) is not None:
            return None
        nothing = torch.zeros(ids.shape, dtype=torch.float64, device=ids.device)
        return -attribution.compute_convergence_delta(
            nothing, ids, target=target, lengths=lengths_to_tell(model, ids)
        )

    @abstractmethod
    def attribution(self, model: ExplainedModel, layer: nn.RNNBase) -> RecurrentAttribution:
        """The attribution of the classifier's margins, a function of ids."""

    def baselines(self, model: ExplainedModel) -> Tensor | None:
        """The word vector (features,) that it compares with; None: none."""
        return None

    def _layer(self, model: ExplainedModel) -> nn.RNNBase:
        if model.layer is None:
            raise ValueError(
                f"{self.label} reads the states of a recurrent layer, but the explained model "
                "names none; give its nn.RNN, nn.LSTM or nn.GRU as layer, or leave the method out"
            )
        return torch_layer(model.layer)


@dataclass(frozen=True, kw_only=True)
class NamedStateMethod(StateMethod):
    """A method of the table `captum_rnn.attr.named.NAMED_METHODS`.

    Attributes:
        named: Its entry.
        options: Names and values of further arguments of its `attribute`.
    """

    named: NamedMethod
    options: tuple[tuple[str, Any], ...] = ()

    @property
    def arguments(self) -> dict[str, Any]:
        """The options that were named, for `attribute`."""
        return dict(self.options)

    @classmethod
    def of(cls, named: NamedMethod) -> "NamedStateMethod":
        """The entry of the table as a method that can be compared."""
        return cls(
            name=named.name,
            label=named.label,
            passes=named.passes,
            class_aware=named.class_aware,
            named=named,
        )

    def attribution(self, model: ExplainedModel, layer: nn.RNNBase) -> RecurrentAttribution:
        """What the table of methods builds for the margins."""
        return self.named.build(Margins(model), layer, model.readout)

    def baselines(self, model: ExplainedModel) -> Tensor | None:
        """The word vector that the table compares with; None: the method's own default."""
        words = model.embedding.weight
        return self.named.baselines(words, pad_id=model.pad_id, neutral_id=model.neutral_id)


@dataclass(frozen=True, kw_only=True)
class CalibratedDelta(StateMethod):
    """`CalibratedDeltaAttribution`, fitted on background texts.

    Attributes:
        local: Read the step against that of the mean word vector, not the step itself.
        by_distance: Learn one vector for each distance from the end of the text.
        with_cells: Also read the cell states of an LSTM.
        teacher: The method whose scores it learns; None: the mean adjoint.
        fitted: What `fit` has learnt.
    """

    learns: bool = True
    local: bool = False
    by_distance: bool = False
    with_cells: bool = False
    teacher: Method | None = None
    fitted: CalibratedDeltaAttribution | None = field(default=None, compare=False, repr=False)

    def fit(self, model: ExplainedModel, texts: Sequence[Tensor]) -> Method:
        """Learns its vectors from at most 20 of the batches; see `Method`."""
        if not texts:
            return self
        attribution = CalibratedDeltaAttribution(
            Margins(model),
            self._layer(model),
            by_distance=self.by_distance,
            with_cells=self.with_cells,
        )
        some = texts[:: -(-len(texts) // _ENOUGH_BATCHES)]
        attribution.fit(
            [Batch(ids, None, lengths_to_tell(model, ids)) for ids in some],
            baselines=self.baselines(model),
            teacher=None if self.teacher is None else _lesson(self.teacher, model),
        )
        return dataclasses.replace(self, fitted=attribution)

    def attribution(self, model: ExplainedModel, layer: nn.RNNBase) -> RecurrentAttribution:
        """The calibrated attribution; ValueError before it was fitted."""
        if self.fitted is None:
            raise ValueError(f"{self.label} must be fitted on background texts; pass background=")
        return self.fitted

    def baselines(self, model: ExplainedModel) -> Tensor | None:
        """The mean word vector for the local delta; None: steps are taken as they are."""
        return model.mean_word if self.local else None


@dataclass(frozen=True, kw_only=True)
class WordInformation(Method):
    """`WordInformationAttribution` of the last state: what it has kept, not what decided.

    Attributes:
        steps: Most steps of the search.
        seed: Where its noise is drawn from.
        state_variance: What `fit` has learnt of the state over background texts; None: each is
            measured by its own state.
    """

    passes: str = "10 × (4 + 4 backward) + h backward"
    signed: bool = False
    class_aware: bool = False
    ours: bool = True
    learns: bool = True
    steps: int = 10
    seed: int = 0
    state_variance: float | None = field(default=None, compare=False, repr=False)

    def fit(self, model: ExplainedModel, texts: Sequence[Tensor]) -> Method:
        """Learns how much the state varies over background texts; see `Method`."""
        if not texts:
            return self
        attribution = self._attribution(model)
        attribution.fit([Batch(ids, None, lengths_to_tell(model, ids)) for ids in texts])
        return dataclasses.replace(self, state_variance=attribution.state_variance)

    def __call__(self, model: ExplainedModel, ids: Tensor, target: Tensor) -> Tensor:
        """Scores every token of a batch; see `Method`."""
        scores: Tensor = self._attribution(model).attribute(
            ids,
            lengths=lengths_to_tell(model, ids),
            quantity="share",
            search=NoiseSearch(max_steps=self.steps, seed=self.seed),
        )
        return scores.masked_fill(ids == model.pad_id, 0.0)

    def seeded(self, seed: int) -> "WordInformation":
        """The same method with other noise."""
        return dataclasses.replace(self, seed=seed)

    def _attribution(self, model: ExplainedModel) -> WordInformationAttribution:
        if model.layer is None:
            raise ValueError(
                f"{self.label} reads the last state of a recurrent layer, but the explained model "
                "names none; give its nn.RNN, nn.LSTM or nn.GRU as layer, or leave the method out"
            )
        return WordInformationAttribution(
            model.logits, model.layer, embedding=model.embedding, state_variance=self.state_variance
        )


def lengths_to_tell(model: ExplainedModel, ids: Tensor) -> Tensor | None:
    """The lengths (batch,) of texts up to their last token, where the layer runs over padding.

    Args:
        model: A classifier with a recurrent layer.
        ids: Token ids (batch, time).

    Returns:
        None where there is no padding, or where the layer is fed packed sequences, which bring
        their own lengths.
    """
    if model.layer is None or not bool((ids == model.pad_id).any()):
        return None
    word = ids.new_full((1, 1), model.neutral_id)
    with torch.no_grad():
        calls = record_calls(torch_layer(model.layer), lambda: model.logits(word))
    if any(isinstance(call.input, PackedSequence) for call in calls):
        return None
    positions = torch.arange(1, ids.shape[1] + 1, device=ids.device)
    return (positions * (ids != model.pad_id)).amax(dim=1).clamp(min=1)


def _lesson(teacher: Method, model: ExplainedModel) -> Any:
    """The teacher as `CalibratedDeltaAttribution.fit` calls it: each class of a batch in turn."""
    known: dict[int, tuple[Tensor, Tensor]] = {}

    def attribute(ids: Tensor, *, target: int, additional_forward_args: None) -> Tensor:
        texts, scores = known.pop(1 - target, (None, None))
        if texts is not None and scores is not None and torch.equal(texts, ids):
            return -scores
        answer = teacher(model, ids, torch.full((len(ids),), target, device=ids.device))
        if teacher.mirrors and model.probabilities(ids[:1]).shape[1] == 2:
            known[target] = (ids, answer)
        return answer

    return attribute
