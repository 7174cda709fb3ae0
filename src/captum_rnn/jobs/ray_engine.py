"""The job on a Ray cluster: Ray Data hands parts to actors, each of which holds one model."""

import contextlib
import functools
import logging
import math
import re
import socket
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from captum_rnn.extras import import_extra
from captum_rnn.jobs.inputs import Part
from captum_rnn.jobs.work import (
    FinishedPart,
    Worker,
    WorkSettings,
    plain_error,
    use_one_thread,
)

_ADDRESS = re.compile(r"(?:ray://)?\[?([^\[\]/\s]+)\]?:(\d{1,5})")
_SECONDS_TO_CONNECT = 5
_SECONDS_TO_ANSWER = 15
_Batch = dict[str, "np.ndarray[Any, Any]"]


def import_ray() -> Any:
    """Ray with Ray Data.

    Raises:
        ImportError: It is not installed, or broken.
    """
    import_extra("ray.data", "ray", "--engine ray (local does without)")
    return import_extra("ray", "ray", "--engine ray (local does without)")


def check_address(address: str | None) -> None:
    """Refuses an address at once where nothing listens.

    Raises:
        ConnectionError: Nothing does.
        ValueError: It is no address.
    """
    if address in (None, "auto"):
        return
    found = _ADDRESS.fullmatch(address or "")
    if found is None:
        raise ValueError(
            f"the address of the Ray cluster is {address!r}; expected auto, HOST:PORT or "
            "ray://HOST:PORT"
        )
    try:
        socket.create_connection((found[1], int(found[2])), _SECONDS_TO_CONNECT).close()
    except (OSError, OverflowError) as error:
        raise ConnectionError(
            f"no Ray cluster answers at {address} ({error}); start one with: ray start --head, or "
            "give no address to start one on this machine"
        ) from error


class PartActor:
    """Explains parts that come as rows of a Ray dataset.

    Args:
        settings: What to do; on a GPU if the cluster gave this actor one.
    """

    def __init__(self, settings: WorkSettings) -> None:
        use_one_thread()
        self._settings = settings

    @functools.cached_property
    def _worker(self) -> Worker:
        """Made with the first part: of an error here, the cluster would tell its own story only."""
        import torch

        device = "cuda" if torch.cuda.is_available() else "cpu"
        return Worker(replace(self._settings, device=device))

    def __call__(self, batch: _Batch) -> dict[str, list[Any]]:
        """The finished parts of the parts in a batch, by column."""
        found = []
        for place in range(len(batch["number"])):
            values = {name: column[place] for name, column in batch.items()}
            path, sha256 = str(values.pop("path")), str(values.pop("sha256"))
            numbers = {name: int(value) for name, value in values.items()}
            part = Part(path=path, sha256=sha256, **numbers)
            found.append(vars(self._worker.explain(part)))
        return {
            name: [_plain(part[name]) for part in found] for name in FinishedPart.__annotations__
        }


def explained_parts(
    settings: WorkSettings, parts: Sequence[Part], workers: int | None, address: str | None
) -> Iterator[FinishedPart]:
    """Explains parts with the actors of a Ray cluster.

    An actor that dies is replaced and its part is done again. Each part is a task of its own, and
    Ray holds back tasks while finished parts wait to be written. Every node reads the inputs and
    the model at the same path, so they have to lie in a shared folder; only this process writes.

    Args:
        settings: What the workers do.
        parts: The parts.
        workers: Number of actors; None: one for each core of the cluster.
        address: The cluster; None: one of this machine, which is started and ended here.

    Yields:
        The finished parts, in the order in which they are done.

    Raises:
        ImportError: Ray is not installed.
        ConnectionError: The cluster cannot be reached.
        ChildProcessError: A worker or Ray failed in a way that nobody foresaw.
        ImportError, OSError, TypeError, ValueError: What a worker raised.
    """
    ray = import_ray()
    with _cluster(ray, workers, address):
        try:
            for row in _dataset(ray, settings, parts, workers).iter_rows():
                # Numbers of a row may be numpy's, which JSON does not have: they are in Ray 2.30.
                yield FinishedPart(
                    int(row["number"]),
                    int(row["rows"]),
                    Counter({pair["what"]: int(pair["amount"]) for pair in row["counts"]}),
                    {pair["what"]: float(pair["amount"]) for pair in row["seconds"]},
                    row["content"],
                )
        except Exception as error:  # Ray has a class of its own for each way in which it can fail
            raise plain_error(_cause(error)) from error


def _dataset(ray: Any, settings: WorkSettings, parts: Sequence[Part], workers: int | None) -> Any:
    """The finished parts as a dataset of the cluster, which begins when its rows are taken."""
    resources = ray.cluster_resources()
    actors = min(workers or int(resources.get("CPU", 1)), len(parts))
    ray.data.DataContext.get_current().enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    items = ray.data.from_items([asdict(part) for part in parts], override_num_blocks=len(parts))
    return items.map_batches(
        PartActor,
        fn_constructor_args=(settings,),
        batch_size=1,
        compute=ray.data.ActorPoolStrategy(size=actors),
        num_cpus=1,
        num_gpus=_gpus(resources.get("GPU", 0.0), actors),
    )


@contextlib.contextmanager
def _cluster(ray: Any, workers: int | None, address: str | None) -> Iterator[None]:
    """Connects to a cluster, and leaves it again unless the caller was connected before."""
    if ray.is_initialized():
        yield
        return
    if address is None:
        # "local" also where RAY_ADDRESS names another cluster. In this thread: what it starts would
        # end with any other.
        _init(ray, address="local", num_cpus=workers, include_dashboard=False)
    else:
        _connect(ray, address)
    try:
        yield
    finally:
        ray.shutdown()


def _connect(ray: Any, address: str) -> None:
    """Connects to a cluster that runs; Ray itself waits for minutes where none answers."""
    failures: list[Exception] = []

    def connect() -> None:
        try:
            _init(ray, address=address)
        except ConnectionError as error:
            failures.append(error)

    thread = threading.Thread(target=connect, daemon=True)
    thread.start()
    thread.join(_SECONDS_TO_ANSWER)
    if failures:
        raise failures[0]
    if thread.is_alive():
        raise _unusable(address, f"no answer in {_SECONDS_TO_ANSWER} s")


def _init(ray: Any, **options: Any) -> None:
    try:
        ray.init(log_to_driver=False, logging_level="error", **options)
    except Exception as error:  # Ray has a class of its own for each way in which it can fail
        raise _unusable(options["address"], str(error)) from error


def _unusable(address: str, reason: str) -> ConnectionError:
    return ConnectionError(
        f"the Ray cluster {address} cannot be used ({reason}); give the address of one that runs, "
        "or none to start one on this machine"
    )


def _gpus(gpus: float, actors: int) -> float:
    """The share of a GPU for each actor, so that all actors find room."""
    return min(1.0, math.floor(1000 * gpus / actors) / 1000)


def _plain(value: Any) -> Any:
    """Mappings as lists of pairs: a column of mappings has to have the same keys in each row."""
    if isinstance(value, dict):
        return [{"what": what, "amount": float(amount)} for what, amount in value.items()]
    return value


def _cause(error: Exception) -> Exception:
    """What a worker raised, without Ray's account of where."""
    while isinstance(inner := getattr(error, "cause", None), Exception):
        error = inner
    return error
