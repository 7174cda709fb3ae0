"""The classifier of a sum or mean of word vectors: a bag of words through a factorised matrix."""

import torch
from torch import Tensor, nn

from benchmarks.word_vectors.pooling import Pooling, WordPooling
from captum_rnn.text.classifier import WordClassifier
from captum_rnn.text.vocabulary import UNKNOWN_ID

_EMBEDDING_RANGE = 0.05


class WordVectorClassifier(WordClassifier):
    r"""Embedding → sum or mean over the words → linear head.

    With x the counts of the words in a text, E the word vectors and W the head,

    .. math:: f(x) = W (E^\top x) + b = (E W^\top)^\top x + b

    so the classifier is one on bags of words whose matrix :math:`E W^\top` is `word_weights`. What
    a word contributes is known, whatever else the text holds; see `contributions`.

    Id 0 stands for padding and for every unknown word, and is not read.

    Args:
        vocabulary_size: Number of words; their ids run from 1 to this number.
        classes: Number of classes, 2 or more.
        embedding_dim: Features of a word.
        pooling: ``"sum"`` or ``"mean"``.

    Attributes:
        embedding: The word vectors, (vocabulary_size + 1, embedding_dim).
        pool: Their sum or mean.
        head: Linear, (embedding_dim → classes).

    Raises:
        ValueError: A size is below 1, fewer than 2 classes, or an unknown pooling.

    Source: Su Jianlin (2017), "SVD分解(三)：连Word2Vec都只不过是个SVD？", Scientific Spaces,
    archives/4233.

    Example:
        >>> model = WordVectorClassifier(10)
        >>> torch.equal(model(torch.tensor([[3, 0, 7, 0]])), model(torch.tensor([[7, 3]])))
        True
    """

    def __init__(
        self,
        vocabulary_size: int,
        classes: int = 2,
        embedding_dim: int = 128,
        pooling: Pooling = "sum",
    ) -> None:
        super().__init__()
        if min(vocabulary_size, embedding_dim) < 1 or classes < 2:
            raise ValueError(
                f"vocabulary_size and embedding_dim are {(vocabulary_size, embedding_dim)} with "
                f"{classes} classes; expected sizes of 1 or more and at least 2 classes"
            )
        self.embedding = nn.Embedding(vocabulary_size + 1, embedding_dim, padding_idx=UNKNOWN_ID)
        self.pool = WordPooling(pooling)
        self.head = nn.Linear(embedding_dim, classes)
        with torch.no_grad():
            self.embedding.weight[1:].uniform_(-_EMBEDDING_RANGE, _EMBEDDING_RANGE)

    def forward_embedded(self, embedded: Tensor, ids: Tensor) -> Tensor:
        """What the head makes of the sum or mean of the words' vectors."""
        logits: Tensor = self.head(self.pool(embedded, ids != UNKNOWN_ID))
        return logits

    @torch.no_grad()
    def word_weights(self) -> Tensor:
        """The weights of the same classifier on bags of words.

        Returns:
            :math:`E W^T` (vocabulary_size + 1, classes); zeros for id 0.
        """
        weights = self.embedding.weight @ self.head.weight.T
        weights[UNKNOWN_ID] = 0.0
        return weights

    def contributions(self, ids: Tensor) -> Tensor:
        """What each word truly adds to each logit, in closed form.

        They sum to the logits without the head's bias.

        Args:
            ids: Word ids (batch, time).

        Returns:
            Contributions (batch, time, classes); 0 where the id is 0.
        """
        weights = self.word_weights()[ids]
        if self.pool.pooling == "mean":
            words = (ids != UNKNOWN_ID).sum(1).clamp(min=1)
            weights = weights / words.reshape(-1, 1, 1)
        return weights
