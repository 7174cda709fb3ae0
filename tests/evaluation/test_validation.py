import pytest
import torch

from captum_rnn.evaluation.validation import check_ids, check_marks, check_scores


def test_a_list_is_refused_with_the_remedy() -> None:
    with pytest.raises(TypeError, match=r"ids is a list; .* wrap them with torch\.tensor"):
        check_ids([[1, 2]])  # type: ignore[arg-type]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bool, torch.complex64])
def test_ids_that_are_no_whole_numbers_are_refused(dtype: torch.dtype) -> None:
    with pytest.raises(TypeError, match="expected whole numbers"):
        check_ids(torch.ones(2, 3, dtype=dtype))


@pytest.mark.parametrize("shape", [(3,), (0, 3), (2, 0), (1, 2, 3)])
def test_what_is_no_batch_of_texts_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"expected \(batch, time\)"):
        check_ids(torch.ones(shape, dtype=torch.long))


def test_scores_of_another_shape_are_refused_with_both_shapes() -> None:
    with pytest.raises(ValueError, match=r"\(2, 3, 4\) but ids has \(2, 3\).*over the features"):
        check_scores(torch.ones(2, 3, dtype=torch.long), torch.ones(2, 3, 4), pad_id=0)


def test_nan_of_a_read_token_is_refused_and_of_padding_ignored() -> None:
    ids = torch.tensor([[1, 2], [3, 0]])
    check_scores(ids, torch.tensor([[0.1, 0.2], [0.3, torch.nan]]), pad_id=0)
    with pytest.raises(ValueError, match="scores of row 1 hold NaN"):
        check_scores(ids, torch.tensor([[0.1, 0.2], [torch.nan, 0.0]]), pad_id=0)


def test_marks_on_what_is_not_read_do_not_count() -> None:
    ids, marks = torch.tensor([[1, 0, 2]]), torch.tensor([[True, True, False]])
    assert check_marks(ids, torch.zeros(1, 3), marks, pad_id=0).tolist() == [[True, False, False]]


def test_marks_that_are_no_booleans_are_refused() -> None:
    ids = torch.tensor([[1, 0, 2]])
    with pytest.raises(TypeError, match=r"torch\.int64; expected torch\.bool"):
        check_marks(ids, torch.zeros(1, 3), ids, pad_id=0)
