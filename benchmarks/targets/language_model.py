"""A language model over characters, whose character vectors the tagger starts from."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import tqdm

from benchmarks.targets.characters import encode_characters
from captum_rnn.text.batching import bucketed_batches
from captum_rnn.text.vocabulary import Vocabulary


class CharacterLanguageModel(nn.Module):
    """Embedding → GRU → linear head: the next character from those before it.

    Args:
        vocabulary_size: Number of characters; their ids run from 1 to this number, 0 is padding.
        embedding_dim: Features of a character.
        hidden_size: Features of the state.

    Attributes:
        embedding: The character vectors (vocabulary_size + 1, embedding_dim).
        rnn: The GRU, batch first.
        head: Linear (hidden_size → vocabulary_size + 1).

    Example:
        >>> model = CharacterLanguageModel(10, embedding_dim=4, hidden_size=6)
        >>> model(torch.tensor([[3, 7, 0]])).shape
        torch.Size([1, 3, 11])
    """

    def __init__(self, vocabulary_size: int, embedding_dim: int = 128, hidden_size: int = 128):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary_size + 1, embedding_dim, padding_idx=0)
        self.rnn = nn.GRU(embedding_dim, hidden_size, batch_first=True)
        self.head = nn.Linear(hidden_size, vocabulary_size + 1)

    def forward(self, ids: Tensor) -> Tensor:
        """Scores of the next character.

        Args:
            ids: Character ids (batch, time), 0 for padding at the end.

        Returns:
            Logits (batch, time, vocabulary_size + 1); those at time t read the characters up to t.
        """
        logits: Tensor = self.head(self.rnn(self.embedding(ids))[0])
        return logits

    def loss(self, ids: Tensor) -> Tensor:
        """Mean cross-entropy, in nats, of the characters that follow another one.

        Padding is neither predicted nor, standing at the end, read.

        Args:
            ids: Character ids (batch, time), at least one row with two characters.
        """
        read, following = ids[:, :-1], ids[:, 1:]
        states = self.rnn(self.embedding(read))[0]
        # The head is the dear part, and is spared the padding.
        return F.cross_entropy(self.head(states[following != 0]), following[following != 0])


def train_language_model(
    texts: Sequence[str],
    vocabulary: Vocabulary,
    *,
    embedding_dim: int = 128,
    hidden_size: int = 128,
    epochs: int = 1,
    batch_size: int = 64,
    learning_rate: float = 2e-3,
    max_length: int = 100,
    seed: int = 0,
    show_progress: bool = False,
) -> CharacterLanguageModel:
    """Trains a language model with Adam.

    Args:
        texts: The texts to learn from; they need no labels.
        vocabulary: From `character_vocabulary`.
        embedding_dim: Features of a character.
        hidden_size: Features of the state.
        epochs: How often each text is read.
        batch_size: Texts of similar length in one step.
        learning_rate: Adam's.
        max_length: Characters read at once; longer texts are cut into pieces of this length.
        seed: Decides the first weights and the order. The random numbers of the calling program
            are left as they were.
        show_progress: Show a progress bar with the running loss on standard error.

    Raises:
        ValueError: No text has two characters.
    """
    pieces = [
        text[start : start + max_length]
        for text in texts
        for start in range(0, len(text), max_length)
        if len(text) - start > 1
    ]
    if not pieces:
        raise ValueError(
            f"none of the {len(texts)} texts has two characters, so there is nothing to predict; "
            "give longer texts"
        )
    order = torch.Generator().manual_seed(seed)
    lengths = [len(piece) for piece in pieces]
    steps = epochs * -(-len(pieces) // batch_size)
    bar = tqdm(total=steps, desc="language model", unit="batch", disable=not show_progress)
    with bar, torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = CharacterLanguageModel(len(vocabulary), embedding_dim, hidden_size)
        optimiser = torch.optim.Adam(model.parameters(), lr=learning_rate)
        for _ in range(epochs):
            for batch in bucketed_batches(lengths, batch_size, order):
                optimiser.zero_grad()
                loss = model.loss(encode_characters(vocabulary, [pieces[row] for row in batch]))
                loss.backward()  # type: ignore[no-untyped-call]
                optimiser.step()
                bar.set_postfix(loss=f"{loss.item():.2f}", refresh=False)
                bar.update()
    return model.eval()
