"""Exact leave-one-out against a loop over tokens, and what can and cannot be cut with a text."""

import pytest
import torch
from torch import nn

from captum_rnn import (
    AdjointDeltaAttribution,
    LeaveOneOutAttribution,
    RecurrentShapleyAttribution,
)
from removal_models import IDS, LENGTHS, Reader


def by_hand(model, target=1, scale=None):
    """One run of the bare model for each token that is left out."""
    scores = torch.zeros(IDS.shape, dtype=torch.float64)
    for row, ids in enumerate(IDS.tolist()):
        words = [word for word in ids if word]
        factor = 1.0 if scale is None else float(scale[row])
        whole = model.of_words(words)
        for place in range(len(words)):
            without = model.of_words(words[:place] + words[place + 1 :])
            # A text without tokens is what the model makes of the initial state, scale and all.
            scores[row, place] = factor * (whole - without)[target]
    return scores


@pytest.mark.parametrize("bidirectional", [False, True])
def test_ids_alone_with_lengths_and_with_a_mask(bidirectional):
    model = Reader(bidirectional)
    expected, scale = by_hand(model), torch.tensor([1.0, -2.0, 0.5, 3.0]).double()
    ways = {
        model.forward: None,
        model.packed: LENGTHS,
        model.marked: (IDS != 0, torch.ones(4).double()),
    }
    for forward, arguments in ways.items():
        method = LeaveOneOutAttribution(forward, model.layer)
        scores = method.attribute(IDS, target=1, additional_forward_args=arguments)
        torch.testing.assert_close(scores, expected, rtol=0, atol=1e-12)
    scaled = LeaveOneOutAttribution(model.marked, model.layer).attribute(
        IDS, target=1, additional_forward_args=(IDS != 0, scale)
    )
    torch.testing.assert_close(scaled, by_hand(model, scale=scale), rtol=0, atol=1e-12)


def test_every_row_has_its_target_and_its_place_in_small_batches():
    model = Reader()
    zero, one = by_hand(model, 0), by_hand(model, 1)
    method = LeaveOneOutAttribution(model, model.layer)
    scores = method.attribute(IDS, target=[1, 0, 0, 1], internal_batch_size=3)
    expected = torch.stack([one[0], zero[1], zero[2], one[3]])
    torch.testing.assert_close(scores, expected, rtol=0, atol=1e-12)


def test_embedded_and_time_first_inputs():
    model, ids = Reader(), IDS[:2, :3]
    expected = LeaveOneOutAttribution(model, model.layer).attribute(ids, target=1)
    embedded = model.embedding(ids).detach()
    shared = LeaveOneOutAttribution(model.read, model.layer).attribute(embedded, target=1)
    torch.testing.assert_close(shared, expected.unsqueeze(2).expand(-1, -1, 4) / 4)
    turned = LeaveOneOutAttribution(lambda t: model(t.t()), model.layer, batch_first=False)
    torch.testing.assert_close(turned.attribute(ids.t(), target=1), expected.t())


def test_a_text_without_tokens_may_be_something_else():
    model = Reader()
    method = LeaveOneOutAttribution(model, model.layer, empty=lambda target: 10.0 + target)
    scores = method.attribute(IDS, target=1)
    assert scores[2, 0] == pytest.approx(float(model.of_words([4])[1]) - 11)
    torch.testing.assert_close(scores[:2], by_hand(model)[:2], rtol=0, atol=1e-12)


def test_padding_that_the_model_reads_is_refused_unless_lengths_tell():
    torch.manual_seed(1)
    model = Reader()

    def at_last_column(ids):
        return model.out(model.head(model.layer(model.embedding(ids))[0][:, -1]))

    def at_lengths(ids, lengths):
        outputs = model.layer(model.embedding(ids))[0]
        return model.out(model.head(outputs[torch.arange(len(ids)), lengths - 1]))

    scores = LeaveOneOutAttribution(at_lengths, model.layer).attribute(
        IDS, target=1, additional_forward_args=LENGTHS, lengths=LENGTHS
    )
    torch.testing.assert_close(scores, by_hand(model), rtol=0, atol=1e-12)
    with pytest.raises(ValueError, match=r"tokens of row 1 alone, but .* it reads padding"):
        LeaveOneOutAttribution(at_last_column, model.layer).attribute(
            IDS, target=1, lengths=LENGTHS
        )


