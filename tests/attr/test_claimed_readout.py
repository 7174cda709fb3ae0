"""A readout that the classifier contradicts: an error that names the right one, or the lengths."""

import pytest
import torch
from torch import nn

from captum_rnn import HiddenStateDeltaAttribution
from models import Classifier

WORDS, PAD, TIME = 40, 7, 5
LENGTHS = torch.tensor([4, 5, 4])


class Reading(nn.Module):
    """Reads a state of its layer by name; rows end where `PAD` begins."""

    def __init__(self, reads, directions=1):
        super().__init__()
        self.reads = reads
        self.embedding = nn.Embedding(WORDS, 3)
        self.layer = nn.LSTM(3, 4, 2, batch_first=True, bidirectional=directions == 2)
        self.head = nn.Linear(4, 2)
        self.double()

    def forward(self, ids):
        outputs, (hidden, cells) = self.layer(self.embedding(ids))
        if self.reads in ("end", "masked mean", "masked max"):
            return self.within(outputs, (ids != PAD).unsqueeze(2))
        if self.reads == "attention":
            return self.head((outputs * outputs.sum(2, keepdim=True).softmax(1)).sum(1))
        states = {
            "final": hidden[-1],
            "cells": cells[-1],
            "lower": hidden[0],
            "forward": hidden[-2],
        }
        pools = {"mean": outputs.mean(1), "max": outputs.amax(1), "third": outputs[:, 2:3].sum(1)}
        return self.head((states if self.reads in states else pools)[self.reads])

    def within(self, outputs, is_token):
        if self.reads == "end":
            return self.head(outputs[torch.arange(len(outputs)), is_token.sum((1, 2)) - 1])
        if self.reads == "masked mean":
            return self.head((outputs * is_token).sum(1) / is_token.sum(1))
        return self.head(outputs.masked_fill(~is_token, -torch.inf).amax(1))


@pytest.fixture
def full():
    return torch.randint(8, WORDS, (3, TIME))


@pytest.fixture
def short(full):
    return full.masked_fill(torch.arange(TIME) >= LENGTHS[:, None], PAD)


def delta(model, **options):
    return HiddenStateDeltaAttribution(model, model.layer, **options)


NAMES = {"final": "final", "mean": "mean", "max": "max", "third": 2}


@pytest.mark.parametrize("claimed", [*NAMES.values(), -1, -3, torch.tensor([2, 2, 2])])
@pytest.mark.parametrize("reads", NAMES)
@pytest.mark.parametrize("inferring", [False, True])
def test_what_is_read_by_name(full, reads, claimed, inferring):
    model = Reading(reads)
    right = {"final": ["final", -1], "third": [2, -3]}.get(reads, [reads])
    fits = reads == "third" if isinstance(claimed, torch.Tensor) else claimed in right
    method = delta(model, readout=claimed)
    with torch.inference_mode(inferring):
        if not fits:
            named = r"position \[2, 2, 2\]" if reads == "third" else reads
            with pytest.raises(ValueError, match=f"the model reads {named}"):
                method.attribute(full)
            return
        found = method.attribute(full)
    torch.testing.assert_close(found, delta(model, readout="auto").attribute(full))


def test_the_error_comes_with_each_call_and_goes_with_the_readout(full):
    model = Reading("mean")
    method = delta(model)
    for _ in range(2):
        with pytest.raises(ValueError, match="the model reads mean"):
            method.attribute(full)
    method.readout = "mean"
    assert method.attribute(full).shape == full.shape


def test_texts_of_one_word_leave_the_readout_open(full):
    method = delta(Reading("mean"))
    assert method.attribute(full[:, :1]).shape == (3, 1)
    with pytest.raises(ValueError, match="the model reads mean"):
        method.attribute(full)


def test_each_class_and_each_mode_may_read_otherwise(full):
    """Two heads of one model, and a model that pools in training mode."""
    model = Reading("final")

    def tasks(ids):
        outputs = model.layer(model.embedding(ids))[0]
        read = outputs.mean(1) if model.training else outputs[:, -1]
        return torch.stack([read.sum(1), outputs.mean(1).sum(1)], 1)

    model.eval()
    method = HiddenStateDeltaAttribution(tasks, model.layer)
    method.attribute(full, target=0)
    with pytest.raises(ValueError, match="the model reads mean"):
        method.attribute(full, target=1)
    model.train()
    with pytest.raises(ValueError, match="the model reads mean"):
        method.attribute(full, target=0)


