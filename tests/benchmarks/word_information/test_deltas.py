import math

import pytest
import torch

from benchmarks.word_information.deltas import disagreement, ranks
from benchmarks.word_information.summaries import text_correlations

NAN = math.nan


def test_ranks_and_disagreement_of_two_scores():
    kept = torch.tensor([[0.1, 0.2, 0.3, 0.4, 0.5, NAN]])
    assert ranks(kept)[0, :5].tolist() == [0.0, 0.25, 0.5, 0.75, 1.0]
    found = disagreement(kept, -kept)
    assert found["credited_but_not_kept"]["mean"] == pytest.approx(0.2)
    assert found["kept_but_not_credited"]["mean"] == pytest.approx(0.2)
    assert text_correlations(kept, -kept).tolist() == pytest.approx([-1.0])
