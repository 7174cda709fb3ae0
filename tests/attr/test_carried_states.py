"""Models that carry their state over padding, beside twins that never read it."""

import pytest
import torch
from torch import nn

from captum_rnn import (
    AdjointDeltaAttribution,
    CalibratedDeltaAttribution,
    HiddenStateDeltaAttribution,
    LeaveOneOutAttribution,
    LogitDeltaAttribution,
    RecurrentShapleyAttribution,
    pack_tokens,
)

BEHIND = torch.tensor([[3, 4, 5, 6], [8, 9, 2, 0], [5, 2, 0, 0]])
IN_FRONT = torch.tensor([[3, 4, 5, 6], [0, 8, 9, 2], [0, 0, 5, 2]])
BETWEEN = torch.tensor([[3, 0, 5, 6], [8, 9, 0, 2], [5, 0, 0, 2]])
COLUMN_IN_FRONT, COLUMN_BETWEEN = IN_FRONT[1:], BETWEEN[1:]
COLUMN_BEHIND = BEHIND[1:]
BATCHES = {
    "behind": BEHIND,
    "in front": IN_FRONT,
    "between": BETWEEN,
    "a column in front": COLUMN_IN_FRONT,
    "a column between": COLUMN_BETWEEN,
    "a column behind": COLUMN_BEHIND,
}


class Carrying(nn.Module):
    """Calls a layer, or a cell, for each token, and keeps the old state where there is none."""

    def __init__(self, by_cell=False):
        super().__init__()
        torch.manual_seed(0)
        self.embedding = nn.Embedding(12, 6)
        self.layer = nn.GRU(6, 5, batch_first=True).double()
        self.cell = nn.GRUCell(6, 5).double()
        self.cell.load_state_dict(
            {name.removesuffix("_l0"): value for name, value in self.layer.state_dict().items()}
        )
        self.head = nn.Linear(5, 2).double()
        self.embedding.double()
        self.by_cell = by_cell

    @property
    def read(self):
        return self.cell if self.by_cell else self.layer

    def forward(self, ids):
        vectors, state = self.embedding(ids), torch.zeros(len(ids), 5).double()
        for time in range(ids.shape[1]):
            if self.by_cell:
                new = self.cell(vectors[:, time], state)
            else:
                new = self.layer(vectors[:, time : time + 1], state.unsqueeze(0))[1][0]
            state = torch.where((ids[:, time] != 0).unsqueeze(1), new, state)
        return self.head(state)


class Skipping(Carrying):
    """The same function, whose layer never sees padding."""

    def forward(self, ids):
        packed = pack_tokens(self.embedding(ids), ids != 0)
        return self.head(self.layer(packed)[1][-1])


METHODS = {
    "hidden": lambda model: HiddenStateDeltaAttribution(model, model.read, readout="auto"),
    "adjoint": lambda model: AdjointDeltaAttribution(model, model.read),
    "logit": lambda model: LogitDeltaAttribution(model, model.read),
    "calibrated": lambda model: CalibratedDeltaAttribution(model, model.read).fit([BEHIND]),
    "leave one out": lambda model: LeaveOneOutAttribution(model, model.read),
    "shapley": lambda model: RecurrentShapleyAttribution(model, model.read),
}


@pytest.mark.parametrize("by_cell", [False, True])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("batch", BATCHES)
def test_scores_are_those_of_a_model_that_skips_padding(batch, method, by_cell):
    ids, (model, twin) = BATCHES[batch], (Carrying(by_cell), Skipping())
    if method == "calibrated":
        twin_method, found = METHODS[method](twin), METHODS[method](model)
        torch.testing.assert_close(
            found.calibration.vectors, twin_method.calibration.vectors, rtol=0, atol=1e-6
        )
        found, expected = (each.attribute(ids, target=1) for each in (found, twin_method))
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)
    else:
        found = METHODS[method](model).attribute(ids, target=1)
        expected = METHODS[method](twin).attribute(ids, target=1)
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-10)
    assert (found[ids == 0] == 0).all()


def test_a_readout_that_was_settled_does_not_hide_a_column_of_padding():
    """After texts of many lengths without one, a first column that is all padding scores 0."""
    model, twin = Carrying(), Skipping()
    hidden = HiddenStateDeltaAttribution(model, model.layer)
    for ids in (BEHIND[:1, :2], BEHIND[:1, :3], BEHIND[:1], IN_FRONT, COLUMN_IN_FRONT):
        expected = HiddenStateDeltaAttribution(twin, twin.layer).attribute(ids)
        torch.testing.assert_close(hidden.attribute(ids), expected, rtol=0, atol=1e-10)


def test_a_calibration_that_saw_one_token_at_a_time_asks_about_more():
    model, twin = Carrying(), Skipping()
    found, expected = (METHODS["calibrated"](each) for each in (model, twin))
    for ids in (BEHIND[:1, :1], IN_FRONT[:, 2:], COLUMN_IN_FRONT):
        scores, of_twin = (each.attribute(ids, target=1) for each in (found, expected))
        torch.testing.assert_close(scores, of_twin, rtol=0, atol=1e-6)


