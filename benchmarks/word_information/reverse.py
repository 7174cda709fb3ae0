"""Study 2: what the states of an encoder-decoder know while it writes a sequence backwards."""

from typing import Any

import torch
import torch.nn.functional as F
from scipy import stats
from torch import Tensor, nn
from tqdm import tqdm

from benchmarks.word_information.measures import measure
from benchmarks.word_information.summaries import over_texts
from captum_rnn.attr.noise_search import NoiseSearch

SYMBOLS, LENGTH, WIDTH = 20, 8, 128


class Reverser(nn.Module):
    """LSTM encoder and decoder; the decoder reads what it should have written before.

    Symbols have the ids 1 to 20; 0 opens the decoder's sequence.
    """

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(SYMBOLS + 1, WIDTH)
        self.decoder_embedding = nn.Embedding(SYMBOLS + 1, WIDTH)
        self.encoder = nn.LSTM(WIDTH, WIDTH, batch_first=True)
        self.decoder = nn.LSTM(WIDTH, WIDTH, batch_first=True)
        self.head = nn.Linear(WIDTH, SYMBOLS + 1)

    def forward(self, ids: Tensor) -> Tensor:
        """Logits (batch, time, symbols) of the reversed sequence."""
        written = F.pad(ids.flip(1)[:, :-1], (1, 0))
        _, final = self.encoder(self.embedding(ids))
        logits: Tensor = self.head(self.decoder(self.decoder_embedding(written), final)[0])
        return logits


def draw(sequences: int, generator: torch.Generator) -> Tensor:
    """Random sequences (sequences, time)."""
    return torch.randint(1, SYMBOLS + 1, (sequences, LENGTH), generator=generator)


def train_reverser(steps: int, seed: int) -> tuple[Reverser, float]:
    """The trained model, and its share of right symbols on new sequences."""
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    model = Reverser()
    optimiser = torch.optim.Adam(model.parameters(), lr=3e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, total_steps=steps)
    for _ in tqdm(range(steps), desc="training the reverser"):
        ids = draw(128, generator)
        optimiser.zero_grad()
        loss = F.cross_entropy(model(ids).flatten(0, 1), ids.flip(1).flatten())
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
    model.eval()
    with torch.no_grad():
        ids = draw(1000, generator)
        right = (model(ids).argmax(2) == ids.flip(1)).double().mean().item()
    return model, right


def ask_steps(model: Reverser, sequences: int, search: NoiseSearch, seed: int) -> dict[str, Any]:
    """What each step's state keeps of each symbol, by the three measures.

    Returns:
        For "encoder" and "decoder", maps (steps, sequences, symbols) by measure.
    """
    generator = torch.Generator().manual_seed(seed + 1)
    fit, ids = draw(512, generator), draw(sequences, generator)
    found = {}
    for name, layer in (("encoder", model.encoder), ("decoder", model.decoder)):
        steps = [
            measure(model, layer, model.embedding, fit, ids, readout=step, search=search)
            for step in tqdm(range(LENGTH), desc=f"steps of the {name}")
        ]
        found[name] = {
            "word information": torch.stack([step.information for step in steps]),
            "gradient": torch.stack([step.gradient for step in steps]),
            "perturbation": torch.stack([step.perturbation for step in steps]),
        }
    return found


def needed(name: str, step: int) -> list[bool]:
    """Which symbols the state after a step still needs, to write now or later.

    The encoder has to keep all that it has read. The decoder writes symbol n − 1 − t in step t, and
    needs it and those before it.
    """
    last = step if name == "encoder" else LENGTH - 1 - step
    return [place <= last for place in range(LENGTH)]


def separation(maps: dict[str, Tensor], name: str) -> dict[str, Any]:
    """How well each measure tells the needed symbols: the area under the ROC curve of a sequence.

    Steps at which all symbols are needed are left out.
    """
    found = {}
    for measure_name, values in maps.items():
        areas = []
        for step in range(LENGTH):
            is_needed = torch.tensor(needed(name, step))
            if is_needed.all():
                continue
            areas.append([roc_area(row[is_needed], row[~is_needed]) for row in values[step]])
        pooled = pooled_area(values, name)
        found[measure_name] = {
            "within_step": over_texts(torch.tensor(areas).mean(0)),
            "across_steps": over_texts(pooled),
        }
    return found


def pooled_area(values: Tensor, name: str) -> Tensor:
    """The same area with the values of all steps in one ranking, for each sequence (sequences,)."""
    is_needed = torch.tensor([needed(name, step) for step in range(LENGTH)])
    rows = values.transpose(0, 1)
    return torch.tensor([roc_area(row[is_needed], row[~is_needed]) for row in rows])


def roc_area(high: Tensor, low: Tensor) -> float:
    """Share of pairs in the right order, ties counted half."""
    order = stats.mannwhitneyu(high.numpy(), low.numpy()).statistic
    return float(order) / (len(high) * len(low))
