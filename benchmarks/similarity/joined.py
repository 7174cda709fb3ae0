"""Pairs of sentences as single rows, so that every measure of `captum_rnn.evaluation` applies."""

import torch
from torch import Tensor

from benchmarks.similarity.encoder import SentenceSimilarity
from captum_rnn.evaluation.prediction import Predict
from captum_rnn.text.vocabulary import UNKNOWN_ID


def join_pairs(first: Tensor, second: Tensor, vocabulary_size: int) -> Tensor:
    """Puts both sentences of each pair into one row; words of the second get ids of their own.

    Which sentence a word belongs to then survives that other words of the row are removed.

    Args:
        first: Word ids of the first sentences (batch, time).
        second: Word ids of the second sentences (batch, other time).
        vocabulary_size: Number of words; added to the ids of the second sentences.

    Returns:
        Ids (batch, time + other time), 0 for what is not read. Scores of both sentences line up
        with it as `torch.cat([first_scores, second_scores], 1)`.

    Example:
        >>> join_pairs(torch.tensor([[3, 1, 0]]), torch.tensor([[2, 9]]), 10)
        tensor([[ 3,  1,  0, 12, 19]])
    """
    moved = (second + vocabulary_size).masked_fill(second == UNKNOWN_ID, UNKNOWN_ID)
    return torch.cat([first, moved], 1)


def split_pairs(joined: Tensor, vocabulary_size: int) -> tuple[Tensor, Tensor]:
    """The sentences of joined pairs, for a model that does not read id 0 wherever it stands.

    Args:
        joined: Ids as `join_pairs` makes them, words removed or not (batch, time).
        vocabulary_size: Number of words.

    Returns:
        Word ids of the first and of the second sentences, each (batch, time).

    Example:
        >>> split_pairs(torch.tensor([[1, 12, 19], [3, 1, 12]]), 10)
        (tensor([[1, 0, 0], [3, 1, 0]]), tensor([[0, 2, 9], [0, 0, 2]]))
    """
    of_second = joined > vocabulary_size
    return (
        joined.masked_fill(of_second, UNKNOWN_ID),
        (joined - vocabulary_size).masked_fill(~of_second, UNKNOWN_ID),
    )


def joined_similarity(model: SentenceSimilarity, vocabulary_size: int) -> Predict:
    """The similarity as the only class of a classifier of joined pairs.

    Comprehensiveness and leave-one-out then say how far the similarity falls.

    Args:
        model: The encoder, in evaluation mode.
        vocabulary_size: Number of words.

    Returns:
        A function from joined pairs (batch, time) to similarities (batch, 1).
    """

    def predict(joined: Tensor) -> Tensor:
        with torch.no_grad():
            similarity: Tensor = model(*split_pairs(joined, vocabulary_size))
        return similarity.unsqueeze(1)

    return predict
