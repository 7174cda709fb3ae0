"""White-box tasks: classifiers of token sequences whose right explanation is known."""

from captum_rnn.benchmark.tasks.keywords import AdditiveTask, NegationTask, ResetTask
from captum_rnn.benchmark.tasks.nets import task_net
from captum_rnn.benchmark.tasks.second_class import SecondClassTask
from captum_rnn.benchmark.tasks.task import KnownAnswers, Task

TASKS: dict[str, Task] = {
    task.name: task for task in (AdditiveTask(), ResetTask(), NegationTask(), SecondClassTask())
}
"""The tasks by name."""

__all__ = [
    "TASKS",
    "AdditiveTask",
    "KnownAnswers",
    "NegationTask",
    "ResetTask",
    "SecondClassTask",
    "Task",
    "task_net",
]
