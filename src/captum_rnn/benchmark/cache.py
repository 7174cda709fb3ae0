"""Where classifiers that a study trains are kept, so that each is trained once."""

import hashlib
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from captum_rnn.extras import import_extra
from captum_rnn.files import prepare_output, private_folder
from captum_rnn.text.pipeline import TextClassifier
from captum_rnn.text.storage import refuse_other_files

CACHE_VARIABLE = "CAPTUM_RNN_CACHE"
_DIGITS = 12


def cache_folder() -> Path:
    """The folder of all trained classifiers; it may be deleted at any time.

    `CAPTUM_RNN_CACHE` if that environment variable is set, else the place where this system keeps
    the caches of a user, such as `~/.cache/captum-rnn`. It is made if there is none, for this user
    alone.

    Raises:
        ImportError: The extra `benchmark` is not installed.
        OSError: It cannot be made, or another user could put other weights there.
    """
    named = os.environ.get(CACHE_VARIABLE)
    if named:
        folder = Path(named)
    else:
        platformdirs = import_extra("platformdirs", "benchmark", "the cache folder")
        folder = platformdirs.user_cache_path("captum-rnn", appauthor=False)
    try:
        return private_folder(folder)
    except PermissionError as error:
        raise PermissionError(
            f"the cache folder {error} in the environment variable {CACHE_VARIABLE}"
        ) from error


def cached_folder(group: str, name: str, recipe: Mapping[str, Any]) -> Path:
    """The folder of one classifier in the cache.

    Args:
        group: Folder of all classifiers of its sort.
        name: What to call it there.
        recipe: All that decides what the training gives, in types that JSON has. Another recipe
            gives another folder.

    Raises:
        OSError: See `cache_folder`.
    """
    content = json.dumps(recipe, sort_keys=True, ensure_ascii=False, allow_nan=False)
    digest = hashlib.sha256(content.encode()).hexdigest()[:_DIGITS]
    return cache_folder() / group / f"{name}-{digest}"


def load_or_train(
    folder: Path, train: Callable[[], TextClassifier], announcement: str | None = None
) -> TextClassifier:
    """Reads a classifier from its folder, or trains it and stores it there.

    The folder appears when the training is over, whole: a training that is killed leaves nothing
    that would be read.

    Args:
        folder: The folder; see `cached_folder`.
        train: Trains the classifier.
        announcement: What to say on standard error before a training; `None`: nothing.

    Returns:
        The classifier as it is stored, in evaluation mode.

    Raises:
        OSError: The folder cannot be written, which is found out before the training.
        ValueError: What stands in the folder is damaged.
    """
    if folder.exists():
        try:
            return TextClassifier.load(folder)
        except (OSError, ValueError) as error:
            raise ValueError(
                f"the stored classifier cannot be read ({error}); delete {folder}, and it is "
                "trained again"
            ) from error
    prepare_output(folder)
    refuse_other_files(folder)
    if announcement is not None:
        print(f"{announcement}; kept in {folder}", file=sys.stderr)
    start = time.perf_counter()
    trained = train()
    if announcement is not None:
        print(f"trained in {time.perf_counter() - start:.0f} s", file=sys.stderr)
    trained.save(folder)
    return TextClassifier.load(folder)
