"""What a run has finished so far, on disk, so that an interrupted run resumes where it stopped."""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from captum_rnn.attr.calibration import weights_digest
from captum_rnn.benchmark.environment import versions
from captum_rnn.benchmark.methods import ExplainedModel, Method
from captum_rnn.files import write_text

UNFINISHED = ".unfinished"


class Checkpoint:
    """Finished parts of a run by name, each a JSON file that is written whole or not at all.

    Args:
        folder: The run's output folder; None keeps the parts in memory.
        fingerprint: What the parts depend on; see `fingerprint`. Those of a run with another one
            are not read.
    """

    def __init__(self, folder: str | Path | None, fingerprint: str) -> None:
        self._folder = None if folder is None else Path(folder) / UNFINISHED / fingerprint
        self._memory: dict[str, Any] = {}

    def part(self, name: str, work: Callable[[], Any]) -> Any:
        """The finished part of that name, or what some work gives, which is then kept."""
        found = self.get(name)
        return self.put(name, work()) if found is None else found

    def get(self, name: str) -> Any:
        """The finished part of that name; None if there is none that can be read."""
        if self._folder is None:
            return self._memory.get(name)
        try:
            return json.loads((self._folder / f"{name}.json").read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return None

    def put(self, name: str, part: Any) -> Any:
        """Keeps a finished part, and answers with what `get` will answer."""
        text = json.dumps(part, ensure_ascii=False)
        if self._folder is None:
            self._memory[name] = json.loads(text)
        else:
            write_text(text, self._folder / f"{name}.json")
        return json.loads(text)


def remove_checkpoint(folder: str | Path) -> None:
    """Removes what runs into a folder have kept, once their results are written."""
    shutil.rmtree(Path(folder) / UNFINISHED, ignore_errors=True)


def fingerprint(
    model: ExplainedModel,
    methods: Sequence[Method],
    seed: int,
    ids: Iterable[Tensor],
    *settings: object,
) -> str:
    """Digest of all that decides what a run finds, the versions of the libraries included.

    Args:
        model: The classifier.
        methods: The methods, not fitted.
        seed: The run's seed.
        ids: The token ids that are explained or learnt from.
        settings: Anything else with a `repr` that says it all.

    Returns:
        Sixteen hexadecimal digits.
    """
    described = {
        "weights": weights_digest(model.model, model.layer),  # type: ignore[arg-type]
        "model": [model.pad_id, model.neutral_id, model.takes_lengths, model.readout],
        "methods": [repr(method) for method in methods],
        "seed": seed,
        "versions": versions(),
        "settings": [repr(setting) for setting in settings],
    }
    digest = hashlib.sha256(json.dumps(described, sort_keys=True).encode())
    for batch in ids:
        digest.update(str(tuple(batch.shape)).encode())
        digest.update(batch.cpu().numpy().tobytes())
    return digest.hexdigest()[:16]
