"""The reference token of methods that compare a step with another one."""

import numpy as np
import pytest
import torch
from torch import nn

from captum_rnn.attr.reference import check_reference


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_a_token_is_returned_without_its_gradient(dtype):
    token = nn.Parameter(torch.randn(3).to(dtype))
    found = check_reference(token, "reference", 3)
    assert torch.equal(found, token)
    assert found.dtype == dtype
    assert not found.requires_grad
    assert token.requires_grad


@pytest.mark.parametrize(
    ("token", "given"),
    [
        (torch.zeros(3, dtype=torch.int64), "torch.int64"),
        (torch.zeros(3, dtype=torch.bool), "torch.bool"),
        (torch.zeros(3, dtype=torch.complex64), "torch.complex64"),
        (np.zeros(3), "ndarray"),
        ([0.0, 0.0, 0.0], "list"),
        ("skip", "str"),
        (None, "NoneType"),
    ],
)
def test_no_tensor_of_numbers(token, given):
    with pytest.raises(TypeError, match=rf"token is of type {given}; expected a tensor of shape"):
        check_reference(token, "token")


@pytest.mark.parametrize("shape", [(), (1, 3), (2, 4, 3)])
def test_more_or_less_than_one_token(shape):
    with pytest.raises(ValueError, match=r"token has shape \(.*\); expected .* \(features,\)"):
        check_reference(torch.zeros(shape), "token")


@pytest.mark.parametrize("features", [2, 4])
def test_a_token_of_another_size(features):
    with pytest.raises(
        ValueError, match=rf"token has shape \(3,\); expected a tensor of shape \({features},\)"
    ):
        check_reference(torch.zeros(3), "token", features)
