"""Makes the pictures of the gallery: `python docs/gallery.py`."""

from pathlib import Path

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn
from torch.nn import functional as F

from captum_rnn import (
    AdjointDeltaAttribution,
    HiddenStateDeltaAttribution,
    LocalDeltaAttribution,
    LogitDeltaAttribution,
    RecurrentDeepLiftAttribution,
    RecurrentLRPAttribution,
)
from captum_rnn.benchmark.series.spike import SpikeTask
from captum_rnn.text import Explanation, TextClassifier
from captum_rnn.visualization import prediction_heat_map, save_heat_map, series_heat_map

PICTURES = Path(__file__).parent / "pictures"
REVIEW = "酒店的位置很好，房间也很干净，但是服务态度太差了，下次不会再来"


def of_a_text() -> None:
    """One review under DeepLIFT, and under seven methods."""
    classifier = TextClassifier.load()
    encoded = classifier.encode([REVIEW])
    tokens, model = encoded.tokens[0], classifier.model
    probabilities = classifier.probabilities(encoded.ids)[0]
    target = int(probabilities.argmax())
    methods = {
        "L2 (2017)": HiddenStateDeltaAttribution(model, model.rnn),
        "projection": HiddenStateDeltaAttribution(model, model.rnn, distance="projection"),
        "logit": LogitDeltaAttribution(model, model.rnn),
        "local": LocalDeltaAttribution(model, model.rnn),
        "adjoint": AdjointDeltaAttribution(model, model.rnn),
        "relevance": RecurrentLRPAttribution(model, model.rnn),
        "DeepLIFT": RecurrentDeepLiftAttribution(model, model.rnn),
    }
    scores = [method.attribute(encoded.ids, target=target)[0] for method in methods.values()]
    columns = torch.stack([column / column.abs().max() for column in scores], 1)
    save_heat_map(PICTURES / "methods.png", tokens, list(methods), columns.tolist())
    explanation = Explanation.of(tokens, scores[-1].tolist(), method="DeepLIFT")
    narrow = Figure(figsize=(5.4, 2.4), layout="constrained")  # its words can be read on a phone
    explanation.plot(narrow.add_subplot())
    narrow.savefig(PICTURES / "text.png", dpi=150)


class Monitor(nn.Module):
    """Answers after each step: has a spike come in the first feature?"""

    def __init__(self) -> None:
        super().__init__()
        self.gru = nn.GRU(3, 24, batch_first=True)
        self.head = nn.Linear(24, 2)

    def forward(self, series: Tensor) -> Tensor:
        """Logits (batch, time, classes)."""
        return self.head(self.gru(series)[0])


def trained_monitor(task: SpikeTask) -> Monitor:
    """Learns what has been seen up to each step."""
    torch.manual_seed(0)
    monitor, generator = Monitor(), torch.Generator().manual_seed(0)
    optimiser = torch.optim.Adam(monitor.parameters(), lr=0.01)
    for _ in range(150):
        sample = task.draw(64, generator)
        seen = sample.cells[..., 0].cumsum(1).clamp(max=1)
        loss = F.cross_entropy(monitor(sample.values).flatten(0, 1), seen.flatten())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return monitor.eval()


def of_a_series() -> None:
    """What made the last prediction, and what made each of them."""
    task = SpikeTask()
    monitor = trained_monitor(task)
    sample = task.draw(64, torch.Generator().manual_seed(1))
    one = sample.values[int(sample.cells[:, 15:25].flatten(1).any(1).nonzero()[0])][None]
    deep_lift = RecurrentDeepLiftAttribution(monitor, monitor.gru)
    last = one.shape[1] - 1
    scores = deep_lift.attribute(one, target=(last, 1))[0]
    names = ["watched", "first distraction", "second distraction"]
    series_heat_map(one[0], scores, names).save(PICTURES / "series.png")
    adjoint = AdjointDeltaAttribution(monitor, monitor.gru)
    every = adjoint.attribute_predictions(one, target=1, per_step=True)[0]
    prediction_heat_map(every).save(PICTURES / "predictions.png")


if __name__ == "__main__":
    PICTURES.mkdir(exist_ok=True)
    of_a_text()
    of_a_series()
