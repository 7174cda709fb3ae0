"""Models in the style of well-known libraries, written anew, against `tests/oracle.py`.

Each is what its library does around a recurrent layer: a voice as one vector, weight drop, done
masks, visits of codes, channels before time, horizons and components, encoder and decoder.
"""

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from captum_rnn import AdjointDeltaAttribution, LogitDeltaAttribution
from oracle import scores_of

HIDDEN = 4


class VoiceEncoder(nn.Module):
    """As resemblyzer: three layers over mel frames, the last h_n, a relu and a norm; a speaker."""

    def __init__(self):
        super().__init__()
        self.layer = nn.LSTM(3, HIDDEN, 3, batch_first=True)
        self.linear, self.speaker = nn.Linear(HIDDEN, HIDDEN), nn.Parameter(torch.randn(2, HIDDEN))

    def forward(self, mels):
        _, (hidden, _) = self.layer(mels)
        raw = (self.linear(hidden[-1]) + 0.5).relu()
        return F.normalize(raw, dim=1) @ self.speaker.T


class WeightDropped(nn.Module):
    """As fastai: recurrent weights computed before each call, and the pools of its head."""

    def __init__(self):
        super().__init__()
        self.layer, self.head = nn.LSTM(3, HIDDEN, batch_first=True), nn.Linear(3 * HIDDEN, 2)
        self.raw = nn.Parameter(self.layer.weight_hh_l0.detach().clone())
        del self.layer._parameters["weight_hh_l0"]

    def forward(self, vectors):
        self.layer.weight_hh_l0 = F.dropout(self.raw, 0.5, self.training)
        outputs, _ = self.layer(vectors)
        return self.head(torch.cat([outputs[:, -1], outputs.amax(1), outputs.mean(1)], 1))


class Policy(nn.Module):
    """As the recurrent policies of sb3: a done mask resets the state before a step."""

    def __init__(self):
        super().__init__()
        self.layer, self.head = nn.LSTM(3, HIDDEN), nn.Linear(HIDDEN, 2)

    def forward(self, observations, begins):
        state = tuple(observations.new_zeros(1, len(observations), HIDDEN) for _ in range(2))
        outputs = []
        for step, begin in zip(observations.unbind(1), begins.unbind(1), strict=True):
            state = tuple((1.0 - begin).view(1, -1, 1) * part for part in state)
            output, state = self.layer(step.unsqueeze(0), state)
            outputs.append(output[0])
        return self.head(outputs[-1])


class Visits(nn.Module):
    """As pyhealth: codes of a visit are added up, visits are packed, the last one counts."""

    def __init__(self):
        super().__init__()
        self.codes = nn.Embedding(40, 3, padding_idx=0)
        self.layer, self.head = nn.GRU(3, HIDDEN, batch_first=True), nn.Linear(HIDDEN, 2)

    def forward(self, codes):
        visits = self.codes(codes).sum(2)
        lengths = (codes != 0).any(2).sum(1)
        packed = pack_padded_sequence(visits, lengths, batch_first=True, enforce_sorted=False)
        outputs, _ = pad_packed_sequence(self.layer(packed)[0], batch_first=True)
        return self.head(outputs[torch.arange(len(codes)), lengths - 1])


class ChannelsFirst(nn.Module):
    """As tsai: (batch, channels, time), both directions, the output at the last step."""

    def __init__(self):
        super().__init__()
        self.layer = nn.LSTM(3, HIDDEN, 2, bidirectional=True, batch_first=True)
        self.head = nn.Linear(2 * HIDDEN, 2)

    def forward(self, series):
        return self.head(self.layer(series.transpose(2, 1))[0][:, -1])


class Forecaster(nn.Module):
    """As darts: h_n of the top layer, then (horizon, component, quantile) at once."""

    def __init__(self):
        super().__init__()
        self.layer = nn.GRU(3, HIDDEN, 2, batch_first=True)
        self.head = nn.Sequential(nn.Linear(HIDDEN, 5), nn.ReLU(), nn.Linear(5, 2 * 3 * 2))

    def forward(self, series):
        return self.head(self.layer(series)[1][-1]).view(len(series), 2, 3, 2)


