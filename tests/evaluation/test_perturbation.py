import torch
from hypothesis import given
from hypothesis import strategies as st

from captum_rnn.evaluation.perturbation import keep_tokens, perturb_tokens

rows_and_masks = st.lists(
    st.lists(st.tuples(st.integers(1, 9), st.booleans()), min_size=4, max_size=4),
    min_size=1,
    max_size=5,
)


@given(rows_and_masks)
def test_kept_tokens_stay_in_order_and_move_to_the_left(rows: list[list[tuple[int, bool]]]) -> None:
    ids = torch.tensor([[token for token, _ in row] for row in rows])
    keep = torch.tensor([[kept for _, kept in row] for row in rows])

    result = keep_tokens(ids, keep)

    expected = [[token for token, kept in row if kept] for row in rows]
    width = max(1, *(len(row) for row in expected), 0)
    assert result.tolist() == [row + [0] * (width - len(row)) for row in expected]


def test_the_rest_is_filled_with_the_pad_id() -> None:
    ids = torch.tensor([[3, 4, 5], [6, 7, 8]])
    keep = torch.tensor([[True, True, False], [False, False, True]])
    assert keep_tokens(ids, keep, pad_id=-1).tolist() == [[3, 4], [8, -1]]


def test_a_text_that_loses_every_token_is_one_pad_id() -> None:
    assert keep_tokens(torch.tensor([[3, 4]]), torch.tensor([[False, False]])).tolist() == [[0]]


def test_replaced_tokens_stay_in_their_place_and_padding_goes() -> None:
    ids = torch.tensor([[3, 0, 4, 5], [6, 0, 0, 0]])
    keep = torch.tensor([[True, True, False, True], [False, True, False, False]])
    assert perturb_tokens(ids, keep, replacement_id=9).tolist() == [[3, 9, 5], [9, 0, 0]]


def test_replacing_by_the_pad_id_is_removing() -> None:
    ids = torch.tensor([[3, 0, 4, 5]])
    keep = torch.tensor([[True, False, False, True]])
    assert perturb_tokens(ids, keep, replacement_id=0).tolist() == [[3, 5]]
    assert perturb_tokens(ids, keep).tolist() == [[3, 5]]
    assert perturb_tokens(ids, keep, replacement_id=0, pad_id=5).tolist() == [[3, 0, 0]]
