"""Tasks with known answers: classifiers of token sequences whose right explanation is known."""

from captum_rnn.benchmark.ground_truth.tasks.bag_of_vectors import BagOfVectorsTask
from captum_rnn.benchmark.ground_truth.tasks.keywords import AdditiveTask, NegationTask, ResetTask
from captum_rnn.benchmark.ground_truth.tasks.known_answer_task import KnownAnswerTask
from captum_rnn.benchmark.ground_truth.tasks.learnt_rule import LearntRule
from captum_rnn.benchmark.ground_truth.tasks.second_class import SecondClassTask
from captum_rnn.benchmark.ground_truth.tasks.task import Task

RULES: dict[str, Task] = {
    rule.name: rule for rule in (AdditiveTask(), ResetTask(), NegationTask(), SecondClassTask())
}
"""The rules that models of any kind learn, by name."""

TASKS: dict[str, KnownAnswerTask] = {
    **{name: LearntRule(rule) for name, rule in RULES.items()},
    BagOfVectorsTask.name: BagOfVectorsTask(),
}
"""The tasks with known answers by name."""

__all__ = ["RULES", "TASKS"]
