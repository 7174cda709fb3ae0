"""The result of an ablation, which prints, saves and loads itself."""

from captum_rnn.benchmark.ablation.results import AblationData
from captum_rnn.benchmark.ablation.table import ablation_text
from captum_rnn.benchmark.records import SavedRecord


class Ablation(SavedRecord, AblationData):
    """The choices of the hidden-state delta on one classifier: what `ablate` returns.

    It prints itself as tables; its figures are the attributes of
    `captum_rnn.benchmark.ablation.results.AblationData`.

    Example::

        ablation = Ablation.load("captum-rnn-ablation/ablation.json")
        print(ablation)
        best = max(ablation.cells, key=lambda found: found.measures["comprehensiveness"].mean)
        best.cell.distance
    """

    schema = 2
    record_name = "ablation"

    def __str__(self) -> str:
        return ablation_text(self)

    def __repr__(self) -> str:
        return f"<Ablation of {len(self.cells)} cells on {self.texts} texts, {self.created}>"
