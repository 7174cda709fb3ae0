"""Runs that hand their state on, held against the same network run once over all tokens."""

from functools import partial

import pytest
import torch
from torch import nn

import reference
from attribution_methods import FEATURES, RECURRENT, VOCABULARY
from captum_rnn import (
    AdjointDeltaAttribution,
    HiddenStateDeltaAttribution,
    RecurrentLRPAttribution,
    from_cell,
    pack_tokens,
)
from oracle import scores_of

TIME = 7
REMOVING = ("leave_one_out", "shapley")  # run the model on shorter texts


@pytest.fixture(params=[name for name in RECURRENT if name not in REMOVING])
def method(request):
    return RECURRENT[request.param]


@pytest.fixture
def make(method):
    """For models that read the mean."""
    reads_mean = method is RECURRENT["hidden_state"]
    return partial(HiddenStateDeltaAttribution, readout="mean") if reads_mean else method.make


KINDS = ["rnn_tanh", "lstm", "gru"]


class Whole(nn.Module):
    """Reads all tokens at once, and the mean of the outputs."""

    def __init__(self, kind="lstm", num_layers=2, batch_first=True):
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, FEATURES)
        self.layer = reference.make_layer(
            kind, FEATURES, 6, num_layers=num_layers, batch_first=batch_first
        )
        self.head = nn.Linear(6, 2)
        self.double().eval()

    def run(self, vectors, state=None):
        if not self.layer.batch_first:
            vectors = vectors.transpose(0, 1)
        outputs, state = self.layer(vectors, state)
        return outputs if self.layer.batch_first else outputs.transpose(0, 1), state

    def forward(self, ids):
        return self.head(self.run(self.embedding(ids))[0].mean(1))


def chunks(model, ids):
    outputs, state = [], None
    for chunk in model.embedding(ids).split(3, 1):
        read, state = model.run(chunk, state)
        outputs.append(read)
    return model.head(torch.cat(outputs, 1).mean(1))


def detached_steps(model, ids):
    """Truncated backpropagation: one token at a time, each from a state without history."""
    outputs, state = [], None
    for step in ids.unbind(1):
        read, state = model.run(model.embedding(step).unsqueeze(1), state)
        outputs.append(read)
        parts = state if isinstance(state, tuple) else (state,)
        parts = tuple(part.detach().clone() for part in parts)
        state = parts if isinstance(state, tuple) else parts[0]
    return model.head(torch.cat(outputs, 1).mean(1))


def reordered(model, ids):
    """The second half in another order of rows, as a batch that is sorted anew."""
    first, state = model.run(model.embedding(ids[:, :4]))
    order = torch.tensor([2, 0, 1])
    state = tuple(s[:, order] for s in state) if isinstance(state, tuple) else state[:, order]
    second, _ = model.run(model.embedding(ids[order, 4:]), state)
    return model.head(torch.cat([first, second[order.argsort()]], 1).mean(1))


def buffered(model, ids):
    """The state lies in buffers that are overwritten."""
    kept = None
    outputs = []
    for chunk in model.embedding(ids).chunk(2, 1):
        read, state = model.run(chunk, kept)
        outputs.append(read)
        if kept is None:
            kept = torch.utils._pytree.tree_map(lambda part: part.detach().clone(), state)
        else:
            torch.utils._pytree.tree_map(lambda old, new: old.copy_(new.detach()), kept, state)
    return model.head(torch.cat(outputs, 1).mean(1))


@pytest.mark.usefixtures("in_one_run")
@pytest.mark.parametrize("handing_on", [chunks, detached_steps, reordered, buffered])
@pytest.mark.parametrize("kind", KINDS)
def test_scores_are_those_of_one_run(make, kind, handing_on, ids):
    torch.manual_seed(3)
    model = Whole(kind, batch_first=handing_on is not chunks)
    one, several = make(model, model.layer), make(lambda ids: handing_on(model, ids), model.layer)
    for method in (one, several):
        if hasattr(method, "fit"):
            method.fit([ids], show_progress=False)
    expected = one.attribute(ids, target=1)
    torch.testing.assert_close(several.attribute(ids, target=1), expected, rtol=1e-7, atol=1e-9)


