"""Models that keep a state from run to run, in every room that a module has."""

import threading
from functools import partial

import pytest
import torch
from torch import nn

from captum_rnn import (
    AdjointDeltaAttribution,
    LeaveOneOutAttribution,
    RecurrentShapleyAttribution,
)
from captum_rnn.states.modes import modules_of
from removal_models import IDS, Reader

ROOMS = ["attribute", "private attribute", "dict", "list", "buffer"]


class Keeping(Reader):
    """Begins with what the last run left, if it had as many rows."""

    def __init__(self, room):
        super().__init__()
        self.room, self.state, self._state, self.rooms, self.boxed = room, None, None, {}, [None]
        self.register_buffer("hidden", torch.zeros(1, 1, 5).double())

    @property
    def kept(self):
        """What it keeps (hidden, cells), or None."""
        return {
            "attribute": self.state,
            "private attribute": self._state,
            "dict": self.rooms.get("state"),
            "list": self.boxed[0],
            "buffer": (self.hidden, torch.zeros_like(self.hidden)),
        }[self.room]

    def keep(self, state):
        if self.room == "attribute":
            self.state = state
        elif self.room == "private attribute":
            self._state = state
        elif self.room == "dict":
            self.rooms["state"] = state
        elif self.room == "list":
            self.boxed[0] = state
        else:
            self.hidden = state[0]

    def forward(self, ids):
        state = self.kept
        if state is not None and state[0].shape[1] != len(ids):
            state = None
        _, new = self.layer(self.embedding(ids), state)
        self.keep(tuple(part.detach() for part in new))
        return self.out(self.head(new[0][-1]))


@pytest.mark.parametrize("bound", [True, False])
@pytest.mark.parametrize("room", ROOMS)
@pytest.mark.parametrize("made", [LeaveOneOutAttribution, RecurrentShapleyAttribution])
def test_sub_texts_of_a_model_that_keeps_its_state_are_refused(made, room, bound):
    """Of long texts the full one is the same to rounding, and short sub-texts are not."""
    model, ids = Keeping(room), torch.randint(1, 12, (1, 60))
    with torch.no_grad():
        for weight in model.layer.parameters():
            weight.mul_(0.3)
    method = made(model if bound else lambda ids: model(ids), model.layer)
    for _ in range(2):
        with pytest.raises(ValueError, match="keeps a state from run to run"):
            method.attribute(ids, target=1)


class Drawing(Reader):
    """Draws random numbers, in one of several ways."""

    def __init__(self, how):
        super().__init__()
        self.how, self.dropout = how, nn.Dropout(0.03).eval()

    def forward(self, ids):
        initial = None
        if self.how == "states":
            initial = 1e-6 * torch.randn(2, 1, len(ids), 5).double()
        _, (hidden, _) = self.layer(
            self.embedding(ids), None if initial is None else tuple(initial)
        )
        if self.how == "module":
            hidden = self.dropout(hidden)
        if self.how == "function":
            hidden = nn.functional.dropout(hidden, 0.03, self.training)
        return self.out(self.head(hidden[-1]))


@pytest.mark.parametrize("how", ["module", "function", "states"])
@pytest.mark.parametrize("made", [LeaveOneOutAttribution, RecurrentShapleyAttribution])
def test_random_numbers_are_no_change_by_a_token(made, how):
    """Where a run by chance drops nothing out, others did without a word."""
    model = Drawing(how)
    method = made(model, model.layer)
    expected = made(Drawing("not"), model.layer)
    expected.forward_func.load_state_dict(model.state_dict())
    expected.layer = expected.forward_func.layer
    if how != "states":
        torch.testing.assert_close(
            method.attribute(IDS[:1], target=1), expected.attribute(IDS[:1], target=1)
        )
    model.train()
    for _ in range(10):
        with pytest.raises(ValueError, match=r"at random.*call model.eval\(\)"):
            method.attribute(IDS[:1], target=1)


def test_another_thread_may_draw_meanwhile():
    """The random state is one for all threads."""
    model, done = Drawing("not"), threading.Event()
    expected = LeaveOneOutAttribution(model, model.layer).attribute(IDS[:1], target=1)

    def draw():
        while not done.is_set():
            torch.rand(10)

    thread = threading.Thread(target=draw)
    thread.start()
    try:
        for _ in range(20):
            found = LeaveOneOutAttribution(model, model.layer).attribute(IDS[:1], target=1)
            torch.testing.assert_close(found, expected)
    finally:
        done.set()
        thread.join()


@pytest.mark.parametrize("begun", [False, True])
@pytest.mark.parametrize("room", ROOMS)
def test_what_is_kept_is_that_of_the_explained_run(room, begun):
    """Sub-texts that were run beside it leave nothing behind, also where they are refused."""
    model, ids = Keeping(room), IDS[:1]
    twin = Keeping(room)
    twin.load_state_dict(model.state_dict())
    for each in (model, twin):
        if begun:
            each(ids[:, :2])
    twin(ids)
    with pytest.raises(ValueError, match=r"keeps a state|in its batch"):
        LeaveOneOutAttribution(model, model.layer).attribute(ids, target=1)
    torch.testing.assert_close(model.kept, twin.kept)
    AdjointDeltaAttribution(model, model.layer).attribute(ids, target=1)
    twin(ids)
    torch.testing.assert_close(model.kept, twin.kept)


MODEL = None


def test_functions_hold_the_models_that_they_call():
    """By closures of closures, partial functions, methods, defaults and globals."""
    global MODEL
    model = MODEL = nn.Sequential(nn.Linear(2, 2), nn.ReLU())

    def inner(x):
        return model(x)

    class Calls:
        def method(self, x):
            return MODEL(x)

    functions = [
        inner,
        lambda x: inner(x),
        partial(lambda m, x: m(x), model),
        partial(inner),
        Calls().method,
        model.forward,
        lambda x, held=model: held(x),
        lambda x: MODEL(x),
    ]
    for function in functions:
        assert modules_of(function) == list(model.modules())
    assert modules_of(torch.relu) == []
    MODEL = None
