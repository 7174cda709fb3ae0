"""A classifier whose word vectors all have the same length."""

import copy

import torch

from captum_rnn.benchmark.methods import ExplainedModel


def with_equal_norms(model: ExplainedModel) -> ExplainedModel:
    """A copy of a classifier whose word vectors are scaled to the mean of their lengths.

    The classifier is not trained again: where the length of a vector says something, as it does for
    frequent words, that is lost. The vector of the padding stays as it is, and so does any that is
    zero.

    Args:
        model: The classifier; it is not changed.

    Returns:
        The copy.

    Example:
        >>> from torch import nn
        >>> embedding = nn.Embedding.from_pretrained(torch.tensor([[9.0, 0], [3, 4], [0, 1]]))
        >>> model = ExplainedModel(nn.Sequential(embedding), embedding)
        >>> with_equal_norms(model).embedding.weight.tolist()
        [[9.0, 0.0], [1.7999999523162842, 2.4000000953674316], [0.0, 3.0]]
    """
    changed = copy.deepcopy(model)
    with torch.no_grad():
        vectors = changed.embedding.weight
        lengths = torch.linalg.vector_norm(vectors, dim=1, keepdim=True)
        words = torch.arange(len(vectors), device=vectors.device) != model.pad_id
        scaled = vectors * lengths[words].mean() / lengths
        scales = words.unsqueeze(1) & (lengths > 0)
        vectors.copy_(torch.where(scales, scaled, vectors))
    return changed
