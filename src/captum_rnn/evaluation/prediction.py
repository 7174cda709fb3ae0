"""Class probabilities of many texts in few forward passes."""

from collections.abc import Callable, Iterator
from typing import TypeAlias

import torch
from torch import Tensor

from captum_rnn.evaluation.perturbation import keep_tokens
from captum_rnn.evaluation.validation import check_ids

Predict: TypeAlias = Callable[[Tensor], Tensor]
"""A classifier as a function: token ids (batch, time) to class probabilities (batch, classes).

It reads every id that is not the pad id and nothing else; how far a row is padded, and what else is
in the batch, must not change the row's probabilities.
"""

TOKEN_BUDGET = 16_384
"""Most tokens of one forward pass, padding included; a longer text passes alone."""


def length_batches(lengths: Tensor, token_budget: int = TOKEN_BUDGET) -> Iterator[Tensor]:
    """Groups texts of similar length so that no group exceeds a number of tokens.

    Args:
        lengths: Number of tokens of each text (texts,).
        token_budget: Most tokens of a group, counted as texts × longest text.

    Yields:
        Row numbers of one group (group,), the longest text first.

    Example:
        >>> [rows.tolist() for rows in length_batches(torch.tensor([2, 9, 1, 8]), token_budget=18)]
        [[1, 3], [0, 2]]
    """
    order = torch.argsort(lengths, descending=True, stable=True)
    start = 0
    while start < len(order):
        longest = max(1, int(lengths[order[start]]))
        stop = start + max(1, token_budget // longest)
        yield order[start:stop]
        start = stop


def predict_in_batches(
    predict: Predict,
    lengths: Tensor,
    texts_of: Callable[[Tensor], Tensor],
    token_budget: int = TOKEN_BUDGET,
) -> Tensor:
    """Predicts texts that are built only when their turn comes.

    Args:
        predict: The classifier.
        lengths: Number of tokens of each text (texts,).
        texts_of: Builds the ids (group, time) of a group of row numbers (group,).
        token_budget: Most tokens of one forward pass, padding included.

    Returns:
        Probabilities (texts, classes) in the order of `lengths`, in double precision on the CPU.

    Raises:
        ValueError: `predict` does not answer with one row of probabilities for each text.
    """
    groups: list[Tensor] = []
    answers: list[Tensor] = []
    for rows in length_batches(lengths, token_budget):
        probabilities = predict(texts_of(rows))
        if probabilities.dim() != 2 or len(probabilities) != len(rows):
            raise ValueError(
                f"predict answered with shape {tuple(probabilities.shape)} for {len(rows)} texts; "
                "expected probabilities of shape (batch, classes)"
            )
        groups.append(rows.cpu())
        answers.append(probabilities.detach().to("cpu", torch.float64))
    return torch.cat(answers)[torch.argsort(torch.cat(groups))]


def predict_texts(
    predict: Predict, ids: Tensor, *, pad_id: int = 0, token_budget: int = TOKEN_BUDGET
) -> Tensor:
    """Predicts a padded batch of texts in groups of similar length.

    Args:
        predict: The classifier.
        ids: Token ids (batch, time); `pad_id` marks what the model does not read, at any position.
        pad_id: The id of the positions that the model does not read.
        token_budget: Most tokens of one forward pass, padding included.

    Returns:
        Probabilities (batch, classes), in double precision on the CPU.

    Raises:
        TypeError: `ids` is not a tensor of whole numbers.
        ValueError: `ids` is no batch of texts, or `predict` answers with a wrong shape.
    """
    check_ids(ids)
    read = ids != pad_id
    return predict_in_batches(
        predict,
        read.sum(dim=1),
        lambda rows: keep_tokens(ids[rows], read[rows], pad_id=pad_id),
        token_budget,
    )


def predicted_class(ids: Tensor, probabilities: Tensor) -> tuple[Tensor, Tensor]:
    """The class predicted for each text, and how probable it is.

    Args:
        ids: Token ids (batch, time).
        probabilities: Probabilities (batch, classes) of the texts.

    Returns:
        Probability of the predicted class (batch,) in double precision, and the class (batch,);
        both on the CPU.

    Raises:
        ValueError: `probabilities` has not one row for each text.
    """
    if probabilities.dim() != 2 or len(probabilities) != len(ids):
        raise ValueError(
            f"probabilities has shape {tuple(probabilities.shape)} for {len(ids)} texts; expected "
            "(batch, classes), or None to have them predicted"
        )
    probability, predicted = probabilities.detach().to("cpu", torch.float64).max(dim=1)
    return probability, predicted
