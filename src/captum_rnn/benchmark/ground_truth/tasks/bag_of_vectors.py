"""A task whose network makes the truth known: it sums word vectors, each with a part of its own."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from captum_rnn.benchmark.dataset import NEUTRAL_WORD_ID
from captum_rnn.benchmark.ground_truth.tasks.keywords import AdditiveTask
from captum_rnn.benchmark.ground_truth.tasks.known_answer_task import TaskNetwork
from captum_rnn.benchmark.ground_truth.tasks.networks import SOLVED, TRAINING_SEED, final_accuracy
from captum_rnn.benchmark.ground_truth.tasks.task import KnownAnswers
from captum_rnn.benchmark.methods import ExplainedModel
from captum_rnn.benchmark.methods.explained_model import margins
from captum_rnn.evaluation.agreement.correlations import PEARSON
from captum_rnn.evaluation.measure import Measure
from captum_rnn.states import pack_tokens
from captum_rnn.text.classifier import RecurrentKind

_FEATURES = 16
_LARGEST_FIRST_FEATURE = 0.1
_STEPS = 250
_BATCH = 128
_LEARNING_RATE = 1e-2


class BagOfVectors(nn.Module):
    """Embedding → a recurrent layer that only adds → linear head.

    The recurrent layer is a ReLU RNN, hₜ = ReLU(xₜ + hₜ₋₁), with the identity as both its matrices
    and no bias, which never change. As long as no feature of a word vector is negative, the ReLU
    does nothing, and its state is the sum of the word vectors so far. Id 0 is padding, whose vector
    is 0.

    Args:
        vocabulary_size: Number of words; their ids run from 1 to this number.
        classes: Number of classes.

    Example:
        >>> model = BagOfVectors(vocabulary_size=9)
        >>> ids = torch.tensor([[4, 7, 4]])
        >>> state = 2 * model.embedding.weight[4] + model.embedding.weight[7]
        >>> torch.allclose(model(ids)[0], model.head(state))
        True
    """

    def __init__(self, vocabulary_size: int, classes: int = 2) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary_size + 1, _FEATURES, padding_idx=0)
        self.rnn = nn.RNN(_FEATURES, _FEATURES, nonlinearity="relu", bias=False, batch_first=True)
        self.head = nn.Linear(_FEATURES, classes)
        self.rnn.requires_grad_(False)
        with torch.no_grad():
            self.embedding.weight[1:].uniform_(0, _LARGEST_FIRST_FEATURE)
            for weights in self.rnn.parameters():
                weights.copy_(torch.eye(_FEATURES))

    def forward(self, ids: Tensor) -> Tensor:
        """Logits (batch, classes) of ids (batch, time), 0 for padding."""
        _, final = self.rnn(pack_tokens(self.embedding(ids), ids != 0))
        logits: Tensor = self.head(final[-1])
        return logits

    @torch.no_grad()
    def clamp_(self) -> None:
        """Sets the negative features of all word vectors to 0."""
        self.embedding.weight.clamp_(min=0)

    @torch.no_grad()
    def contributions(self, ids: Tensor, targets: Tensor) -> Tensor:
        """What each token adds to the margin of a class: its vector times the margin's weights.

        With head weights W (classes, features), the margin of class c (see `margins`) is linear in
        the state, with the weights v_c = W_c − mean of W over the other classes. The state is the
        sum of the vectors x_t, so token t contributes ⟨v_c, x_t⟩: by so much the margin falls
        when the token is dropped, whatever the other tokens are.

        Args:
            ids: Token ids (sequences, time), 0 for padding.
            targets: The class to explain (sequences,).

        Returns:
            Contributions (sequences, time), 0 at padding.
        """
        weights = margins(self.head.weight.T).T[targets]
        return torch.einsum("stf,sf->st", self.embedding(ids), weights)


@dataclass(frozen=True)
class BagOfVectorsTask:
    """Sequences of the additive task on a `BagOfVectors`; see `KnownAnswerTask`.

    What is true is what the network itself does with a token, fillers included, not what the rule
    says that it should.

    Attributes:
        rule: Draws the sequences that the network learns and explains.
    """

    rule: AdditiveTask = field(default_factory=AdditiveTask)

    name: ClassVar[str] = "bag-of-vectors"
    classes: ClassVar[tuple[str, ...]] = AdditiveTask.classes
    measure: ClassVar[Measure] = PEARSON
    kind: ClassVar[str] = "linear-rnn"

    def networks(
        self, kinds: Sequence[RecurrentKind], seeds: Sequence[int], *, show_progress: bool = False
    ) -> Iterator[TaskNetwork]:
        """One network for each seed, whatever the kinds, trained in some two seconds each time."""
        for seed in seeds:
            model = train_bag_of_vectors(self.rule, seed)
            accuracy = final_accuracy(model, self.rule, seed)
            yield TaskNetwork(
                kind=self.kind,
                seed=seed,
                model=ExplainedModel(model, model.embedding, model.rnn, neutral_id=NEUTRAL_WORD_ID),
                accuracy=accuracy.to_dict(),
                solved=accuracy.value >= SOLVED,
                sample=_Sample(self.rule, model),
            )


@dataclass(frozen=True, eq=False)
class _Sample:
    """Sequences of a rule with their contributions to a network."""

    rule: AdditiveTask
    model: BagOfVectors

    def __call__(self, count: int, *, seed: int) -> KnownAnswers:
        drawn = self.rule.sample(count, seed=seed)
        return replace(drawn, contributions=self.model.contributions(drawn.ids, drawn.targets))


def train_bag_of_vectors(rule: AdditiveTask, seed: int) -> BagOfVectors:
    """Trains a network on fresh sequences; its word vectors stay without negative features.

    Args:
        rule: Draws the sequences and says which class is right.
        seed: Decides the first weights and the sequences.

    Returns:
        The network, in evaluation mode.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = BagOfVectors(len(rule.words), len(rule.classes))
    learnt = [*model.embedding.parameters(), *model.head.parameters()]
    optimiser = torch.optim.Adam(learnt, lr=_LEARNING_RATE)
    generator = torch.Generator().manual_seed(TRAINING_SEED + seed)
    for _ in range(_STEPS):
        ids = rule.draw(_BATCH, generator)
        optimiser.zero_grad()
        loss = F.cross_entropy(model(ids), rule.evidence(ids).argmax(dim=1))
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        model.clamp_()
    return model.eval()
