import pytest
import torch

from captum_rnn.benchmark.cost import single_thread
from captum_rnn.jobs import local_engine
from captum_rnn.jobs.work import Worker
from captum_rnn.text.classifier import RecurrentClassifier
from captum_rnn.text.pipeline import TextClassifier
from captum_rnn.text.vocabulary import Vocabulary

WORDS = ("很", "好", "差", "的", "书", "非常", "酒店", "，", "不")


@pytest.fixture
def classifier() -> TextClassifier:
    """An untrained LSTM on nine words that reads six of a text, with clear probabilities."""
    torch.manual_seed(5)
    model = RecurrentClassifier(len(WORDS), embedding_dim=8, hidden_size=6).eval()
    with torch.no_grad():
        model.embedding.weight[1:].normal_()
        model.head.weight.normal_(std=2)
    return TextClassifier(
        model, Vocabulary(WORDS), ("negative", "positive"), 6, {"corpus": "by hand"}
    )


@pytest.fixture
def model_folder(classifier, tmp_path):
    """The same classifier as a folder."""
    folder = tmp_path / "model"
    classifier.save(folder)
    return folder


@pytest.fixture
def in_this_process(monkeypatch):
    """Jobs without worker processes, whose start takes seconds; their bytes are the same."""

    def explained_parts(settings, parts, workers, on_death):
        return map(Worker(settings).explain, parts)

    monkeypatch.setattr(local_engine, "explained_parts", explained_parts)
    with single_thread():  # as the workers, since the sums of floats depend on it
        yield