def test_a_model_that_drops_out_is_refused():
    model = Reader()
    model.head.append(nn.Dropout(0.5))
    model.train()
    with pytest.raises(ValueError, match=r"drops out at random; call model.eval\(\)"):
        LeaveOneOutAttribution(model, model.layer).attribute(IDS, target=1)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((torch.zeros(2, 4, 5),), r"additional_forward_args\[0\] has shape \(2, 4, 5\)"),
        ((None, [5, 3, 1, 4]), r"additional_forward_args\[1\] is a list"),
        ((torch.zeros(3),), r"shape \(3,\), which cannot be cut with the tokens of 4 row"),
    ],
)
def test_arguments_that_cannot_be_cut(arguments, words):
    model = Reader()
    method = LeaveOneOutAttribution(lambda ids, *_: model(ids), model.layer)
    with pytest.raises(ValueError, match=words):
        method.attribute(IDS, target=1, additional_forward_args=arguments)


def test_tokens_that_reach_the_output_beside_the_layer_too():
    """What the model makes of the initial state is then no text without tokens."""
    model, ids = Reader(), IDS[:2, :3]
    beside = nn.Linear(4, 2).double()

    def forward(ids):
        embedded = model.embedding(ids)
        return model.read(embedded) + beside(embedded.mean(1))

    with pytest.raises(ValueError, match=r"reach its output beside the layer too.*; pass empty"):
        RecurrentShapleyAttribution(forward, model.layer).attribute(ids, target=1)
    with pytest.raises(ValueError, match=r"reach its output beside the layer too.*; pass empty"):
        LeaveOneOutAttribution(forward, model.layer).attribute(ids[:1, :1], target=1)
    scores = LeaveOneOutAttribution(forward, model.layer).attribute(ids, target=1)
    with torch.no_grad():
        expected = (forward(ids[:, [0, 1, 2]]) - forward(ids[:, [0, 2]]))[:, 1]
    torch.testing.assert_close(scores[:, 1], expected)


def test_a_model_that_takes_no_single_token():
    """Texts without one of their tokens have two and more, which is all that is asked for."""
    model, ids = Reader(), IDS[:2, :3]

    def forward(ids):
        outputs, _ = model.layer(model.embedding(ids))
        return model.out(model.head(outputs[:, -2]))

    scores = LeaveOneOutAttribution(forward, model.layer).attribute(ids, target=1)
    with torch.no_grad():
        expected = (forward(ids) - forward(ids[:, 1:]))[:, 1]
    torch.testing.assert_close(scores[:, 0], expected)


def test_several_inputs_are_refused():
    model = Reader()
    method = LeaveOneOutAttribution(lambda a, b: model(a) + model(b), model.layer)
    with pytest.raises(ValueError, match="inputs holds 2 tensor"):
        method.attribute((IDS, IDS.clone()), target=1)


def test_progress_on_demand(capsys):
    model = Reader()
    method = LeaveOneOutAttribution(model, model.layer)
    method.attribute(IDS, target=1)
    assert capsys.readouterr().err == ""
    method.attribute(IDS, target=1, show_progress=True)
    assert "leaving out" in capsys.readouterr().err


@pytest.mark.parametrize("check", [3, 10])
def test_the_adjoint_delta_is_checked_against_it(check):
    model = Reader()
    adjoint = AdjointDeltaAttribution(model, model.layer, check=check)
    assert adjoint.last_check is None
    scores = adjoint.attribute(IDS, target=1)
    found, exact = adjoint.last_check, by_hand(model)
    assert torch.equal(scores, AdjointDeltaAttribution(model, model.layer).attribute(IDS, target=1))
    assert found.removed.sum(1).tolist() == [min(check, n) for n in LENGTHS.tolist()]
    torch.testing.assert_close(found.exact[found.removed], exact[found.removed])
    assert torch.equal(found.estimated[found.removed], scores[found.removed])
    for row in (0, 1, 3):
        pair = torch.stack([scores[row, found.removed[row]], exact[row, found.removed[row]]])
        expected = torch.corrcoef(pair)[0, 1]
        torch.testing.assert_close(found.correlation[row], expected)
    assert found.correlation[2].isnan()  # of a single token
    with pytest.raises(ValueError, match="check is for skipped tokens"):
        adjoint.attribute(IDS, 1, target=1)
    with pytest.raises(ValueError, match="check is 1; expected 0"):
        AdjointDeltaAttribution(model, model.layer, check=1)


