"""Tasks whose rule makes the truth known, on nets that have learnt it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from captum_rnn.benchmark.dataset import explained_model
from captum_rnn.benchmark.ground_truth.tasks.known_answer_task import TaskNet
from captum_rnn.benchmark.ground_truth.tasks.nets import task_net
from captum_rnn.benchmark.ground_truth.tasks.task import Task
from captum_rnn.evaluation.measure import Measure
from captum_rnn.text.classifier import RecurrentKind


@dataclass(frozen=True)
class LearntRule:
    """A rule and the nets of `task_net`; see `KnownAnswerTask`.

    Attributes:
        rule: The rule. What a token truly contributes to its evidence is what it should contribute
            to a net that has learnt it.
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

    def nets(
        self, kinds: Sequence[RecurrentKind], seeds: Sequence[int], *, show_progress: bool = False
    ) -> Iterator[TaskNet]:
        """A net of each kind and seed, from the cache or trained now; see `KnownAnswerTask`."""
        for kind in kinds:
            for seed in seeds:
                classifier = task_net(self.rule, kind, seed, show_progress=show_progress)
                yield TaskNet(
                    kind=kind,
                    seed=seed,
                    model=explained_model(classifier.model),
                    accuracy=classifier.trained_on["fresh"],
                    solved=classifier.trained_on["solved"],
                    sample=self.rule.sample,
                )
