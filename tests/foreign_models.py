"""Classifiers over token ids as other people write them, and how the comparison is told of them."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from captum_rnn.benchmark.methods import ExplainedModel
from captum_rnn.text.classifier import RecurrentClassifier

WORDS = 12
FEATURES = 6
HIDDEN = 5


class PackedGRU(nn.Module):
    """Packs its batch, and reads the final state."""

    def __init__(self, classes: int):
        super().__init__()
        self.words = nn.Embedding(WORDS, FEATURES, padding_idx=0)
        self.gru = nn.GRU(FEATURES, HIDDEN, batch_first=True)
        self.head = nn.Linear(HIDDEN, classes)

    def forward(self, ids: Tensor, lengths: Tensor) -> Tensor:
        packed = pack_padded_sequence(
            self.words(ids), lengths, batch_first=True, enforce_sorted=False
        )
        return self.head(self.gru(packed)[1][-1])


class PackedMeanBiLSTM(nn.Module):
    """Counts the lengths itself, and reads the mean of the outputs."""

    def __init__(self, classes: int):
        super().__init__()
        self.words = nn.Embedding(WORDS, FEATURES)
        self.lstm = nn.LSTM(FEATURES, HIDDEN, batch_first=True, bidirectional=True)
        self.head = nn.Linear(2 * HIDDEN, classes)

    def forward(self, ids: Tensor) -> Tensor:
        lengths = (ids != 0).sum(1).clamp(min=1)
        packed = pack_padded_sequence(
            self.words(ids), lengths.cpu(), batch_first=True, enforce_sorted=False
        )
        outputs, _ = pad_packed_sequence(self.lstm(packed)[0], batch_first=True)
        return self.head(outputs.sum(1) / lengths.unsqueeze(1))


class MaskedMeanRNN(nn.Module):
    """Runs its layer over the padding, and leaves that out of the mean."""

    def __init__(self, classes: int):
        super().__init__()
        self.words = nn.Embedding(WORDS, FEATURES)
        self.rnn = nn.RNN(FEATURES, HIDDEN, batch_first=True)
        self.head = nn.Linear(HIDDEN, classes)

    def forward(self, ids: Tensor) -> Tensor:
        read = (ids != 0).unsqueeze(2)
        outputs = self.rnn(self.words(ids))[0] * read
        return self.head(outputs.sum(1) / read.sum(1).clamp(min=1))


class LastOutputLSTM(nn.Module):
    """Reads the output at the last position, padding or not."""

    def __init__(self, classes: int):
        super().__init__()
        self.words = nn.Embedding(WORDS, FEATURES)
        self.lstm = nn.LSTM(FEATURES, HIDDEN, batch_first=True)
        self.head = nn.Linear(HIDDEN, classes)

    def forward(self, ids: Tensor) -> Tensor:
        return self.head(self.lstm(self.words(ids))[0][:, -1])


class MeanOfWords(nn.Module):
    """Has no recurrent layer: a mean of words, and one hidden layer."""

    def __init__(self, classes: int):
        super().__init__()
        self.words = nn.Embedding(WORDS, FEATURES, padding_idx=0)
        self.hidden = nn.Sequential(nn.Linear(FEATURES, HIDDEN), nn.Tanh())
        self.head = nn.Linear(HIDDEN, classes)

    def forward(self, ids: Tensor) -> Tensor:
        read = (ids != 0).unsqueeze(2)
        mean = (self.words(ids) * read).sum(1) / read.sum(1).clamp(min=1)
        return self.head(self.hidden(mean))


@dataclass(frozen=True)
class Kind:
    """Texts that a kind of model reads, and whether it has a recurrent layer."""

    ids: Tensor
    recurrent: bool = True


PADDED = torch.tensor([[3, 7, 2, 1, 9], [5, 2, 8, 0, 0], [4, 4, 4, 6, 0], [10, 0, 0, 0, 0]])
PADDED_ANYWHERE = torch.tensor([[3, 7, 0, 2, 9], [0, 5, 8, 0, 0], [4, 4, 4, 6, 11]])
FULL = torch.tensor([[3, 7, 2, 1, 9], [5, 2, 8, 6, 4], [4, 4, 4, 6, 11]])

KINDS = {
    "lstm": Kind(PADDED_ANYWHERE),
    "gru": Kind(PADDED_ANYWHERE),
    "rnn": Kind(PADDED_ANYWHERE),
    "mean-bidirectional": Kind(PADDED_ANYWHERE),
    "packed-gru": Kind(PADDED),
    "packed-mean-bilstm": Kind(PADDED),
    "masked-mean-rnn": Kind(PADDED),
    "last-output-lstm": Kind(FULL),
    "mean-of-words": Kind(PADDED, recurrent=False),
}
"""The kinds of `explained_model`, of which the first four are this package's own classifier."""

RECURRENT_KINDS = [name for name, kind in KINDS.items() if kind.recurrent]


def explained_model(kind: str, classes: int = 2, seed: int = 1) -> ExplainedModel:
    """An untrained model, in double precision, whose margins differ clearly between texts."""
    torch.manual_seed(seed)
    explained = _own(kind, classes) if kind in list(KINDS)[:4] else _foreign(kind, classes)
    with torch.no_grad():
        explained.embedding.weight.normal_()
        if explained.embedding.padding_idx is not None:
            explained.embedding.weight[0] = 0
        explained.model.head.weight.normal_()
    explained.model.double().eval()
    return explained


def _own(kind: str, classes: int) -> ExplainedModel:
    options = {"bidirectional": True, "pooling": "mean"} if kind == "mean-bidirectional" else {}
    model = RecurrentClassifier(
        WORDS - 1,
        classes,
        "lstm" if options else kind,
        embedding_dim=FEATURES,
        hidden_size=HIDDEN,
        **options,
    )
    return ExplainedModel(model, model.embedding, model.rnn, readout=model.readout)


def _foreign(kind: str, classes: int) -> ExplainedModel:
    if kind == "packed-gru":
        model = PackedGRU(classes)
        return ExplainedModel(model, model.words, model.gru, takes_lengths=True)
    if kind == "packed-mean-bilstm":
        model = PackedMeanBiLSTM(classes)
        return ExplainedModel(model, model.words, model.lstm, readout="mean")
    if kind == "masked-mean-rnn":
        model = MaskedMeanRNN(classes)
        return ExplainedModel(model, model.words, model.rnn, readout="mean")
    if kind == "last-output-lstm":
        model = LastOutputLSTM(classes)
        return ExplainedModel(model, model.words, model.lstm, readout=-1, reads_padding=True)
    model = MeanOfWords(classes)
    return ExplainedModel(model, model.words)


def margin_of_text(explained: ExplainedModel, words: list[int], target: int) -> float:
    """The margin of one text without padding, from the bare model."""
    ids = torch.tensor([words])
    arguments = (torch.tensor([len(words)]),) if explained.takes_lengths else ()
    with torch.no_grad():
        logits = explained.model(ids, *arguments)[0].tolist()
    others = logits[:target] + logits[target + 1 :]
    return logits[target] - sum(others) / len(others)


def words_of(ids: Tensor) -> list[list[int]]:
    """The texts of a batch, without padding."""
    return [[word for word in row if word] for row in ids.tolist()]
