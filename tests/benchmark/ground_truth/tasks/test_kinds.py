import pytest

from captum_rnn.benchmark.ground_truth.tasks.kinds import Kind, network_settings
from captum_rnn.text.training import TrainingSettings


@pytest.mark.parametrize(
    ("kind", "layer", "two_way", "layers", "pooling"),
    [
        ("rnn", "rnn", False, 1, "last"),
        ("lstm", "lstm", False, 1, "last"),
        ("gru", "gru", False, 1, "last"),
        ("bilstm", "lstm", True, 1, "last"),
        ("gru2-mean", "gru", False, 2, "mean"),
    ],
)
def test_what_the_kinds_are(
    kind: Kind, layer: str, two_way: bool, layers: int, pooling: str
) -> None:
    settings = network_settings(kind, TrainingSettings(epochs=7))
    assert (settings.kind, settings.bidirectional) == (layer, two_way)
    assert (settings.layers, settings.pooling, settings.epochs) == (layers, pooling, 7)
