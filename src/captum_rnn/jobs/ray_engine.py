"""The job on a Ray cluster: Ray Data hands parts to actors, each of which holds one model."""

import contextlib
import logging
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from captum_rnn.jobs.inputs import Part
from captum_rnn.jobs.work import FinishedPart, Worker, WorkSettings, use_one_thread

_Batch = dict[str, "np.ndarray[Any, Any]"]


def import_ray() -> Any:
    """Ray with Ray Data.

    Raises:
        ImportError: It is not installed.
    """
    try:
        import ray.data
    except ImportError as error:
        raise ImportError(
            "the engine ray needs the package ray, which is not installed; run: "
            "pip install 'captum-rnn[ray]', or use --engine local"
        ) from error
    return ray


class PartActor:
    """Explains parts that come as rows of a Ray dataset.

    Args:
        settings: What to do; on a GPU if the cluster gave this actor one.
    """

    def __init__(self, settings: WorkSettings) -> None:
        import torch

        use_one_thread()
        device = "cuda" if torch.cuda.is_available() else "cpu"
        self._worker = Worker(replace(settings, device=device))

    def __call__(self, batch: _Batch) -> dict[str, list[Any]]:
        """The finished parts of the parts in a batch, by column."""
        found = []
        for place in range(len(batch["number"])):
            values = {name: column[place] for name, column in batch.items()}
            path = str(values.pop("path"))
            part = Part(path=path, **{name: int(value) for name, value in values.items()})
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
        ValueError: What a worker raised.
    """
    ray = import_ray()
    with _cluster(ray, workers, address):
        resources = ray.cluster_resources()
        actors = min(workers or int(resources.get("CPU", 1)), len(parts))
        ray.data.DataContext.get_current().enable_progress_bars = False
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        dataset = ray.data.from_items(
            [asdict(part) for part in parts], override_num_blocks=len(parts)
        ).map_batches(
            PartActor,
            fn_constructor_args=(settings,),
            batch_size=1,
            compute=ray.data.ActorPoolStrategy(size=actors),
            num_cpus=1,
            num_gpus=_gpus(resources.get("GPU", 0.0), actors),
        )
        try:
            for row in dataset.iter_rows():
                yield FinishedPart(
                    row["number"],
                    row["rows"],
                    Counter({pair["what"]: int(pair["amount"]) for pair in row["counts"]}),
                    {pair["what"]: pair["amount"] for pair in row["seconds"]},
                    row["content"],
                )
        except ray.exceptions.RayTaskError as error:
            raise _cause(error) from error


@contextlib.contextmanager
def _cluster(ray: Any, workers: int | None, address: str | None) -> Iterator[None]:
    """Connects to a cluster, and leaves it again unless the caller was connected before."""
    if ray.is_initialized():
        yield
        return
    options: dict[str, Any] = {"address": address} if address else {"num_cpus": workers}
    if not address:
        options |= {"include_dashboard": False}
    ray.init(log_to_driver=False, logging_level="error", **options)
    try:
        yield
    finally:
        ray.shutdown()


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
    cause = error
    while isinstance(inner := getattr(cause, "cause", None), Exception):
        cause = inner
    if isinstance(cause, (ImportError, OSError, TypeError, ValueError)):
        return cause
    return RuntimeError(f"a worker failed: {type(cause).__name__}: {cause}")