class Decoding(nn.Module):
    """As pytorch-forecasting: a packed encoder hands its state to a decoder of known inputs."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.LSTM(3, HIDDEN, batch_first=True)
        self.decoder = nn.LSTM(3, HIDDEN, batch_first=True)
        self.head = nn.Linear(HIDDEN, 2)

    def forward(self, series, lengths):
        past, future = series[:, :4], series[:, 4:]
        packed = pack_padded_sequence(past, lengths, batch_first=True, enforce_sorted=False)
        _, state = self.encoder(packed)
        outputs, _ = self.decoder(future, state)
        return self.head(outputs)[:, -1]


@pytest.mark.parametrize("kind", [VoiceEncoder, WeightDropped])
@pytest.mark.parametrize("made", [AdjointDeltaAttribution, LogitDeltaAttribution])
def test_one_run(kind, made):
    model, vectors = kind().double().eval(), torch.randn(2, 5, 3).double()
    leaf = vectors.clone().requires_grad_()
    expected = scores_of(lambda: model(leaf)[:, 1], [model.layer], leaf)
    scores = made(model, model.layer).attribute(vectors, target=1, per_step=True)
    name = "adjoint" if made is AdjointDeltaAttribution else "logit"
    torch.testing.assert_close(scores, expected[name], rtol=1e-7, atol=1e-10)


def test_weights_that_are_dropped_in_training_are_those_of_the_run():
    model, vectors = WeightDropped().double().train(), torch.randn(2, 5, 3).double()
    torch.manual_seed(3)
    scores = AdjointDeltaAttribution(model, model.layer).attribute(vectors, target=1, per_step=True)
    torch.manual_seed(3)
    with torch.no_grad():
        model.raw.copy_(F.dropout(model.raw, 0.5, training=True))
    leaf = vectors.clone().requires_grad_()
    model.eval()
    expected = scores_of(lambda: model(leaf)[:, 1], [model.layer], leaf)["adjoint"]
    torch.testing.assert_close(scores, expected, rtol=1e-7, atol=1e-10)


def test_a_policy_whose_episodes_end():
    model, vectors = Policy().double(), torch.randn(3, 6, 3).double()
    begins = torch.tensor([[1, 0, 0, 0, 0, 0], [1, 0, 0, 1, 0, 0], [0, 0, 0, 0, 0, 1]]).double()
    leaf = vectors.clone().requires_grad_()
    expected = scores_of(lambda: model(leaf, begins)[:, 1], [model.layer], leaf)["adjoint"]
    scores = AdjointDeltaAttribution(model, model.layer).attribute(
        vectors, target=1, additional_forward_args=begins, per_step=True
    )
    torch.testing.assert_close(scores, expected, rtol=1e-7, atol=1e-10)
    assert (scores[1, :3] == 0).all()
    assert (scores[2, :5] == 0).all()
    assert scores[0, 0] != 0


def test_visits_share_their_score_among_their_codes():
    model = Visits().double()
    codes = torch.tensor([[[1, 2, 0], [3, 0, 0], [4, 5, 6]], [[7, 8, 9], [10, 11, 0], [0, 0, 0]]])
    weight = model.codes.weight
    expected = scores_of(lambda: model(codes)[:, 1], [model.layer], weight)
    for made, name in ((AdjointDeltaAttribution, "adjoint"), (LogitDeltaAttribution, "logit")):
        scores = made(model, model.layer).attribute(codes, target=1)
        own = expected[name][codes].masked_fill(codes == 0, 0.0)
        visits = scores.sum(2)
        torch.testing.assert_close(visits, own.sum(2), rtol=1e-7, atol=1e-10)


@pytest.mark.parametrize("made", [AdjointDeltaAttribution, LogitDeltaAttribution])
def test_channels_before_time(made):
    model, series = ChannelsFirst().double(), torch.randn(2, 3, 5).double()
    leaf = series.transpose(1, 2).clone().requires_grad_()
    expected = scores_of(lambda: model(leaf.transpose(1, 2))[:, 1], [model.layer], leaf)
    scores = made(model, model.layer).attribute(series, target=1)
    assert scores.shape == series.shape
    name = "adjoint" if made is AdjointDeltaAttribution else "logit"
    torch.testing.assert_close(scores.sum(1), expected[name], rtol=1e-7, atol=1e-10)


@pytest.mark.parametrize("target", [(1, 2, 0), [(0, 1, 1), (1, 0, 0)]])
def test_a_quantile_of_a_component_at_a_horizon(target):
    model, series = Forecaster().double(), torch.randn(2, 5, 3).double()
    leaf = series.clone().requires_grad_()
    each = target if isinstance(target, list) else [target] * 2

    def values():
        answer = model(leaf)
        return torch.stack([answer[row][one] for row, one in enumerate(each)])

    expected = scores_of(values, [model.layer], leaf)["logit"]
    method = LogitDeltaAttribution(model, model.layer)
    scores = method.attribute(series, target=target, per_step=True)
    torch.testing.assert_close(scores, expected, rtol=1e-7, atol=1e-10)


def test_an_encoder_and_a_decoder():
    model, series = Decoding().double(), torch.randn(2, 6, 3).double()
    lengths = torch.tensor([4, 2])
    leaf, layers = series.clone().requires_grad_(), [model.encoder, model.decoder]
    expected = scores_of(lambda: model(leaf, lengths)[:, 1], layers, leaf)["adjoint"]
    scores = AdjointDeltaAttribution(model, layers).attribute(
        series, target=1, additional_forward_args=lengths, per_step=True
    )
    torch.testing.assert_close(scores, expected, rtol=1e-7, atol=1e-10)
    assert (scores[1, 2:4] == 0).all()
