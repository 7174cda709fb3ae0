"""Scores into the shape of the input and back."""

import pytest
import torch
from torch.nn.utils.rnn import pack_sequence

from captum_rnn.attr.layout import InputLayout, check_inputs


@pytest.mark.parametrize(
    ("shape", "batch_first", "unbatched"),
    [
        ((2, 3), True, False),
        ((3, 2), False, False),
        ((2, 3, 4), True, False),
        ((3, 2, 4), False, False),
        ((2, 3, 4, 5), True, False),
    ],
)
def test_scores_are_shared_over_features_and_gathered_again(shape, batch_first, unbatched):
    layout = InputLayout(torch.Size(shape), batch_first, unbatched)
    assert (layout.batch, layout.time) == (2, 3)
    scores = torch.randn(2, 3)
    arranged = layout.arrange(scores)
    assert arranged.shape == shape
    assert arranged.is_contiguous()
    features = arranged.flatten(2) if len(shape) > 2 else arranged.unsqueeze(-1)
    assert (features == features[..., :1]).all()
    torch.testing.assert_close(layout.gather(arranged), scores)
    torch.testing.assert_close(arranged.sum(), scores.sum())


def test_an_unbatched_input():
    layout = InputLayout(torch.Size((3, 4)), batch_first=True, unbatched=True)
    assert (layout.batch, layout.time) == (1, 3)
    scores = torch.tensor([[1.0, 2.0, 3.0]])
    assert layout.arrange(scores)[:, 0].tolist() == [0.25, 0.5, 0.75]
    torch.testing.assert_close(layout.gather(layout.arrange(scores)), scores)


@pytest.mark.parametrize(
    ("inputs", "error", "words"),
    [
        ([[1, 2]], TypeError, "inputs is a list; expected a tensor"),
        ((torch.ones(1, 2), [1]), TypeError, "a tuple that holds a list"),
        (pack_sequence([torch.ones(2, 3)]), TypeError, "PackedSequence; expected the padded"),
        (torch.ones(0, 3), ValueError, r"inputs is empty: its shape is \(0, 3\)"),
        ((), ValueError, "empty tuple"),
    ],
)
def test_wrong_inputs(inputs, error, words):
    with pytest.raises(error, match=words):
        check_inputs(inputs)
