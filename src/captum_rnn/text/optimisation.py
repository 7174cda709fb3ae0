"""The training loop of a classifier over word ids."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import tqdm

from captum_rnn.text.batching import bucketed_batches, pad_ids
from captum_rnn.text.vocabulary import UNKNOWN_ID


def optimise(
    model: nn.Module,
    sequences: Sequence[Sequence[int]],
    labels: Sequence[int],
    *,
    epochs: int = 5,
    batch_size: int = 128,
    learning_rate: float = 1e-3,
    seed: int = 0,
    show_progress: bool = False,
) -> None:
    """Trains a classifier in place: Adam on the cross-entropy of its logits.

    Args:
        model: Maps ids (batch, time) to logits (batch, classes) and skips id 0. Left in
            evaluation mode.
        sequences: The word ids of each text.
        labels: The class of each text.
        epochs: How often each text is read.
        batch_size: Texts of similar length in one step.
        learning_rate: Adam's.
        seed: Decides the order of the texts and what dropout leaves out. The random numbers of the
            calling program are left as they were.
        show_progress: Show a progress bar with the running loss on standard error.

    Raises:
        ValueError: There are no texts, or another number of labels.
    """
    if not sequences or len(sequences) != len(labels):
        raise ValueError(
            f"there are {len(sequences)} texts and {len(labels)} labels to train on; expected one "
            "label for each of at least one text"
        )
    optimiser = torch.optim.Adam(model.parameters(), lr=learning_rate)
    known = [[number for number in sequence if number != UNKNOWN_ID] for sequence in sequences]
    lengths, targets = [len(sequence) for sequence in known], torch.tensor(labels)
    order = torch.Generator().manual_seed(seed)
    steps = epochs * -(-len(sequences) // batch_size)
    bar = tqdm(total=steps, desc="training", unit="batch", disable=not show_progress)
    model.train()
    with bar, torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for epoch in range(1, epochs + 1):
            for batch in bucketed_batches(lengths, batch_size, order):
                ids = pad_ids([known[position] for position in batch])
                loss = _step(model, optimiser, ids, targets[batch])
                bar.set_postfix(epoch=epoch, loss=f"{loss:.3f}", refresh=False)
                bar.update()
    model.eval()


def _step(model: nn.Module, optimiser: torch.optim.Optimizer, ids: Tensor, target: Tensor) -> float:
    optimiser.zero_grad()
    loss = F.cross_entropy(model(ids), target)
    loss.backward()  # type: ignore[no-untyped-call]
    optimiser.step()
    return loss.item()
