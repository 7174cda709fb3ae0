import pytest

from captum_rnn.text.pipeline import TextClassifier
from made_classifier import made_classifier


@pytest.fixture
def classifier() -> TextClassifier:
    """A classifier of the test's own; see `made_classifier`."""
    return made_classifier()