@pytest.mark.parametrize("inferring", [False, True])
@pytest.mark.parametrize(
    ("reads", "claimed", "named"),
    [
        ("end", "final", r"position \[3, 4, 3\]"),
        ("end", -1, r"position \[3, 4, 3\]"),
        ("masked mean", "mean", r"mean of the first \[4, 5, 4\] steps"),
        ("masked mean", "final", r"mean of the first \[4, 5, 4\] steps"),
        ("masked max", "final", r"max of the first"),
    ],
)
def test_padding_by_any_id_after_texts_without_any(full, short, reads, claimed, named, inferring):
    """One token of padding, whose id shows nothing, in a later batch than the first."""
    model = Reading(reads)
    method = delta(model, readout=claimed)
    with torch.inference_mode(inferring):
        if claimed in ("mean", -1) or reads == "end":
            method.attribute(full)
        with pytest.raises(ValueError, match=named):
            method.attribute(short)


@pytest.mark.parametrize("reads", ["masked mean", "masked max", "end"])
def test_the_lengths_that_the_error_names(short, reads):
    model = Reading(reads)
    readout = {"end": "final"}.get(reads, reads.split()[-1])
    scores = delta(model, readout=readout).attribute(short, lengths=LENGTHS)
    for row, length in enumerate(LENGTHS.tolist()):
        alone = delta(model, readout=readout).attribute(short[row : row + 1, :length])
        torch.testing.assert_close(scores[row, :length], alone[0])


@pytest.mark.parametrize(
    ("reads", "directions", "option"),
    [("cells", 1, 'state="cell"'), ("lower", 1, "layer_index=0"), ("forward", 2, 'direction="f')],
)
def test_states_that_are_read_instead(full, reads, directions, option):
    model = Reading(reads, directions)
    with pytest.raises(ValueError, match=f"pass {option}"):
        delta(model).attribute(full)
    name = option.partition("=")[0]
    chosen = {"state": "cell", "layer_index": 0, "direction": "forward"}[name]
    assert delta(model, **{name: chosen}).attribute(full).shape == full.shape


def test_what_has_no_name_contradicts_nothing(full):
    model = Reading("attention")
    for readout in ("final", "mean", "max", 2):
        assert delta(model, readout=readout).attribute(full).shape == full.shape


def test_the_head_is_asked_once(full):
    """Unless the model makes something of its ids that may tell where rows end."""
    for model, each in (
        (Classifier(nn.GRU(3, 4, batch_first=True), WORDS), False),
        (Reading("end"), True),
    ):
        asked = []
        model.head.register_forward_hook(
            lambda *_, seen=asked: seen.append(torch.is_grad_enabled())
        )
        method = delta(model)
        for _ in range(3):
            method.attribute(full)
        assert asked == ([True] * 3 if each else [True, False, False])


def test_another_state_on_purpose(full):
    """A function without a graph claims nothing."""
    model = Reading("mean")
    function = lambda ids: model(ids).detach()  # noqa: E731
    scores = HiddenStateDeltaAttribution(function, model.layer).attribute(full)
    vectors = model.embedding(full).detach()
    alone = HiddenStateDeltaAttribution(model.layer).attribute(vectors)
    torch.testing.assert_close(scores, alone.sum(2))


def test_a_function_that_takes_no_graph(full):
    model = Classifier(nn.GRU(3, 4, batch_first=True), WORDS)
    counting = lambda ids: torch.from_numpy(model(ids).numpy())  # noqa: E731
    scores = HiddenStateDeltaAttribution(counting, model.layer).attribute(full)
    torch.testing.assert_close(scores, delta(model).attribute(full))


def test_a_model_that_was_made_in_inference_mode(full):
    with torch.inference_mode():
        model = Reading("final")
        with pytest.warns(UserWarning, match="cannot be asked"):
            scores = delta(model).attribute(full)
        with pytest.raises(ValueError, match="no_grad"):
            delta(model, readout="auto").attribute(full)
    torch.testing.assert_close(scores.sum(1), torch.ones(3).double())
