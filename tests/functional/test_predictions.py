import pytest
import torch

from captum_rnn.functional import StatePath
from captum_rnn.functional.predictions import hidden_state_matrix

TIME, HIDDEN = 40, 6
NORMS = {"l1": 1.0, "l2": 2.0, "linf": torch.inf}


def by_definition(states, order):
    """(‖h_p − h_{t−1}‖ − ‖h_p − h_t‖) for t ≤ p, pair by pair, in float64."""
    states = states.double()
    between = torch.linalg.vector_norm(states[:, 1:, None] - states[:, None], order, dim=-1)
    return torch.tril(between[:, :, :-1] - between[:, :, 1:])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("scale", [1e-25, 1.0, 1e25])
@pytest.mark.parametrize("distance", NORMS)
def test_of_states_that_lie_close_together(distance, scale, dtype):
    states = (5.0 + 1e-3 * torch.randn(2, TIME + 1, HIDDEN)).to(dtype) * scale
    steps = torch.arange(TIME)
    found = hidden_state_matrix(
        [StatePath.of_states(states)], steps, distance=distance, normalize=False
    )
    right = by_definition(states, NORMS[distance])
    assert found.dtype == dtype
    rounding = 4 * torch.finfo(dtype).eps * float(states.abs().max()) * HIDDEN
    torch.testing.assert_close(found.double(), right, rtol=1e-4, atol=rounding / 100)
