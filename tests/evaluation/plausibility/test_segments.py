import math

import pytest
import torch

from captum_rnn.evaluation.plausibility.segments import segment_labels, segment_pointing

IDS = torch.tensor([[4, 5, 6, 7], [4, 5, 6, 0]])
LABELS = torch.tensor([[0, 0, 1, 2], [1, 1, 0, 1]])


def test_by_hand() -> None:
    scores = torch.tensor([[0.1, 0.2, 0.9, -0.4], [-0.7, 0.3, 0.2, 9.0]])
    found = segment_pointing(IDS, scores, LABELS, torch.tensor([1, 0]))
    assert found.top.tolist() == [1, 0]
    assert found.bottom.tolist() == [1, 1]
    turned = segment_pointing(IDS, -scores, LABELS, torch.tensor([1, 0]))
    assert turned.top.tolist() == [0, 0]
    assert turned.bottom.tolist() == [0, 1]


def test_of_equal_scores_the_earliest_is_top_and_bottom() -> None:
    found = segment_pointing(IDS, torch.zeros(2, 4), LABELS, torch.tensor([1, 1]))
    assert found.top.tolist() == [0, 1]
    assert found.bottom.tolist() == [1, 0]


def test_a_document_without_the_part_that_is_asked_for_is_nan() -> None:
    """Class 1 stands at a padded position of the second document only."""
    labels = torch.tensor([[1, 1, 1, 1], [0, 0, 0, 1]])
    found = segment_pointing(IDS, torch.rand(2, 4), labels, torch.tensor([1, 1]))
    assert found.top[0] == 1
    assert math.isnan(found.top[1])
    assert math.isnan(found.bottom[0])
    assert found.bottom[1] == 1


def test_tokens_take_the_class_of_their_segment() -> None:
    segments = torch.tensor([[0, 1, 1, 2], [1, 0, -1, -1]])
    labels = torch.tensor([[1, 0, 2], [0, 1, -1]])
    assert segment_labels(segments, labels).tolist() == [[1, 0, 0, 2], [1, 0, -1, -1]]


def test_one_class_for_each_token_and_document_is_asked_for() -> None:
    with pytest.raises(ValueError, match=r"explained \(1,\) for ids of shape \(2, 4\)"):
        segment_pointing(IDS, torch.zeros(2, 4), LABELS, torch.tensor([1]))
