"""The tagger: a bidirectional GRU that tags every character of a sentence."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from tqdm import tqdm

from benchmarks.targets.tags import Tag
from captum_rnn.text.batching import bucketed_batches, pad_ids

_NO_TAG = -100


class TargetTagger(nn.Module):
    """Embedding → bidirectional GRU → dropout → linear head on every character.

    Padding, id 0 at the end of a row, never reaches the GRU, and has no part in the loss.

    Args:
        vocabulary_size: Number of characters; their ids run from 1 to this number.
        embedding_dim: Features of a character.
        hidden_size: Features of the state of each direction.
        dropout: Share of the outputs' features left out in training, in [0, 1].

    Attributes:
        embedding: The character vectors (vocabulary_size + 1, embedding_dim).
        rnn: The bidirectional GRU, batch first.
        head: Linear (2 * hidden_size → 4), in the order of `Tag`.
        architecture: The four arguments, to build the same tagger again.

    Source: Su Jianlin (2016), "基于双向GRU和语言模型的视角情感分析", Scientific Spaces,
    archives/4118.

    Example:
        >>> tagger = TargetTagger(vocabulary_size=10).eval()
        >>> padded = tagger(torch.tensor([[3, 7, 5], [4, 8, 0]]))
        >>> torch.allclose(padded[1, :2], tagger(torch.tensor([[4, 8]]))[0], atol=1e-6)
        True
    """

    def __init__(
        self,
        vocabulary_size: int,
        embedding_dim: int = 128,
        hidden_size: int = 128,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.architecture = {
            "vocabulary_size": vocabulary_size,
            "embedding_dim": embedding_dim,
            "hidden_size": hidden_size,
            "dropout": dropout,
        }
        self.embedding = nn.Embedding(vocabulary_size + 1, embedding_dim, padding_idx=0)
        self.rnn = nn.GRU(embedding_dim, hidden_size, batch_first=True, bidirectional=True)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(2 * hidden_size, len(Tag))

    def forward(self, ids: Tensor) -> Tensor:
        """Scores each tag at each character.

        Args:
            ids: Character ids (batch, time), 0 for padding at the end; each row has a character.

        Returns:
            Logits (batch, time, 4); those of padding mean nothing.
        """
        return self.forward_embedded(self.embedding(ids), ids)

    def forward_embedded(self, embedded: Tensor, ids: Tensor) -> Tensor:
        """The same for characters that are embedded already, for gradient-based attribution.

        Args:
            embedded: Character vectors (batch, time, embedding_dim).
            ids: The ids they stand for (batch, time); only tells which are padding.

        Returns:
            Logits (batch, time, 4).
        """
        lengths = (ids != 0).sum(dim=1).cpu()
        packed = pack_padded_sequence(embedded, lengths, batch_first=True, enforce_sorted=False)
        outputs, _ = pad_packed_sequence(
            self.rnn(packed)[0], batch_first=True, total_length=ids.shape[1]
        )
        logits: Tensor = self.head(self.dropout(outputs))
        return logits


def tagging_loss(logits: Tensor, tags: Sequence[Sequence[int]]) -> Tensor:
    """Mean cross-entropy over the characters of a batch, padding left out.

    Args:
        logits: Logits (batch, time, 4).
        tags: The tags of each row's characters.

    Example:
        >>> logits = torch.zeros(2, 3, 4)
        >>> logits[1, 2] = 1000.0
        >>> round(tagging_loss(logits, [[0, 1, 1], [3, 0]]).exp().item(), 4)
        4.0
    """
    target = torch.full(logits.shape[:2], _NO_TAG, device=logits.device)
    for row, row_tags in zip(target, tags, strict=True):
        row[: len(row_tags)] = torch.tensor(row_tags)
    return F.cross_entropy(logits.flatten(0, 1), target.flatten(), ignore_index=_NO_TAG)


def train_tagger(
    sequences: Sequence[Sequence[int]],
    tags: Sequence[Sequence[int]],
    vocabulary_size: int,
    *,
    vectors: Tensor | None = None,
    embedding_dim: int = 128,
    hidden_size: int = 128,
    dropout: float = 0.5,
    epochs: int = 8,
    batch_size: int = 32,
    learning_rate: float = 2e-3,
    seed: int = 0,
    show_progress: bool = False,
) -> TargetTagger:
    """Trains a tagger with Adam.

    Args:
        sequences: The character ids of each sentence, at least one character each.
        tags: Their tags.
        vocabulary_size: Number of characters.
        vectors: Character vectors (vocabulary_size + 1, embedding_dim) to start from, such as a
            language model's; they are trained further. `None`: random ones.
        embedding_dim: Features of a character.
        hidden_size: Features of the state of each direction.
        dropout: Share of the outputs' features left out in training.
        epochs: How often each sentence is read.
        batch_size: Sentences of similar length in one step.
        learning_rate: Adam's.
        seed: Decides the first weights, the order and what dropout leaves out. The random numbers
            of the calling program are left as they were.
        show_progress: Show a progress bar with the running loss on standard error.

    Returns:
        The tagger in evaluation mode.

    Raises:
        ValueError: There are no sentences, an empty one, or another number of tags.
    """
    lengths = [len(sequence) for sequence in sequences]
    if not lengths or 0 in lengths or lengths != [len(row) for row in tags]:
        raise ValueError(
            f"there are {len(lengths)} sentences and {len(tags)} rows of tags; expected at least "
            "one sentence, each with one character or more and as many tags"
        )
    order = torch.Generator().manual_seed(seed)
    steps = epochs * -(-len(sequences) // batch_size)
    bar = tqdm(total=steps, desc="tagger", unit="batch", disable=not show_progress)
    with bar, torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        tagger = TargetTagger(vocabulary_size, embedding_dim, hidden_size, dropout)
        if vectors is not None:
            with torch.no_grad():
                tagger.embedding.weight.copy_(vectors)
        optimiser = torch.optim.Adam(tagger.parameters(), lr=learning_rate)
        for _ in range(epochs):
            for batch in bucketed_batches(lengths, batch_size, order):
                optimiser.zero_grad()
                logits = tagger(pad_ids([sequences[row] for row in batch]))
                loss = tagging_loss(logits, [tags[row] for row in batch])
                loss.backward()  # type: ignore[no-untyped-call]
                optimiser.step()
                bar.set_postfix(loss=f"{loss.item():.3f}", refresh=False)
                bar.update()
    return tagger.eval()
