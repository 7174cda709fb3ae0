import torch

from benchmarks.word_information.authors import authors_log_sigma


def test_the_authors_way_comes_near_the_closed_form_of_a_linear_map():
    """Not nearer: the step of the luckiest noise is the one that is kept."""
    torch.manual_seed(0)
    matrices = torch.randn(3, 16, 24) * torch.tensor([0.1, 0.3, 1.0]).reshape(3, 1, 1)

    def state(words):
        return torch.einsum("tf,tfw->w", words, matrices)

    found = authors_log_sigma(
        state, torch.randn(3, 16), torch.tensor(2.0), scale=10.0, seed=0, steps=700
    )
    gains = matrices.square().sum((1, 2)) / (24 * 4)
    torch.testing.assert_close(found, 0.5 * torch.log(0.1 / (2 * 3 * gains)), rtol=0, atol=1.6)
    assert found.argsort().tolist() == [2, 1, 0]
