import torch

from captum_rnn.evaluation.draws import text_draws


def test_the_draws_of_a_text_depend_on_the_text_alone() -> None:
    alone = text_draws(torch.tensor([[5, 3, 8]]), seed=4, stream=0)
    among_others = text_draws(torch.tensor([[1, 1, 1, 1], [5, 3, 8, 0]]), seed=4, stream=0)
    assert among_others[1, :3].tolist() == alone[0].tolist()
    assert among_others[1, 3] == 0


def test_seed_stream_and_text_each_change_the_draws() -> None:
    ids = torch.tensor([[5, 3, 8]])
    draws = [
        text_draws(ids, seed=0, stream=0),
        text_draws(ids, seed=1, stream=0),
        text_draws(ids, seed=0, stream=1),
        text_draws(ids.flip(1), seed=0, stream=0),
    ]
    assert len({tuple(row.flatten().tolist()) for row in draws}) == 4


def test_draws_are_uniform_over_many_texts() -> None:
    ids = torch.arange(1, 20_001).reshape(1000, 20)
    draws = text_draws(ids, seed=0, stream=0)
    assert 0 <= float(draws.min()) < float(draws.max()) < 1
    # Standard errors of mean and variance over 20,000 draws are .002 and .0005.
    assert abs(float(draws.mean()) - 1 / 2) < 0.01
    assert abs(float(draws.var()) - 1 / 12) < 0.003


def test_positions_that_are_not_read_get_no_draw() -> None:
    draws = text_draws(torch.tensor([[0, 5, 0, 3]]), seed=0, stream=0)
    assert draws[0, [0, 2]].tolist() == [0, 0]
    assert (
        draws[0, [1, 3]].tolist()
        == text_draws(torch.tensor([[5, 3]]), seed=0, stream=0)[0].tolist()
    )


def test_samples_of_a_text_depend_on_the_text_alone() -> None:
    alone = text_draws(torch.tensor([[5, 3]]), seed=4, stream=0, samples=3)
    among_others = text_draws(torch.tensor([[1, 1, 1], [5, 0, 3]]), seed=4, stream=0, samples=3)
    assert alone.shape == (1, 3, 2)
    assert among_others[1][:, [0, 2]].tolist() == alone[0].tolist()
    assert alone.unique().numel() == 6
