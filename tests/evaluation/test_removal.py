import torch
from hypothesis import given
from hypothesis import strategies as st

from captum_rnn.evaluation.removal import keep_tokens

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