@pytest.mark.parametrize("masked", [False, True])
def test_tokens_behind_a_position_move_there_when_one_is_removed(masked):
    """Of a tagger that calls its cell by steps, which reads the later ones as much as any."""
    model = Carrying(by_cell=True)

    def at_once(ids):
        return model.head(model.layer(model.embedding(ids))[0])

    def by_steps(ids):
        state, answers = torch.zeros(len(ids), 5).double(), []
        for time in range(ids.shape[1]):
            new = model.cell(model.embedding(ids[:, time]), state)
            state = torch.where((ids[:, time] != 0).unsqueeze(1), new, state) if masked else new
            answers.append(model.head(state))
        return torch.stack(answers, 1)

    ids = torch.tensor([[3, 4, 5, 6, 7], [8, 9, 2, 2, 1]])
    for target in ((2, 1), [(2, 1), (1, 0)]):
        found = LeaveOneOutAttribution(by_steps, model.cell).attribute(ids, target=target)
        expected = LeaveOneOutAttribution(at_once, model.layer).attribute(ids, target=target)
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-10)


def test_a_calibration_of_a_model_that_reads_a_state_in_the_midst():
    """Steps behind it are tokens as they are of a layer that is called once."""
    model = Carrying(by_cell=True)

    def at_once(ids):
        return model.head(model.layer(model.embedding(ids))[0][:, 1])

    def by_steps(ids):
        state, states = None, []
        for vectors in model.embedding(ids).unbind(1):
            state = model.cell(vectors, state)
            states.append(state)
        return model.head(states[1])

    ids = torch.tensor([[3, 4, 5, 6, 7], [8, 9, 2, 2, 1]])
    found, expected = (
        CalibratedDeltaAttribution(forward, layer).fit([ids]).attribute(ids, target=1)
        for forward, layer in ((by_steps, model.cell), (at_once, model.layer))
    )
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("method", ["hidden", "adjoint", "logit", "calibrated"])
def test_lengths_may_be_told(method):
    model, lengths = Carrying(), torch.tensor([4, 3, 2])
    attribution = METHODS[method](model)
    told = attribution.attribute(BEHIND, target=1, lengths=lengths)
    torch.testing.assert_close(told, attribution.attribute(BEHIND, target=1))


@pytest.mark.parametrize("method", ["hidden", "adjoint", "logit"])
def test_lengths_that_end_before_what_is_read_are_refused(method):
    model = Carrying()
    with pytest.raises(ValueError, match=r"row 0 has 2 token\(s\) .* state after step 3"):
        METHODS[method](model).attribute(BEHIND, target=1, lengths=torch.tensor([2, 3, 2]))


def test_the_last_state_behind_padding_is_not_that_at_the_lengths():
    """The layer reads the padding, and the head what came of it."""
    model, lengths = Skipping(), torch.tensor([4, 3, 2])

    def reads_last(ids):
        return model.head(model.layer(model.embedding(ids))[1][-1])

    for kind in (AdjointDeltaAttribution, LogitDeltaAttribution, HiddenStateDeltaAttribution):
        with pytest.raises(ValueError, match=r"row 1 has 3 token\(s\) .* state after step 3"):
            kind(reads_last, model.layer).attribute(BEHIND, target=1, lengths=lengths)


class Masked(nn.GRU):
    """Keeps its state where the mask is False."""

    def forward(self, vectors, hx=None, mask=None):
        state = vectors.new_zeros(1, len(vectors), 5) if hx is None else hx
        outputs = []
        for time in range(vectors.shape[1]):
            _, new = super().forward(vectors[:, time : time + 1], state)
            state = torch.where(mask[:, time].view(1, -1, 1), new, state)
            outputs.append(state[0])
        return torch.stack(outputs, 1), state


class Stateless(Masked):
    """Takes the mask where a layer of torch takes its state."""

    def forward(self, vectors, mask):
        return super().forward(vectors, None, mask)


def reads_last(kind):
    twin = Skipping()
    masked = kind(6, 5, batch_first=True).double()
    masked.load_state_dict(twin.layer.state_dict())

    def forward(ids):
        state = (None,) if kind is Masked else ()
        return twin.head(masked(twin.embedding(ids), *state, ids != 0)[1][-1])

    return forward, masked, twin


@pytest.mark.parametrize("read", ["last state", "last output"])
@pytest.mark.parametrize("kind", [AdjointDeltaAttribution, HiddenStateDeltaAttribution])
def test_a_layer_that_carries_its_state_itself_may_be_told_lengths(kind, read):
    """Its last state is that at the lengths."""
    forward, masked, twin = reads_last(Masked)

    def last_output(ids):
        return twin.head(masked(twin.embedding(ids), None, ids != 0)[0][:, -1])

    model = forward if read == "last state" else last_output
    told = kind(model, masked).attribute(BEHIND, target=1, lengths=torch.tensor([4, 3, 2]))
    expected = kind(twin, twin.layer).attribute(BEHIND, target=1)
    torch.testing.assert_close(told, expected)
    with pytest.raises(ValueError, match=r"row 0 has 2 token\(s\) .* state after step 3"):
        kind(model, masked).attribute(BEHIND, target=1, lengths=torch.tensor([2, 3, 2]))


def test_a_mask_in_the_place_of_the_state_is_no_state():
    forward, masked, twin = reads_last(Stateless)
    hidden = HiddenStateDeltaAttribution(forward, masked).attribute(IN_FRONT)
    expected = HiddenStateDeltaAttribution(twin, twin.layer).attribute(IN_FRONT)
    torch.testing.assert_close(hidden, expected, rtol=0, atol=1e-10)
    with pytest.raises(ValueError, match="cannot be followed by calling it one step at a time"):
        AdjointDeltaAttribution(forward, masked).attribute(BEHIND, target=1)
