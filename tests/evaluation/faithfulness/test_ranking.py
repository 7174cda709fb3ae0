import torch

from captum_rnn.evaluation.faithfulness.ranking import importance_ranks, top_tokens


def test_ranks_follow_the_signed_score() -> None:
    ids = torch.tensor([[1, 2, 3, 4], [1, 0, 3, 0]])
    scores = torch.tensor([[-9.0, 0.2, 0.0, 0.1], [0.1, 5.0, 0.2, 5.0]])
    ranks = importance_ranks(ids, scores)
    assert ranks[0].tolist() == [3, 0, 2, 1]
    assert ranks[1, [2, 0]].tolist() == [0, 1]


def test_of_equal_scores_the_earlier_token_comes_first() -> None:
    ids = torch.tensor([[3, 0, 4, 5, 6], [3, 4, 0, 0, 0]])
    scores = torch.tensor([[0.0, 9.0, 1.0, 0.0, 1.0], [0.0, 0.0, 0.0, 0.0, 0.0]])
    ranks = importance_ranks(ids, scores)
    assert ranks[0, [2, 4, 0, 3]].tolist() == [0, 1, 2, 3]
    assert ranks[1, :2].tolist() == [0, 1]


def test_a_seed_draws_the_order_of_equal_scores() -> None:
    """Over many texts each of four positions comes first about equally often."""
    ids = torch.arange(1, 4001).reshape(1000, 4)
    ranks = importance_ranks(ids, torch.zeros(1000, 4), seed=3)
    first = torch.bincount((ranks == 0).nonzero()[:, 1], minlength=4)
    # Binomial(1000, 1/4): standard deviation 13.7.
    assert all(180 < count < 320 for count in first.tolist())
    assert ranks.tolist() == importance_ranks(ids, torch.zeros(1000, 4), seed=3).tolist()
    assert ranks.tolist() != importance_ranks(ids, torch.zeros(1000, 4), seed=4).tolist()


def test_several_methods_are_ranked_as_each_alone() -> None:
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(0, 5, (6, 9), generator=generator)
    scores = torch.randint(0, 4, (3, 6, 9), generator=generator).double()
    for seed in (None, 7):
        together = importance_ranks(ids, scores, seed=seed)
        for ranks, of_method in zip(together, scores, strict=True):
            assert ranks.tolist() == importance_ranks(ids, of_method, seed=seed).tolist()


def test_top_tokens_are_counted_for_each_text() -> None:
    ranks = torch.tensor([[[2, 0, 1], [0, 1, 2]]])
    counts = torch.tensor([[1, 2], [3, 0]])
    assert top_tokens(ranks, counts).int().tolist() == [
        [[[0, 1, 0], [1, 1, 0]], [[1, 1, 1], [0, 0, 0]]]
    ]
