"""The order of a comparison: stages whose units any of two processes may do, in any order."""

import itertools
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial

from tqdm import tqdm

from captum_rnn.benchmark.methods import EXPENSIVE, Method
from captum_rnn.benchmark.parts import Parts
from captum_rnn.benchmark.second_process import SecondProcess, Stage

Further = Callable[[Method], object]
FIRST_TABLE = 1
"""The number of the stage after which the first table can be made."""


def stages_of(parts: Parts, further: Further = lambda method: None) -> list[Stage]:
    """The stages of a comparison.

    First the methods that are not expensive score the texts and are measured, after which there is
    a first table; then the others do, and what else there is to do with each method is done.

    Args:
        parts: What is to be done.
        further: What else there is to do with each method.
    """
    first, *others = parts.plan.groups
    # The longest work first, so that two processes end at about the same time.
    expensive = sorted(itertools.chain(*others), key=lambda method: EXPENSIVE.index(method.name))

    def check(method: Method) -> None:
        if parts.error(method) is None:
            parts.sanity(method)

    def finish(method: Method) -> None:
        check(method)
        further(method)  # In the same process, which has fitted the method.

    def measuring(group: Sequence[Method]) -> Stage:
        blocks = range(len(parts.plan.blocks))
        return Stage("measuring", [partial(parts.measures, group, block) for block in blocks])

    of_expensive = [partial(work, method) for method in expensive for work in (further, check)]
    return [
        Stage("scoring", [partial(parts.error, method) for method in first]),
        measuring(first),
        Stage("checking", [*of_expensive, *(partial(finish, method) for method in first)]),
        *map(measuring, others),
    ]


def work_off(
    stage: Stage, number: int, second: SecondProcess | None = None, *, show_progress: bool = False
) -> None:
    """Does all units of a stage, together with a second process if there is one.

    Args:
        stage: The stage.
        number: Its place among the stages, which the second process knows it by.
        second: Takes units from the far end; what it has not finished when it ends is done here.
        show_progress: Show a progress bar on standard error.
    """
    waiting = deque(range(len(stage.units)))
    if second is not None:
        second.open(number, waiting)
    with tqdm(
        total=len(stage.units), desc=stage.title, unit="part", disable=not show_progress
    ) as bar:
        while waiting:
            try:
                unit = waiting.popleft()
            except IndexError:  # The second process has just taken the last one.
                break
            stage.units[unit]()
            bar.update(len(stage.units) - len(waiting) - bar.n)
        for unit in second.close() if second is not None else ():
            stage.units[unit]()
