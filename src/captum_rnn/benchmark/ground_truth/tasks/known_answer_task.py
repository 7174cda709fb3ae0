"""What a task with a known answer is: networks, and sequences for each with what is true there.

The truth comes from a rule that a network has learnt, or from the network itself.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from captum_rnn.benchmark.ground_truth.tasks.task import KnownAnswers
from captum_rnn.benchmark.methods import ExplainedModel
from captum_rnn.evaluation.measure import Measure
from captum_rnn.text.classifier import RecurrentKind


class Sample(Protocol):
    """Draws sequences and computes what is true of them."""

    def __call__(self, count: int, *, seed: int) -> KnownAnswers:
        """Draws `count` sequences; another seed gives others."""
        ...


@dataclass(frozen=True, eq=False)
class TaskNetwork:
    """A network whose explanations can be right or wrong.

    Attributes:
        kind: Its recurrent layer.
        seed: Its first weights' and its training's.
        model: The network, as methods explain it.
        accuracy: Its accuracy on fresh sequences; see `captum_rnn.text.accuracy.Accuracy.to_dict`.
        solved: Whether it has learnt the task: 99 % of fresh sequences are right.
        sample: Draws sequences with their true contributions to what the network answers.
    """

    kind: str
    seed: int
    model: ExplainedModel
    accuracy: Mapping[str, Any]
    solved: bool
    sample: Sample


class KnownAnswerTask(Protocol):
    """A task whose true contributions are known."""

    @property
    def name(self) -> str:
        """Name on the command line and in results."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Name of each class, in the order of the logits."""

    @property
    def measure(self) -> Measure:
        """How scores are compared with the true contributions."""

    def networks(
        self, kinds: Sequence[RecurrentKind], seeds: Sequence[int], *, show_progress: bool = False
    ) -> Iterator[TaskNetwork]:
        """The networks to explain, trained when they are asked for.

        Args:
            kinds: Recurrent layers, for a task that has no layer of its own.
            seeds: One network for each of them.
            show_progress: Show the progress of a training on standard error.
        """
