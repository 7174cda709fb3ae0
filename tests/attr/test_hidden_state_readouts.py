"""What each token is compared with: the final state, one of a position, pooled ones."""

import pytest
import torch
from torch import nn

import reference
from captum_rnn import HiddenStateDeltaAttribution
from models import Classifier
from readers import Reader, make_case

BATCH, TIME, FEATURES = 3, 7, 5


LENGTHS = [4, 7, 1]  # unsorted on purpose


@pytest.mark.parametrize("readout", [2, -2, torch.tensor([2, 0, 3])])
def test_a_position_is_the_final_state_of_the_text_up_to_it(readout):
    layer = nn.LSTM(FEATURES, 6, batch_first=True)
    inputs = torch.randn(BATCH, 5, FEATURES)
    scores = HiddenStateDeltaAttribution(layer, readout=readout).attribute(inputs)
    positions = torch.as_tensor(readout).expand(BATCH) % 5
    for row, position in enumerate(positions.tolist()):
        prefix = HiddenStateDeltaAttribution(layer).attribute(inputs[row, : position + 1])
        torch.testing.assert_close(scores[row, : position + 1], prefix, rtol=0, atol=1e-6)
        assert (scores[row, position + 1 :] == 0).all()


def test_negative_positions_count_from_the_end_of_each_rows_own_tokens():
    layer = nn.GRU(FEATURES, 6, batch_first=True)
    model = Classifier(layer)
    inputs, lengths = torch.randn(BATCH, TIME, FEATURES), torch.tensor(LENGTHS)
    last, final = (
        HiddenStateDeltaAttribution(model, layer, readout=readout).attribute(
            inputs, additional_forward_args=(lengths,)
        )
        for readout in (-1, "final")
    )
    torch.testing.assert_close(last, final)


@pytest.mark.parametrize("readout", ["mean", "max"])
def test_pooled_readouts_of_packed_rows(readout):
    layer = nn.LSTM(FEATURES, 6, batch_first=True, bidirectional=True).double()
    inputs = torch.randn(BATCH, TIME, FEATURES, dtype=torch.float64)
    model = Classifier(layer, readout=readout)
    scores = HiddenStateDeltaAttribution(model, layer, readout=readout).attribute(
        inputs, additional_forward_args=(torch.tensor(LENGTHS),)
    )
    for row, length in enumerate(LENGTHS):
        paths = []
        for path in reference.top_states(layer, inputs[row, :length]):
            pools = [path[1 : step + 1] for step in range(1, length + 1)]
            pooled = [p.mean(0) if readout == "mean" else p.amax(0) for p in pools]
            paths.append(torch.stack([path[0], *pooled]))
        expected = torch.tensor(reference.scores(paths), dtype=torch.float64)
        torch.testing.assert_close(scores[row, :length].sum(-1), expected)


@pytest.mark.parametrize("distance", ["l2", "l1", "linf", "cosine", "projection"])
@pytest.mark.parametrize("readout", ["final", "mean", "max", -1])
def test_every_readout_of_a_two_way_layer_over_padding(readout, distance):
    """The backward direction begins in the state in which the padding left it."""
    layer = nn.GRU(FEATURES, 6, batch_first=True, bidirectional=True).double()
    inputs, lengths = torch.randn(BATCH, TIME, FEATURES).double(), torch.tensor(LENGTHS)
    scores, delta = HiddenStateDeltaAttribution(
        layer, readout=readout, distance=distance
    ).attribute(inputs, lengths=lengths, return_convergence_delta=True)
    assert delta.abs().max() < 1e-10
    for row, length in enumerate(LENGTHS):
        forward, backward = reference.top_states(layer, inputs[row])
        paths = [forward[: length + 1], backward[TIME - length :]]
        if readout == -1:
            paths[1] = paths[1][:2]
        elif readout != "final":
            pool = torch.mean if readout == "mean" else torch.amax
            paths = [
                torch.stack([path[0], *(pool(path[1 : t + 1], 0) for t in range(1, length + 1))])
                for path in paths
            ]
        raw, scale = torch.zeros(length, dtype=torch.float64), 0.0
        for path, backward in zip(paths, (False, True), strict=True):
            part = torch.tensor(reference.scores([path], distance, False), dtype=torch.float64)
            steps = part.flip(0) if backward else part
            raw[length - len(part) :] += steps
            zero = torch.zeros_like(path[-1])
            scale += 1.0 if distance == "cosine" else reference.distance(distance, zero, path[-1])
        torch.testing.assert_close(scores[row, :length].sum(-1), raw / scale)
        assert (scores[row, length:] == 0).all()


def test_a_mean_pooling_classifiers_target_is_what_its_head_reads():
    layer = nn.GRU(FEATURES, 6, batch_first=True)
    inputs = torch.randn(BATCH, TIME, FEATURES)
    pooled = layer(inputs)[0].mean(1)
    raw = HiddenStateDeltaAttribution(layer, readout="mean", normalize=False).attribute(inputs)
    torch.testing.assert_close(raw.sum((1, 2)), pooled.norm(dim=1))


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("readout", ["final", "last", "middle", "mean", "max"])
def test_the_readout_is_taken_from_what_the_model_reads(bidirectional, packed, readout):
    case = make_case("lstm", 2, bidirectional, packed=packed)
    reader = Reader(case.layer, readout)
    ends = torch.tensor(case.ends)
    named = {"last": ends - 1, "middle": ends // 2}.get(readout, readout)
    found, expected = (
        HiddenStateDeltaAttribution(reader, reader.layer, readout=one).attribute(
            case.inputs, additional_forward_args=case.forward_args
        )
        for one in ("auto", named)
    )
    torch.testing.assert_close(found, expected)


def test_a_readout_without_a_name_and_one_that_the_target_contradicts():
    layer, inputs = nn.GRU(3, 4, batch_first=True), torch.randn(2, 5, 3)
    weights = torch.linspace(0, 1, 5).unsqueeze(1)
    attention = HiddenStateDeltaAttribution(
        lambda x: (layer(x)[0] * weights).sum(1), layer, readout="auto"
    )
    with pytest.raises(ValueError, match='readout is "auto", but what the model reads'):
        attention.attribute(inputs)
    tagger = lambda x: layer(x)[0]  # noqa: E731
    with pytest.raises(ValueError, match=r"readout is 'final', .* reads position \[2, 2\]"):
        HiddenStateDeltaAttribution(tagger, layer).attribute(inputs, target=(2, 1))
    named = HiddenStateDeltaAttribution(tagger, layer, readout=2).attribute(inputs, target=(2, 1))
    auto = HiddenStateDeltaAttribution(tagger, layer, readout="auto")
    torch.testing.assert_close(auto.attribute(inputs, target=(2, 1)), named)
