import pytest

from benchmarks.targets import TargetFinder, own_sentences, train_finder


@pytest.fixture(scope="session")
def finder() -> TargetFinder:
    """A small tagger that has learnt our own sentences by heart."""
    return train_finder(
        own_sentences().sentences,
        embedding_dim=16,
        hidden_size=16,
        dropout=0.0,
        epochs=40,
        batch_size=12,
        learning_rate=0.02,
        show_progress=False,
    )
