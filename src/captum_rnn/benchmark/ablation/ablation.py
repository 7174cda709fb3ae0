"""The result of an ablation, which prints, saves and loads itself."""

from pathlib import Path

from captum_rnn.benchmark.ablation.results import AblationData
from captum_rnn.benchmark.ablation.table import ablation_text
from captum_rnn.benchmark.records import load_record, record_text
from captum_rnn.files import write_text

SCHEMA = 2
"""Counted up when the form of the JSON changes."""


class Ablation(AblationData):
    """The choices of the hidden-state delta on one classifier: what `ablate` returns.

    It prints itself as tables; its figures are the attributes of
    `captum_rnn.benchmark.ablation.results.AblationData`.

    Example::

        ablation = Ablation.load("captum-rnn-ablation/ablation.json")
        print(ablation)
        best = max(ablation.cells, key=lambda found: found.measures["comprehensiveness"].mean)
        best.cell.distance
    """

    def to_json(self, path: str | Path | None = None) -> str:
        """The ablation as JSON, which `load` reads; NaN is null.

        Args:
            path: Where to write it, too; None writes nothing.

        Raises:
            OSError: The file cannot be written.
        """
        text = record_text(self, SCHEMA)
        if path is not None:
            write_text(text, Path(path))
        return text

    @classmethod
    def load(cls, path: str | Path) -> "Ablation":
        """Reads what `to_json` wrote.

        Args:
            path: The file.

        Raises:
            OSError: The file cannot be read.
            ValueError: It is no ablation, or one of another version of this package.
        """
        ablation: Ablation = load_record(cls, path, SCHEMA, "ablation")
        return ablation

    def __str__(self) -> str:
        return ablation_text(self)

    def __repr__(self) -> str:
        return f"<Ablation of {len(self.cells)} cells on {self.texts} texts, {self.created}>"