@pytest.mark.usefixtures("in_one_run")
def test_premise_and_hypothesis(make):
    """Each text is an input of its own; the second is read from where the first one ended."""
    model = Whole()
    first, second = torch.randint(VOCABULARY, (3, 4)), torch.randint(VOCABULARY, (3, 3))

    def pair(first, second):
        one, state = model.run(model.embedding(first))
        two, _ = model.run(model.embedding(second), state)
        return model.head(torch.cat([one, two], 1).mean(1))

    together = torch.cat([first, second], 1)
    methods = [make(model, model.layer), make(pair, model.layer)]
    for method, texts in zip(methods, [[together], [((first, second),)]], strict=True):
        if hasattr(method, "fit"):
            method.fit(texts, show_progress=False)
    whole = methods[0].attribute(together, target=1)
    parts = methods[1].attribute((first, second), target=1)
    torch.testing.assert_close(torch.cat(parts, 1), whole, rtol=1e-7, atol=1e-9)


@pytest.mark.usefixtures("in_one_run")
def test_rows_that_are_reset_have_trajectories_of_their_own(method, ids):
    """As a policy's memory at the end of an episode: what came before counts for nothing."""
    torch.manual_seed(4)
    model = Whole("gru", num_layers=1)
    starts = torch.zeros(3, TIME, dtype=torch.bool)
    starts[1, 4], starts[2, 2], starts[2, 5] = True, True, True

    def policy(ids):
        state = torch.zeros(1, len(ids), 6, dtype=torch.float64)
        for t, step in enumerate(model.embedding(ids).unbind(1)):
            state = state * ~starts[:, t].reshape(1, -1, 1)
            output, state = model.run(step.unsqueeze(1), state)
        return model.head(output[:, 0])

    def last(ids):
        return model.head(model.run(model.embedding(ids))[0][:, -1])

    methods = [method.make(forward, model.layer) for forward in (policy, last)]
    for made in methods:
        if hasattr(made, "fit"):
            made.fit([ids], show_progress=False)
    if method.learns_classes:
        methods[1].calibration = methods[0].calibration
    scores = methods[0].attribute(ids, target=1)
    for row, begin in enumerate([0, 4, 5]):
        alone = methods[1].attribute(ids[row : row + 1, begin:], target=1)
        torch.testing.assert_close(scores[row, begin:], alone[0], rtol=1e-7, atol=1e-9)
        assert (scores[row, :begin] == 0).all()


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


@pytest.mark.parametrize("factor", [0.5, 0.0])
def test_zeros_that_relu_leaves_tell_nothing_of_what_is_done_to_them(factor):
    """A unit that is dead for a step: smaller or put back to zero, its state looks handed on."""
    cell, head = nn.RNNCell(3, 2, nonlinearity="relu").double(), nn.Linear(2, 2).double()

    def forward(series):
        state = None
        for number, step in enumerate(series.unbind(1)):
            if state is not None:
                state = state * (factor if number % 2 else 1.0)
            state = cell(step, state)
        return head(state)

    for seed in range(20):
        torch.manual_seed(seed)
        series = torch.randn(1, 4, 3).double()
        leaf = series.clone().requires_grad_()
        expected = scores_of(lambda leaf=leaf: forward(leaf)[:, 1], [cell], leaf)["adjoint"]
        found = AdjointDeltaAttribution(forward, cell).attribute(series, target=1, per_step=True)
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


