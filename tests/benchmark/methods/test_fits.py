import pytest
import torch

from captum_rnn.benchmark.dataset import explained_model
from captum_rnn.benchmark.methods import METHODS
from captum_rnn.benchmark.methods.method import Fits


@pytest.fixture
def fits(classifier):
    classifier.model.eval()
    return Fits(explained_model(classifier.model), [torch.tensor([[1, 2, 2]])])


def test_a_method_learns_once(fits, monkeypatch):
    rarity = METHODS["word-rarity"]
    expected = rarity.fit(fits.model, fits.background).scores
    fitted = fits.of(rarity)
    monkeypatch.setattr(type(rarity), "fit", None)
    assert fits.of(rarity) is fitted
    assert torch.equal(fitted.scores, expected)
    # Of eleven words, counted once more than they occur: 2 of 14 and 3 of 14.
    assert fitted.scores[[1, 2]].tolist() == pytest.approx(torch.tensor([7, 14 / 3]).log().tolist())


def test_methods_that_differ_learn_apart(fits):
    random = METHODS["random"]
    assert fits.of(random).seed == 0
    assert fits.of(random.seeded(3)).seed == 3


def test_a_failure_is_told_every_time(fits):
    method = METHODS["calibrated-delta"]
    broken = Fits(fits.model, [torch.tensor([[1, 99]])])
    for _ in range(2):
        with pytest.raises(IndexError):
            broken.of(method)
