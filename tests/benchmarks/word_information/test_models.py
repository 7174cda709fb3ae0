import pytest
import torch

from benchmarks.word_information.models import CnnClassifier, LstmClassifier, TransformerClassifier


@pytest.mark.parametrize("kind", [LstmClassifier, CnnClassifier, TransformerClassifier])
def test_padding_changes_no_classifier(kind):
    model = kind(20, 8).eval()
    ids = torch.randint(1, 20, (3, 5))
    longer = torch.nn.functional.pad(ids, (0, 4))
    torch.testing.assert_close(model(longer), model(ids), rtol=1e-4, atol=1e-5)
    assert list(model.stages()) == ["layer 1", "layer 2", "layer 3", "pooled"]
