"""The job on this machine: worker processes, each of which may die without harm."""

import contextlib
import signal
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from typing import Any

from captum_rnn.jobs.inputs import Part
from captum_rnn.jobs.processes import start_method
from captum_rnn.jobs.work import FinishedPart, Worker, WorkSettings, plain_error, use_one_thread

_PARTS_AT_A_WORKER = 2
"""One at work, one waiting, so that a worker never waits for the next."""
_MOST_DEATHS = 3


def explained_parts(
    settings: WorkSettings,
    parts: Sequence[Part],
    workers: int,
    on_death: Callable[[Part, int], object] = lambda part, exit_code: None,
) -> Iterator[FinishedPart]:
    """Explains parts in worker processes.

    A worker that dies is replaced and its parts are done again. No more than two parts for each
    worker are in memory, however slowly the answers are taken.

    Args:
        settings: What the workers do.
        parts: The parts.
        workers: Number of processes.
        on_death: Told the part at which a worker died, and its exit code.

    Yields:
        The finished parts, in the order in which they are done.

    Raises:
        ChildProcessError: The same part was in the hands of three workers that died, or a worker
            failed in a way that nobody foresaw.
        ImportError, OSError, TypeError, ValueError: What a worker raised.
    """
    team = _Team(settings, parts, on_death)
    try:
        for _ in range(min(workers, len(parts))):
            team.hire()
        while team.busy:
            yield from team.answers()
    finally:
        team.dismiss()


class _Hand:
    """One worker process, with the parts that it was given and has not answered."""

    def __init__(self, context: Any, settings: WorkSettings) -> None:
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, settings), daemon=True)
        self.process.start()
        # Only the worker may hold its end, so that its death is seen at ours.
        theirs.close()
        self.parts: deque[Part] = deque()

    def give(self, part: Part) -> None:
        self.parts.append(part)
        # A worker that has just died is noticed when its answer is awaited.
        with contextlib.suppress(OSError):
            self.connection.send(part)

    def dismiss(self) -> None:
        self.process.terminate()
        self.process.join()
        self.connection.close()


class _Team:
    """The worker processes, and the parts that nobody has been given yet."""

    def __init__(
        self,
        settings: WorkSettings,
        parts: Sequence[Part],
        on_death: Callable[[Part, int], object],
    ) -> None:
        self._context = start_method()
        self._settings = settings
        self._waiting = deque(parts)
        self._on_death = on_death
        self._deaths: Counter[int] = Counter()
        self._hands: dict[Connection, _Hand] = {}

    @property
    def busy(self) -> bool:
        """Whether an answer is still to come."""
        return any(hand.parts for hand in self._hands.values())

    def hire(self) -> None:
        """Starts a worker and gives it parts."""
        hand = _Hand(self._context, self._settings)
        self._hands[hand.connection] = hand
        self._fill(hand)

    def answers(self) -> Iterator[FinishedPart]:
        """Waits for answers, and replaces workers that have died."""
        for connection in wait(list(self._hands)):
            assert isinstance(connection, Connection)
            hand = self._hands[connection]
            try:
                answer = connection.recv()
            except (EOFError, OSError):
                self._replace(hand)
                continue
            if isinstance(answer, Exception):
                raise answer
            hand.parts.popleft()
            self._fill(hand)
            yield answer

    def dismiss(self) -> None:
        """Ends all workers."""
        for hand in self._hands.values():
            hand.dismiss()
        self._hands.clear()

    def _fill(self, hand: _Hand) -> None:
        while self._waiting and len(hand.parts) < _PARTS_AT_A_WORKER:
            hand.give(self._waiting.popleft())

    def _replace(self, hand: _Hand) -> None:
        del self._hands[hand.connection]
        hand.dismiss()
        self._waiting.extendleft(reversed(hand.parts))
        if not hand.parts:
            return
        lost = hand.parts[0]
        self._deaths[lost.number] += 1
        if self._deaths[lost.number] == _MOST_DEATHS:
            raise ChildProcessError(
                f"{_MOST_DEATHS} worker processes have died at the rows {lost.first} to "
                f"{lost.first + lost.rows - 1} of {lost.path} (exit code "
                f"{hand.process.exitcode}); if memory ran out, give fewer --workers or a smaller "
                '--rows-per-part; a script has to call this under if __name__ == "__main__":'
            )
        self._on_death(lost, hand.process.exitcode or 0)
        self.hire()


def _serve(connection: Connection, settings: WorkSettings) -> None:
    """The life of a worker process: parts come in, answers go out, until the other end is gone."""
    # Ctrl-C reaches all processes of the terminal; the one that writes decides what happens.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    use_one_thread()
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        try:
            worker = Worker(settings)
            while True:
                connection.send(worker.explain(connection.recv()))
        except (EOFError, BrokenPipeError, ConnectionResetError):
            raise
        except Exception as error:
            connection.send(plain_error(error))
