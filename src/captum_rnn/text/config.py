"""The config.json of a model folder: what it holds and whether it is sound."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from captum_rnn.text.tokenizer import Language

_ARCHITECTURE = {
    "vocabulary_size": int,
    "classes": int,
    "kind": str,
    "embedding_dim": int,
    "hidden_size": int,
    "dropout": float,
}
# Models that were saved before these could be chosen do not name them.
_ADDED_LATER = {"bidirectional": False, "layers": 1, "pooling": "last"}


@dataclass(frozen=True)
class ModelConfig:
    """Everything about a stored classifier but its weights and words.

    Attributes:
        architecture: The arguments of `RecurrentClassifier`.
        classes: Name of each class, in the order of the logits.
        max_length: Number of words that it reads of a text, 1 or more.
        trained_on: Free record of how it came about: corpus, split, settings, accuracy.
        language: How texts are split into words.
    """

    architecture: Mapping[str, Any]
    classes: tuple[str, ...]
    max_length: int
    trained_on: Mapping[str, Any] = field(default_factory=dict)
    language: Language = "chinese"

    def save(self, path: Path) -> None:
        """Writes the configuration as JSON in UTF-8.

        Raises:
            OSError: The file cannot be written.
            ValueError: `trained_on` holds a number that JSON has not (NaN, infinity).
            TypeError: `trained_on` holds what JSON has not.
        """
        content = {
            "model": dict(self.architecture),
            "classes": list(self.classes),
            "max_length": self.max_length,
            "language": self.language,
            "trained_on": dict(self.trained_on),
        }
        text = json.dumps(content, ensure_ascii=False, indent=1, allow_nan=False)
        path.write_text(text + "\n", encoding="utf-8", newline="\n")

    @classmethod
    def load(cls, path: Path) -> "ModelConfig":
        """Reads what `save` wrote.

        Raises:
            OSError: The file cannot be read.
            ValueError: It is not JSON, or an entry is missing or of the wrong type.
        """
        try:
            content = json.loads(path.read_bytes())
        except (ValueError, RecursionError) as error:
            raise ValueError(
                f"{path} is not JSON ({error}); it is damaged, copy the model folder again"
            ) from error
        architecture = _ADDED_LATER | _entry(path, content, "model", dict)
        kinds = _ARCHITECTURE | {name: type(value) for name, value in _ADDED_LATER.items()}
        for name, kind in kinds.items():
            _entry(path, architecture, name, kind)
        classes = _entry(path, content, "classes", list)
        max_length = _entry(path, content, "max_length", int)
        trained_on = _entry(path, content, "trained_on", dict)
        if len(architecture) != len(kinds) or max_length < 1:
            raise ValueError(
                f"{path} has the model entries {', '.join(architecture)} and max_length "
                f"{max_length}; expected {', '.join(kinds)} and 1 or more words"
            )
        if len(classes) != architecture["classes"] or not all(isinstance(c, str) for c in classes):
            raise ValueError(
                f"{path} names the classes {classes!r}; expected {architecture['classes']} "
                "strings, one for each class of its model"
            )
        language = content.get("language", "chinese")
        if language not in get_args(Language):
            raise ValueError(
                f"{path} has {language!r} as language; expected one of "
                f"{', '.join(get_args(Language))}"
            )
        return cls(architecture, tuple(classes), max_length, trained_on, language)


def _entry(path: Path, content: object, name: str, kind: type) -> Any:
    value = content.get(name) if isinstance(content, dict) else None
    if type(value) is not kind:
        raise ValueError(
            f"{path} has {value!r} as {name}; expected {kind.__name__}, as TextClassifier.save "
            "writes it: copy the model folder again"
        )
    return value
