"""JSON objects that carry a digest of themselves, so that damage to a file is noticed."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

_SEAL = "sha256 of the rest"


def sealed(content: Mapping[str, Any]) -> dict[str, Any]:
    """The object with its digest under one more key.

    This is against damage, not against people: whoever may write the file can seal it again.

    Example:
        >>> unsealed(json.dumps(sealed({"rows": 5})).encode())
        {'rows': 5}
    """
    return {**content, _SEAL: _digest(content)}


def unsealed(encoded: bytes) -> dict[str, Any]:
    """The object that `sealed` was given, from its JSON.

    Raises:
        ValueError: It is not JSON, no object, or not what was sealed.
    """
    try:
        content = json.loads(encoded)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if not isinstance(content, dict) or _SEAL not in content:
        raise ValueError(f"it has no {_SEAL}")
    if content.pop(_SEAL) != _digest(content):
        raise ValueError("it was changed after it had been written")
    return content


def _digest(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
