"""Word vectors from word2vec, as gensim trains it."""

from collections.abc import Sequence

import torch
from torch import Tensor

from captum_rnn.extras import import_extra
from captum_rnn.text.vocabulary import UNKNOWN_ID


def cbow_vectors(
    texts: Sequence[Sequence[int]],
    vocabulary_size: int,
    dim: int,
    *,
    window: int,
    epochs: int,
    seed: int,
) -> Tensor:
    """Vectors of the continuous bag-of-words model with 5 negative samples.

    gensim's defaults, but for the window: it is not shrunk by chance, so it covers the same
    neighbours as `cooccurrence_counts`. One thread, so that a seed gives one result.

    Args:
        texts: The word ids of each text; id 0 is an unknown word, which is left out.
        vocabulary_size: Number of words; their ids run from 1 to this number.
        dim: Features of a vector.
        window: Number of words read to each side.
        epochs: How often each text is read.
        seed: Decides the first weights and what is sampled.

    Returns:
        Vectors (vocabulary_size + 1, dim) in float32; zeros for id 0 and for words that do not
        occur.

    Raises:
        ImportError: gensim, from the extra `studies`, is not installed.
        ValueError: No text holds a known word.

    Source: Mikolov et al. (2013), "Efficient Estimation of Word Representations in Vector Space".
    """
    word2vec = import_extra("gensim.models", "studies", "CBOW").Word2Vec
    # gensim takes whole numbers for positions in its own table.
    words = [[str(word) for word in text if word != UNKNOWN_ID] for text in texts]
    if not any(words):
        raise ValueError(
            f"none of the {len(texts)} texts holds a known word; expected at least one"
        )
    trained = word2vec(
        words,
        vector_size=dim,
        window=window,
        shrink_windows=False,
        min_count=1,
        sg=0,
        negative=5,
        epochs=epochs,
        seed=seed,
        workers=1,
    ).wv
    vectors = torch.zeros(vocabulary_size + 1, dim)
    ids = torch.tensor([int(word) for word in trained.index_to_key])
    vectors[ids] = torch.from_numpy(trained.vectors)
    return vectors
