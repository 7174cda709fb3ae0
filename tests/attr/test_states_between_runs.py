"""Runs of a layer that do not go on from each other, or from something else than a state."""

import pytest
import torch
from torch import nn

from attribution_methods import FEATURES, RECURRENT
from captum_rnn import (
    AdjointDeltaAttribution,
    HiddenStateDeltaAttribution,
    RecurrentLRPAttribution,
)
from whole_model import Whole

KINDS = ["rnn_tanh", "lstm", "gru"]


def test_runs_that_are_no_single_one(make, ids):
    model = Whole("gru", num_layers=1)

    def twice_from_one_state(ids):
        _, state = model.run(model.embedding(ids[:, :3]))
        one, _ = model.run(model.embedding(ids[:, 3:5]), state)
        other, _ = model.run(model.embedding(ids[:, 5:]), state)
        return model.head(one[:, -1] + other[:, -1])

    with pytest.raises(ValueError, match="two runs of GRU go on from one state"):
        make(twice_from_one_state, model.layer).attribute(ids, target=1)
    both = nn.GRU(FEATURES, 3, batch_first=True, bidirectional=True).double()

    def both_ways(ids):
        _, state = both(model.embedding(ids[:, :3]))
        return model.head(both(model.embedding(ids[:, 3:]), state)[0].mean(1))

    with pytest.raises(ValueError, match="GRU reads in both directions and goes on"):
        make(both_ways, both).attribute(ids, target=1)


def decayed(state, of_rows):
    return torch.where(of_rows.view(1, -1, 1), 0.5 * state, state)


BETWEEN = {
    "decay": lambda state: 0.9 * state,
    "decay of some rows": lambda state: decayed(state, torch.tensor([False, True, False])),
    "residual": lambda state: state + state.roll(1, 2),
    "written in part": lambda state: torch.zeros_like(state).index_copy(
        2, torch.arange(3), state[..., :3]
    ),
    "detached": lambda state: 0.9 * state.detach(),
}
HELD_FIXED = ["hidden_state", "calibrated", "logit"]


@pytest.mark.parametrize("between", BETWEEN)
@pytest.mark.parametrize("name", HELD_FIXED)
def test_what_stands_between_runs_is_no_single_run(name, between, ids):
    """Methods that go through nothing say so, with or without a graph to tell it by."""
    model = Whole("gru", num_layers=1)

    def forward(ids):
        _, state = model.run(model.embedding(ids[:, :3]))
        _, state = model.run(model.embedding(ids[:, 3:]), BETWEEN[between](state))
        return model.head(state[-1])

    options = {"head": model.head} if name == "logit" else {}
    made = RECURRENT[name].make(forward, model.layer, **options)
    with pytest.raises(ValueError, match="AdjointDeltaAttribution"):
        made.attribute(ids, target=1)
    if name == "calibrated" and between != "detached":
        with pytest.raises(ValueError, match="AdjointDeltaAttribution"):
            made.fit([ids])


@pytest.mark.parametrize("made", [AdjointDeltaAttribution, RecurrentLRPAttribution])
@pytest.mark.parametrize("kind", ["gru", "lstm"])
def test_a_state_that_is_changed_and_detached_hides_what_came_before(made, kind, ids):
    """As in truncated backpropagation; handed on as it is, detached or not, runs are joined."""
    model = Whole(kind, num_layers=1)

    def forward(ids, factor):
        _, state = model.run(model.embedding(ids[:, :3]))
        states = state if isinstance(state, tuple) else (state,)
        *kept, last = states
        handed = (*kept, factor * last.detach())
        _, state = model.run(model.embedding(ids[:, 3:]), handed if kept else handed[0])
        return model.head((state[0] if kept else state)[-1])

    method = made(forward, model.layer)
    with pytest.raises(ValueError, match="detaches from it"):
        method.attribute(ids, target=1, additional_forward_args=(0.9,))
    found = method.attribute(ids, target=1, additional_forward_args=(1.0,))

    def once(ids):
        state = model.run(model.embedding(ids))[1]
        return model.head((state[0] if isinstance(state, tuple) else state)[-1])

    expected = made(once, model.layer).attribute(ids, target=1)
    torch.testing.assert_close(found, expected, rtol=1e-7, atol=1e-9)


def test_a_run_that_nothing_is_read_of(ids):
    """Every second token goes on from the last but one; the last state is read."""
    model = Whole("gru", num_layers=1)

    def forward(ids):
        states = [torch.zeros(1, len(ids), 6, dtype=torch.float64)] * 2
        for token in ids.split(1, 1):
            states.append(model.run(model.embedding(token), states[-2])[1])
        return model.head(states[-1][-1])

    def once(ids):
        return model.head(model.run(model.embedding(ids))[1][-1])

    for kind in (HiddenStateDeltaAttribution, AdjointDeltaAttribution):
        scores = kind(forward, model.layer).attribute(ids, target=1)
        expected = kind(once, model.layer).attribute(ids[:, ::2], target=1)
        torch.testing.assert_close(scores[:, ::2], expected, rtol=1e-7, atol=1e-9)
        assert (scores[:, 1::2] == 0).all()
    found = HiddenStateDeltaAttribution(forward, model.layer, readout="auto").attribute(ids)
    assert (found[:, 1::2] == 0).all()


@pytest.mark.parametrize("name", HELD_FIXED)
def test_runs_that_begin_alike_are_texts_of_their_own(name, ids):
    """Two texts that a learnt state stands before, one read after the other."""
    model = Whole("gru", num_layers=1)
    learnt = nn.Parameter(torch.randn(1, 1, 6).double())

    def forward(first, second):
        begun = learnt.expand(-1, len(first), -1).contiguous()
        states = [model.run(model.embedding(text), begun)[1][-1] for text in (first, second)]
        return model.head(states[0] * states[1].tanh())

    options = {"head": model.head} if name == "logit" else {}
    made = RECURRENT[name].make(forward, model.layer, **options)
    both = made.attribute((ids[:, :3], ids[:, 3:]), target=1)
    if name == "hidden_state":
        alone = RECURRENT[name].make(lambda text: forward(text, ids[:, 3:]), model.layer)
        expected = alone.attribute(ids[:, :3])
        torch.testing.assert_close(both[0], expected, rtol=1e-7, atol=1e-9)
    assert [scores.shape for scores in both] == [(3, 3), (3, 4)]