@pytest.mark.parametrize("kind", KINDS)
def test_parts_under_autocast(kind, ids):
    """Whose states come in bfloat16 from the part before: roughly the scores of one run."""
    torch.manual_seed(7)
    model = Whole(kind).float()

    def stepped(ids):
        state = None
        for part in ids.split(3, 1):
            output, state = model.run(model.embedding(part), state)
        return model.head(output[:, -1])

    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = AdjointDeltaAttribution(stepped, model.layer).attribute(ids, target=1)
    once = lambda ids: model.head(model.run(model.embedding(ids))[0][:, -1])  # noqa: E731
    expected = AdjointDeltaAttribution(once, model.layer).attribute(ids, target=1)
    assert found.dtype == torch.float32
    assert (found - expected).abs().max() <= 0.1 * expected.abs().max()


@pytest.mark.parametrize("cell", [nn.RNNCell, nn.LSTMCell, nn.GRUCell])
def test_a_cell_that_carries_its_state_over_padding(method, cell, ids):
    """The same as a layer that never reads the padding, wherever it stands."""
    torch.manual_seed(6)
    model, steps = Whole("gru", num_layers=1), cell(FEATURES, 6).double()
    layer = from_cell(steps)
    ids = ids.masked_fill(torch.tensor([[0, 0, 1, 1, 0, 0, 0]] * 2 + [[0] * 5 + [1] * 2]) == 1, 0)

    def carrying(ids):
        state = torch.zeros(len(ids), 6).double()
        state = (state, state) if cell is nn.LSTMCell else state
        for token in ids.unbind(1):
            new, keep = steps(model.embedding(token), state), (token != 0).unsqueeze(1)
            if cell is nn.LSTMCell:
                state = tuple(torch.where(keep, *parts) for parts in zip(new, state, strict=True))
            else:
                state = torch.where(keep, new, state)
        return model.head(state[0] if cell is nn.LSTMCell else state)

    def skipping(ids):
        final = layer(pack_tokens(model.embedding(ids), ids != 0))[1]
        return model.head(final[0][-1] if cell is nn.LSTMCell else final[-1])

    torch.testing.assert_close(carrying(ids), skipping(ids))
    of_states = method is RECURRENT["hidden_state"]
    if of_states:
        with pytest.raises(ValueError, match=r"reads position \[.*auto"):
            method.make(carrying, steps).attribute(ids)
    options = {"readout": "auto"} if of_states else {}
    methods = [method.make(*of, **options) for of in ((carrying, steps), (skipping, layer))]
    if method.removes or method.learns_classes or method is RECURRENT["lower_layer"]:
        return
    found, expected = (made.attribute(ids, target=1) for made in methods)
    torch.testing.assert_close(found, expected, rtol=1e-7, atol=1e-9)
    assert (found[ids == 0] == 0).all()


@pytest.mark.usefixtures("in_one_run")
@pytest.mark.parametrize("cell", [nn.RNNCell, nn.LSTMCell, nn.GRUCell])
def test_a_cell_in_a_loop_is_a_layer_over_all_steps(make, cell, ids):
    torch.manual_seed(5)
    model = Whole("gru", num_layers=1)
    steps, starts_from_zeros = cell(FEATURES, 6).double(), cell is nn.GRUCell
    layer = from_cell(steps)

    def loop(ids):
        outputs, state = [], torch.zeros(3, 6).double() if starts_from_zeros else None
        vectors = model.embedding(ids)
        for t in range(TIME):
            state = steps(vectors[:, t], state)
            outputs.append(state[0] if isinstance(state, tuple) else state)
        return model.head(torch.stack(outputs, 1).mean(1))

    def whole(ids):
        return model.head(layer(model.embedding(ids))[0].mean(1))

    methods = [make(whole, layer), make(loop, steps)]
    for method in methods:
        if hasattr(method, "fit"):
            method.fit([ids], show_progress=False)
    expected, found = (method.attribute(ids, target=1) for method in methods)
    torch.testing.assert_close(found, expected, rtol=1e-7, atol=1e-9)
