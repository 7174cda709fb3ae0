"""Tasks whose rule makes the truth known, on networks that have learnt it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from captum_rnn.benchmark.dataset import explained_model
from captum_rnn.benchmark.ground_truth.tasks.known_answer_task import TaskNetwork
from captum_rnn.benchmark.ground_truth.tasks.networks import task_network
from captum_rnn.benchmark.ground_truth.tasks.task import Task
from captum_rnn.evaluation.measure import Measure
from captum_rnn.text.classifier import RecurrentKind


@dataclass(frozen=True)
class LearntRule:
    """A rule and the networks of `task_network`; see `KnownAnswerTask`.

    Attributes:
        rule: The rule. What a token truly contributes to its evidence is what it should contribute
            to a network that has learnt it.
    """

    rule: Task

    @property
    def name(self) -> str:
        """Name on the command line and in results."""
        return self.rule.name

    @property
    def classes(self) -> tuple[str, ...]:
        """Name of each class, in the order of the logits."""
        return self.rule.classes

    @property
    def measure(self) -> Measure:
        """How scores are compared with the true contributions."""
        return self.rule.measure

    def networks(
        self, kinds: Sequence[RecurrentKind], seeds: Sequence[int], *, show_progress: bool = False
    ) -> Iterator[TaskNetwork]:
        """A network of each kind and seed, from the cache or trained now; see `KnownAnswerTask`."""
        for kind in kinds:
            for seed in seeds:
                classifier = task_network(self.rule, kind, seed, show_progress=show_progress)
                yield TaskNetwork(
                    kind=kind,
                    seed=seed,
                    model=explained_model(classifier.model),
                    accuracy=classifier.trained_on["fresh"],
                    solved=classifier.trained_on["solved"],
                    sample=self.rule.sample,
                )
