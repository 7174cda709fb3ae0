"""The classifier that the method was first shown on: embedding, recurrent layer, linear head."""

from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_packed_sequence

from captum_rnn.states import pack_tokens

RecurrentKind = Literal["lstm", "gru", "rnn"]
Pooling = Literal["last", "mean"]
_LAYERS: dict[str, type[nn.LSTM] | type[nn.GRU] | type[nn.RNN]] = {
    "lstm": nn.LSTM,
    "gru": nn.GRU,
    "rnn": nn.RNN,
}
_EMBEDDING_RANGE = 0.05


class WordClassifier(nn.Module):
    """A classifier of texts that reads word vectors; a subclass says `forward_embedded`."""

    embedding: nn.Embedding

    def forward(self, ids: Tensor) -> Tensor:
        """Classifies texts.

        Args:
            ids: Word ids (batch, time), 0 for padding and unknown words.

        Returns:
            Logits (batch, classes).
        """
        return self.forward_embedded(self.embedding(ids), ids)

    def forward_embedded(self, embedded: Tensor, ids: Tensor) -> Tensor:
        """Classifies texts whose words are embedded already, for gradient-based attribution.

        Args:
            embedded: Word vectors (batch, time, embedding_dim).
            ids: The ids they stand for (batch, time); only tells which words are read.

        Returns:
            Logits (batch, classes).
        """
        raise NotImplementedError


class RecurrentClassifier(WordClassifier):
    """Embedding → LSTM, GRU or tanh RNN → last or mean state → dropout → linear head.

    Id 0 stands for padding and for every unknown word. It never reaches the recurrent layer,
    wherever it stands, so the state is carried over it, a mean does not count it, and attributions
    give it exactly 0. What the head reads of a text without any known word is 0.

    Args:
        vocabulary_size: Number of words; their ids run from 1 to this number.
        classes: Number of classes, 2 or more.
        kind: ``"lstm"``, ``"gru"`` or ``"rnn"`` (tanh).
        embedding_dim: Features of a word.
        hidden_size: Features of the state of one direction.
        dropout: Share of the features that the head reads left out in training, in [0, 1].
        bidirectional: Read the text in both directions; the head reads their states side by side.
        layers: Recurrent layers, each reading the states of the one below; the head reads the top.
        pooling: What the head reads: ``"last"``, each direction's last state, or ``"mean"``, the
            mean of the states after all known words.

    Attributes:
        embedding: The word vectors, (vocabulary_size + 1, embedding_dim).
        rnn: The recurrent layer, batch first.
        head: Linear, (directions · hidden_size → classes).
        architecture: The nine arguments, to build the same classifier again.

    Raises:
        ValueError: A size is below 1, fewer than 2 classes, or an unknown kind or pooling.

    Source: the model of Su Jianlin (2017), "RNN模型中输入的重要性的评估", Scientific Spaces,
    archives/4582; two directions, several layers and the mean are additions.

    Example:
        >>> model = RecurrentClassifier(vocabulary_size=10, kind="gru", pooling="mean").eval()
        >>> padded = model(torch.tensor([[3, 0, 7, 0]]))
        >>> torch.equal(padded, model(torch.tensor([[3, 7]])))
        True
    """

    def __init__(
        self,
        vocabulary_size: int,
        classes: int = 2,
        kind: RecurrentKind = "lstm",
        embedding_dim: int = 128,
        hidden_size: int = 128,
        dropout: float = 0.5,
        *,
        bidirectional: bool = False,
        layers: int = 1,
        pooling: Pooling = "last",
    ) -> None:
        super().__init__()
        sizes = (vocabulary_size, embedding_dim, hidden_size, layers)
        if min(sizes) < 1 or classes < 2:
            raise ValueError(
                f"vocabulary_size, embedding_dim, hidden_size and layers are {sizes} with {classes}"
                " classes; expected sizes of 1 or more and at least 2 classes"
            )
        if kind not in _LAYERS:
            raise ValueError(
                f"kind is {kind!r}; expected one of {', '.join(get_args(RecurrentKind))}"
            )
        if pooling not in get_args(Pooling):
            raise ValueError(
                f"pooling is {pooling!r}; expected one of {', '.join(get_args(Pooling))}"
            )
        self.architecture: dict[str, Any] = {
            "vocabulary_size": vocabulary_size,
            "classes": classes,
            "kind": kind,
            "embedding_dim": embedding_dim,
            "hidden_size": hidden_size,
            "dropout": dropout,
            "bidirectional": bidirectional,
            "layers": layers,
            "pooling": pooling,
        }
        directions = 2 if bidirectional else 1
        self.embedding = nn.Embedding(vocabulary_size + 1, embedding_dim, padding_idx=0)
        self.rnn = _LAYERS[kind](
            embedding_dim, hidden_size, layers, batch_first=True, bidirectional=bidirectional
        )
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(directions * hidden_size, classes)
        self._pooling = pooling
        self._initialise()

    @property
    def readout(self) -> Literal["final", "mean"]:
        """What the head reads, in the terms of the attributions' argument `readout`."""
        return "mean" if self._pooling == "mean" else "final"

    @torch.no_grad()
    def _initialise(self) -> None:
        """Draws the first weights as the source's framework, Keras, does.

        The source's five epochs then start from where they started there.
        """
        self.embedding.weight[1:].uniform_(-_EMBEDDING_RANGE, _EMBEDDING_RANGE)
        for name, weights in self.rnn.named_parameters():
            if name.startswith("weight_ih"):
                nn.init.xavier_uniform_(weights)
            elif name.startswith("weight_hh"):
                nn.init.orthogonal_(weights)
            else:
                nn.init.zeros_(weights)
            if name.startswith("bias_ih") and isinstance(self.rnn, nn.LSTM):
                _, forget, _, _ = torch.chunk(weights, 4)
                forget.fill_(1.0)
        nn.init.xavier_uniform_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward_embedded(self, embedded: Tensor, ids: Tensor) -> Tensor:
        """What the head makes of the last state, or of the mean state, over the known words."""
        read = ids != 0
        outputs, final = self.rnn(pack_tokens(embedded, read))
        if self._pooling == "mean":
            states, steps = pad_packed_sequence(outputs, batch_first=True)
            state = states.sum(1) / steps.to(states).unsqueeze(1)
        else:
            hidden = final[0] if isinstance(final, tuple) else final
            directions = 2 if self.rnn.bidirectional else 1
            state = torch.cat(tuple(hidden[-directions:]), dim=1)
        # A text without a known word was run over one step of padding; see pack_tokens.
        state = state.masked_fill(~read.any(dim=1, keepdim=True), 0.0)
        logits: Tensor = self.head(self.dropout(state))
        return logits
