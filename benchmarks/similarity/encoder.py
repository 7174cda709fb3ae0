"""One recurrent encoder over two sentences, with their cosine or a bilinear form on top."""

from typing import Literal, TypeAlias, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from captum_rnn.states import pack_tokens
from captum_rnn.text.vocabulary import UNKNOWN_ID

Kind: TypeAlias = Literal["lstm", "gru"]
Head: TypeAlias = Literal["cosine", "bilinear"]

_LAYERS: dict[str, type[nn.LSTM] | type[nn.GRU]] = {"lstm": nn.LSTM, "gru": nn.GRU}
_FIRST_SCALE = 5.0


class SentenceSimilarity(nn.Module):
    r"""Embedding → LSTM or GRU, for each of two sentences → similarity of the last states u and v.

    .. math:: \text{cosine: } \frac{\langle u, v \rangle}{\lVert u \rVert \lVert v \rVert}
              \qquad \text{bilinear: } u^\top A v

    The cosine does not change with the length of a state; the bilinear form grows with it. Id 0
    stands for padding and for every unknown word, and never reaches the encoder.

    Args:
        vocabulary_size: Number of words; their ids run from 1 to this number.
        head: ``"cosine"`` or ``"bilinear"``.
        kind: ``"lstm"`` or ``"gru"``.
        embedding_dim: Features of a word.
        hidden_size: Features of a state.

    Attributes:
        embedding: The word vectors, (vocabulary_size + 1, embedding_dim).
        rnn: The encoder, batch first. It runs once for each sentence, the first one first.
        form: The matrix A (hidden_size, hidden_size), None for the cosine.
        scale: What the similarity is multiplied with for `logits`, as a logarithm.
        bias: What is added to it there.

    Raises:
        ValueError: An unknown head or kind, or a size below 1.

    Example:
        >>> model = SentenceSimilarity(vocabulary_size=10)
        >>> sentence = torch.tensor([[3, 7, 0]])
        >>> model(sentence, sentence).detach().allclose(torch.ones(1))
        True
    """

    def __init__(
        self,
        vocabulary_size: int,
        head: Head = "cosine",
        kind: Kind = "lstm",
        embedding_dim: int = 64,
        hidden_size: int = 64,
    ) -> None:
        super().__init__()
        if head not in get_args(Head) or kind not in _LAYERS:
            raise ValueError(
                f'head is {head!r} and kind {kind!r}; expected "cosine" or "bilinear", and "lstm" '
                'or "gru"'
            )
        if min(vocabulary_size, embedding_dim, hidden_size) < 1:
            raise ValueError(
                "vocabulary_size, embedding_dim and hidden_size are "
                f"{(vocabulary_size, embedding_dim, hidden_size)}; expected 1 or more"
            )
        self.embedding = nn.Embedding(vocabulary_size + 1, embedding_dim, padding_idx=UNKNOWN_ID)
        self.rnn = _LAYERS[kind](embedding_dim, hidden_size, batch_first=True)
        self.form = nn.Parameter(torch.eye(hidden_size)) if head == "bilinear" else None
        self.scale = nn.Parameter(torch.tensor(_FIRST_SCALE).log())
        self.bias = nn.Parameter(torch.zeros(()))

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """How similar the sentences of each pair are.

        Args:
            first: Word ids of the first sentences (batch, time).
            second: Word ids of the second sentences (batch, other time).

        Returns:
            Similarities (batch,).
        """
        return self.forward_embedded(self.embedding(first), self.embedding(second), first, second)

    def forward_embedded(
        self, first_embedded: Tensor, second_embedded: Tensor, first: Tensor, second: Tensor
    ) -> Tensor:
        """The same for words that are embedded already, for gradient-based attribution.

        Args:
            first_embedded: Word vectors of the first sentences (batch, time, embedding_dim).
            second_embedded: Those of the second ones (batch, other time, embedding_dim).
            first: The ids they stand for; only tells which words are read.
            second: The same for the second sentences.

        Returns:
            Similarities (batch,).
        """
        return self.similarity(
            self.encode(first_embedded, first), self.encode(second_embedded, second)
        )

    def encode(self, embedded: Tensor, ids: Tensor) -> Tensor:
        """The last states of embedded sentences.

        Args:
            embedded: Word vectors (batch, time, embedding_dim).
            ids: The ids they stand for (batch, time).

        Returns:
            States (batch, hidden_size); zeros for a sentence without a known word.
        """
        read = ids != UNKNOWN_ID
        _, final = self.rnn(pack_tokens(embedded, read))
        hidden = final[0] if isinstance(final, tuple) else final
        state: Tensor = hidden[-1].masked_fill(~read.any(dim=1, keepdim=True), 0.0)
        return state

    def similarity(self, first: Tensor, second: Tensor) -> Tensor:
        """The head, over the last axis of states that broadcast against each other.

        Args:
            first: States (..., hidden_size).
            second: States (..., hidden_size).

        Returns:
            Similarities (...); 0 with a state of zeros.
        """
        if self.form is None:
            return (F.normalize(first, dim=-1) * F.normalize(second, dim=-1)).sum(-1)
        return (first @ self.form * second).sum(-1)

    def logits(self, similarity: Tensor) -> Tensor:
        """Log-odds that two sentences belong together, rising with their similarity.

        Args:
            similarity: Similarities (batch,).

        Returns:
            Log-odds (batch,).
        """
        return self.scale.exp() * similarity + self.bias
