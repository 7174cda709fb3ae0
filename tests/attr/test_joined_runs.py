"""Runs that hand their state on, held against the same network run once over all tokens."""

from functools import partial

import pytest
import torch
from torch import nn

from attribution_methods import FEATURES, RECURRENT, VOCABULARY
from captum_rnn import (
    AdjointDeltaAttribution,
    HiddenStateDeltaAttribution,
    from_cell,
    pack_tokens,
)
from oracle import scores_of
from whole_model import Whole

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
