import math

import pytest
import torch

from captum_rnn.evaluation.sanity.tail_mass import tail_mass


def test_by_hand() -> None:
    """The last of four tokens, the last two of six with a gap, and the only one."""
    ids = torch.tensor([[1, 2, 3, 4, 0, 0, 0], [0, 5, 6, 7, 8, 9, 3], [1, 0, 0, 0, 0, 0, 0]])
    scores = torch.tensor(
        [
            [1.0, -2.0, 3.0, -4.0, 50.0, 50.0, 50.0],
            [9.0, 1.0, 1.0, 1.0, 1.0, -3.0, 3.0],
            [0.5, 1.0, 1.0, 1.0, 1.0, 1.0, torch.nan],
        ]
    )
    assert tail_mass(ids, scores).tolist() == pytest.approx([4 / 10, 6 / 10, 1])
    assert tail_mass(ids, scores, share=0.5).tolist() == pytest.approx([7 / 10, 7 / 10, 1])


def test_scores_of_equal_size_have_the_share_of_the_tokens() -> None:
    ids = torch.tensor([[1] * n + [0] * (26 - n) for n in range(1, 27)])
    signs = torch.randint(0, 2, ids.shape, generator=torch.Generator().manual_seed(0)) * 2 - 1
    expected = [math.ceil(n / 5) / n for n in range(1, 27)]
    assert tail_mass(ids, 0.3 * signs).tolist() == pytest.approx(expected)


def test_no_score_and_no_token_are_nan() -> None:
    ids = torch.tensor([[1, 2], [0, 0]])
    assert tail_mass(ids, torch.zeros(2, 2)).isnan().all()


@pytest.mark.parametrize("share", [0.0, -0.1, 1.5])
def test_a_share_outside_the_unit_interval_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="expected a share of the tokens"):
        tail_mass(torch.tensor([[1]]), torch.ones(1, 1), share=share)
