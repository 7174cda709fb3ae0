"""Every wrong name, position and length is told in one sentence."""

import numpy as np
import pytest
import torch

from captum_rnn.functional import check_lengths, check_readout


@pytest.mark.parametrize(
    ("lengths", "error", "words"),
    [
        (torch.tensor([0, 2]), ValueError, r"lengths\[0\] is 0; .* from 1 to 2"),
        (torch.tensor([1, 3]), ValueError, r"lengths\[1\] is 3"),
        (torch.tensor([1]), ValueError, r"shape \(1,\); expected .* shape \(2,\)"),
        (torch.tensor([1.0, 2.0]), TypeError, "dtype torch.float32"),
        (torch.tensor([True, True]), TypeError, "dtype torch.bool"),
        ([1, 2], TypeError, "of type list; expected an integer tensor"),
    ],
)
def test_wrong_lengths(lengths, error, words):
    with pytest.raises(error, match=words):
        check_lengths(lengths, batch=2, time=2, device=torch.device("cpu"))


@pytest.mark.parametrize(
    ("readout", "error"),
    [
        ("last", ValueError),
        (1.5, TypeError),
        (True, TypeError),
        (None, TypeError),
        (torch.tensor([1.0]), TypeError),
        (torch.tensor([[1]]), ValueError),
    ],
)
def test_unknown_readout(readout, error):
    with pytest.raises(error, match='expected "final", "mean", "max", an int or an integer tensor'):
        check_readout(readout)


@pytest.mark.parametrize("readout", [2, np.int64(2), torch.tensor(2)])
def test_integers_of_every_kind_are_positions(readout):
    assert check_readout(readout) == 2
    assert type(check_readout(readout)) is int