def test_numbers_that_may_be_lengths_are_not_left_as_they_are():
    class MeanOfReal(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding, self.layer = nn.Embedding(9, 4), nn.GRU(4, 3, batch_first=True)
            self.double()

        def forward(self, ids, lengths):
            real = (torch.arange(ids.shape[1]) < lengths[:, None]).unsqueeze(2)
            return (self.layer(self.embedding(ids))[0] * real).sum(1) / real.sum(1)

    model, ids, lengths = MeanOfReal(), torch.randint(9, (2, 4)), torch.tensor([3, 4])
    method = LeaveOneOutAttribution(model, model.layer)
    with pytest.raises(ValueError, match=r"holds \[3, 4\], .* reads \[4, 4\] tokens"):
        method.attribute(ids, target=1, additional_forward_args=(lengths,))
    told = method.attribute(ids, target=1, additional_forward_args=(lengths,), lengths=lengths)
    three = torch.tensor([3])
    whole, without = (
        model(row, three[:1] - cut) for row, cut in ((ids[:1, :3], 0), (ids[:1, 1:3], 1))
    )
    torch.testing.assert_close(told[0, 0], (whole - without)[0, 1].detach())


def test_tokens_that_several_steps_read_are_refused():
    layer, words = nn.GRU(4, 3, batch_first=True), nn.Embedding(9, 4)
    before = nn.Conv1d(4, 4, 3, padding=1)

    def model(ids):
        return layer(before(words(ids).transpose(1, 2)).transpose(1, 2))[0][:, -1]

    with pytest.raises(ValueError, match="several tokens each"):
        LeaveOneOutAttribution(model, layer).attribute(torch.randint(9, (2, 5)), target=1)


@pytest.mark.parametrize("needs", ["a window of three", "statistics of several"])
def test_texts_that_are_too_short_for_the_model_are_named(needs):
    """A window without padding, and a norm over the time, need more than one step."""
    model = Reader()
    behind = nn.Conv1d(5, 5, 3) if needs == "a window of three" else nn.InstanceNorm1d(5)
    behind.double()

    def reads(ids):
        states = behind(model.layer(model.embedding(ids))[0].transpose(1, 2))
        return model.out(model.head(states.amax(2)))

    ids, least = IDS[:1], 3 if needs == "a window of three" else 2
    exact = LeaveOneOutAttribution(reads, model.layer).attribute(ids, target=1)
    for place in range(5):
        rest = torch.cat([ids[:, :place], ids[:, place + 1 :]], 1)
        change = reads(ids)[0, 1] - reads(rest)[0, 1]
        torch.testing.assert_close(exact[0, place], change.detach(), rtol=0, atol=1e-12)
    with pytest.raises(ValueError, match=r"1 token\(s\) \[0\] of row 0.*FeatureAblation"):
        RecurrentShapleyAttribution(reads, model.layer).attribute(ids, target=1)
    with pytest.raises(ValueError, match=rf"fails on the {least - 1} token\(s\)"):
        LeaveOneOutAttribution(reads, model.layer).attribute(ids[:, :least], target=1)
    padded = RecurrentShapleyAttribution(
        lambda ids: reads(ids) if ids.shape[1] >= least else ids.new_zeros(len(ids), 2).double(),
        model.layer,
        empty=lambda target: 0.0,
    )
    scores = padded.attribute(ids, target=1)
    torch.testing.assert_close(scores.sum(1), reads(ids)[:, 1].detach(), rtol=0, atol=1e-9)
