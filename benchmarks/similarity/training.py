"""The training of a similarity encoder on halves of reviews."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from tqdm import tqdm

from benchmarks.similarity.encoder import SentenceSimilarity
from benchmarks.similarity.pairs import Halves
from captum_rnn.text.batching import bucketed_batches, pad_ids


def train_similarity(
    model: SentenceSimilarity,
    halves: Sequence[Halves],
    *,
    epochs: int = 5,
    batch_size: int = 128,
    learning_rate: float = 2e-3,
    seed: int = 0,
    show_progress: bool = False,
) -> None:
    """Trains an encoder in place to tell halves of one review from halves of two.

    In each batch every first half is paired with its own second half and with that of the next
    review, so the two kinds of pairs are equally many and alike in length, and no pair of strangers
    is seen twice.

    Args:
        model: The encoder. Left in evaluation mode.
        halves: The halves of the reviews to learn from.
        epochs: How often each review is read.
        batch_size: Reviews of similar length in one step.
        learning_rate: Adam's.
        seed: Decides the order of the reviews, and with it who is paired with whom.
        show_progress: Show a progress bar with the running loss on standard error.

    Raises:
        ValueError: There are fewer than 2 reviews.
    """
    if len(halves) < 2:
        raise ValueError(f"there are {len(halves)} reviews to learn from; expected 2 or more")
    optimiser = torch.optim.Adam(model.parameters(), lr=learning_rate)
    lengths = [len(first) + len(second) for first, second in halves]
    order = torch.Generator().manual_seed(seed)
    steps = epochs * -(-len(halves) // batch_size)
    bar = tqdm(total=steps, desc="training", unit="batch", disable=not show_progress)
    model.train()
    with bar:
        for epoch in range(1, epochs + 1):
            for batch in bucketed_batches(lengths, batch_size, order):
                if len(batch) > 1:
                    loss = _step(model, optimiser, [halves[position] for position in batch])
                    bar.set_postfix(epoch=epoch, loss=f"{loss:.3f}", refresh=False)
                bar.update()
    model.eval()


def _step(
    model: SentenceSimilarity, optimiser: torch.optim.Optimizer, halves: Sequence[Halves]
) -> float:
    first, second = (
        model.encode(model.embedding(ids), ids)
        for ids in (pad_ids([pair[side] for pair in halves]) for side in (0, 1))
    )
    together = model.logits(model.similarity(first, second))
    strangers = model.logits(model.similarity(first, second.roll(1, dims=0)))
    loss = F.softplus(-together).mean() + F.softplus(strangers).mean()
    optimiser.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    optimiser.step()
    return loss.item()
