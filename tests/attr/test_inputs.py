"""Inputs that do not fit, scores into the shape of the input and back."""

import pytest
import torch
from torch.nn.utils.rnn import pack_sequence

from captum_rnn.attr.inputs import InputLayout, check_inputs


@pytest.mark.parametrize(
    ("shape", "batch_first", "axes"),
    [
        ((2, 3), True, (0, 1)),
        ((3, 2), False, (0, 1)),
        ((2, 3, 4), True, (0, 1)),
        ((3, 2, 4), False, (0, 1)),
        ((2, 3, 4, 5), True, (0, 1)),
        ((2, 3, 4), True, (0, 2)),
        ((2, 3, 4, 5), True, (0, 1, 2)),
        ((2, 3, 4), True, (0, 1, 2)),
    ],
)
def test_scores_are_shared_over_features_and_gathered_again(shape, batch_first, axes):
    layout = InputLayout(torch.Size(shape), batch_first)
    assert (layout.batch, layout.time) == (2, 3)
    scores = torch.randn([shape[axis] for axis in axes])
    arranged = layout.arrange(scores, axes)
    assert arranged.shape == shape
    assert arranged.is_contiguous()
    others = [axis for axis in range(len(shape)) if axis not in axes]
    for axis in others:
        assert (arranged == arranged.narrow(axis, 0, 1)).all()
    torch.testing.assert_close(layout.gather(arranged, axes), scores)
    rows = arranged if batch_first else arranged.transpose(0, 1)
    expected = rows.flatten(1).sum(1).double()
    torch.testing.assert_close(layout.of_rows(scores), expected, rtol=1e-5, atol=1e-6)


def test_an_unbatched_input():
    layout = InputLayout(torch.Size((3, 4)), batch_first=True, unbatched=True)
    assert (layout.batch, layout.time) == (1, 3)
    scores = torch.tensor([1.0, 2.0, 3.0])
    assert layout.arrange(scores)[:, 0].tolist() == [0.25, 0.5, 0.75]
    assert layout.of_rows(scores).tolist() == [6.0]
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
