"""What a model reads, and is run beside, once tokens are removed."""

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

from captum_rnn import (
    LeaveOneOutAttribution,
    RecurrentShapleyAttribution,
    pack_tokens,
)
from captum_rnn.attr.removal_check import correlations
from removal_models import IDS, Reader


@pytest.mark.parametrize("rows", [1, 2])
@pytest.mark.parametrize("made", [LeaveOneOutAttribution, RecurrentShapleyAttribution])
def test_answers_that_depend_on_the_other_texts_of_a_batch(made, rows):
    """Sub-texts run together would count as each other's companions."""
    model, ids = Reader(), IDS[[0, 0], :4]
    ids = torch.cat([ids[:1], ids[1:].flip(1)])[:rows]

    def centred(ids):
        states = model.layer(model.embedding(ids))[1][0][-1]
        return model.out(model.head(states - states.mean(0) * (len(states) > 2)))

    def normalised(ids):
        states = model.layer(model.embedding(ids))[1][0][-1]
        return model.out(model.head(states - 0.5 * states.mean(0)))

    with pytest.raises(ValueError, match=r"together|alone"):
        made(normalised, model.layer).attribute(ids, target=1)
    scores = made(centred, model.layer).attribute(ids[:1], target=1, internal_batch_size=1)
    plain = made(model, model.layer).attribute(ids[:1], target=1)
    torch.testing.assert_close(scores, plain, rtol=0, atol=1e-12)


def cut_after_three(model, ids):
    return model.layer(model.embedding(ids[:, :3]))[1][0][-1]


def stopped_early(model, ids):
    """Steps on until a unit of the state is above a bound; each row by itself."""
    state, done = None, torch.zeros(len(ids), 1, dtype=torch.bool)
    for token in ids.split(1, 1):
        _, new = model.layer(model.embedding(token), state)
        kept = new if state is None else state
        state = tuple(torch.where(done, *parts) for parts in zip(kept, new, strict=True))
        done = done | (state[0][0, :, :1] > 0.1)
    return state[0][-1]


def test_a_model_that_stops_early_reads_on_once_a_token_is_removed():
    model, ids = Reader(), torch.tensor([[3, 7, 2, 1, 9], [5, 2, 8, 4, 6]])

    def forward(ids):
        return model.out(model.head(stopped_early(model, ids)))

    scores = LeaveOneOutAttribution(forward, model.layer).attribute(ids, target=1)
    without = [torch.cat([ids[:, :t], ids[:, t + 1 :]], 1) for t in range(5)]
    with torch.no_grad():
        expected = torch.stack([forward(ids) - forward(rest) for rest in without], 1)[..., 1]
    torch.testing.assert_close(scores, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("made", [LeaveOneOutAttribution, RecurrentShapleyAttribution])
def test_tokens_that_take_the_place_of_removed_ones(made):
    model, ids = Reader(), torch.tensor([[3, 7, 2, 1, 9]])

    def forward(ids):
        return model.out(model.head(cut_after_three(model, ids)))

    with pytest.raises(ValueError, match="of row 0, and others once one of them is removed"):
        made(forward, model.layer).attribute(ids, target=1)
    every_second = lambda ids: model(ids[:, ::2])  # noqa: E731
    with pytest.raises(ValueError, match=r"\[0\] of row 0, and others once one"):
        made(every_second, model.layer).attribute(ids[:, :2], target=1)


def test_a_step_that_a_maximum_leaves_unread_is_no_padding():
    """Its outputs are the largest once others are left out; a maximum's places tell no padding."""
    model = Reader()

    def by_steps(ids):
        outputs, state = [], None
        for token in ids.split(1, 1):
            output, state = model.layer(model.embedding(token), state)
            outputs.append(output)
        return model.out(model.head(torch.cat(outputs, 1).max(1).values))

    def at_once(ids):
        return model.out(model.head(model.layer(model.embedding(ids))[0].amax(1)))

    for ids in torch.randint(1, 12, (8, 1, 3)):
        for made in (LeaveOneOutAttribution, RecurrentShapleyAttribution):
            found, expected = (
                made(forward, model.layer).attribute(ids, target=1)
                for forward in (by_steps, at_once)
            )
            torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


def packed_by(count):
    def forward(model, vectors, is_word):
        lengths = count(is_word)
        packed = pack_padded_sequence(vectors, lengths, True, enforce_sorted=False)
        return model.read(packed)

    return forward


READS_MASKS = {
    "packed": packed_by(lambda is_word: is_word.sum(1)),
    "one step at least": packed_by(lambda is_word: is_word.sum(1).clamp(min=1)),
}


@pytest.mark.parametrize("name", READS_MASKS)
@pytest.mark.parametrize("made", [LeaveOneOutAttribution, RecurrentShapleyAttribution])
def test_padding_of_any_vectors_behind_a_single_word_is_no_text(made, name):
    model, vectors = Reader(), torch.randn(2, 3, 4).double()
    is_word = torch.tensor([[True, False, False], [True, True, True]])
    method = made(lambda *given: READS_MASKS[name](model, *given), model.layer)
    scores = method.attribute(vectors, 1, is_word, per_step=True)
    with torch.no_grad():
        change = READS_MASKS[name](model, vectors[:1, :1], is_word[:1, :1])[0, 1] - model.empty()[1]
    torch.testing.assert_close(scores[0], torch.stack([change, *2 * [0 * change]]))
    alone = method.attribute(vectors[1:], 1, is_word[1:], per_step=True)
    torch.testing.assert_close(scores[1:], alone)


def masked_mean(model):
    def forward(ids):
        outputs, _ = model.layer(model.embedding(ids))
        is_word = (ids != 0).double().unsqueeze(2)
        mean = (outputs * is_word).sum(1) / is_word.sum(1)
        return model.out(model.head(mean))

    return forward


def test_sets_of_padding_alone_are_not_asked_for():
    """Of a mask over padding that the layer reads, the mean of nothing would be the answer."""
    model = Reader()
    forward, ids = masked_mean(model), IDS[[0, 1, 3]]
    shapley = RecurrentShapleyAttribution(forward, model.layer)
    with pytest.raises(ValueError, match=r"row 1 without the 2 .* pass lengths, here 3"):
        shapley.attribute(ids, target=1)
    told, _ = (
        shapley.attribute(rows, target=1, return_convergence_delta=True, lengths=lengths)
        for rows, lengths in ((ids, (ids != 0).sum(1)), (ids[1:2, :3], None))
    )
    alone = shapley.attribute(ids[1:2, :3], target=1)
    torch.testing.assert_close(told[0][1:2, :3], alone, rtol=0, atol=1e-12)
    assert (told[0][ids == 0] == 0).all()
    one_by_one = LeaveOneOutAttribution(forward, model.layer)
    scores = one_by_one.attribute(ids, target=1)
    with torch.no_grad():
        expected = (forward(ids[1:2, :3]) - forward(ids[1:2, 1:3]))[0, 1]
    torch.testing.assert_close(scores[1, 0], expected)
    with pytest.raises(ValueError, match=r"row 0 without the 4 .* pass lengths, here 1"):
        one_by_one.attribute(IDS[2:3], target=1)


@pytest.mark.parametrize("made", [LeaveOneOutAttribution, RecurrentShapleyAttribution])
def test_in_half_precision_answers_agree_as_far_as_it_goes(made):
    """In bfloat16 those to a text alone and in a batch differ in the last of eight bits."""
    torch.manual_seed(0)
    embedding, layer = nn.Embedding(20, 4), nn.GRU(4, 5, batch_first=True)
    head = nn.Linear(5, 2)

    def forward(ids):
        return head(layer(embedding(ids))[0][:, -1])

    ids = torch.randint(1, 20, (3, 7))
    exact = made(forward, layer).attribute(ids, target=1)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rounded = made(forward, layer).attribute(ids, target=1)
    assert (rounded - exact).abs().max() < 0.02


class Spoken(Reader):
    """A text with the number of the language that it is in; in other forms with its length."""

    def __init__(self):
        super().__init__()
        self.languages = nn.Embedding(12, 4).double()

    def forward(self, ids, language):
        return self.read(self.embedding(ids) + self.languages(language).unsqueeze(1))

    def counted(self, ids, lengths):
        kept = torch.arange(ids.shape[1]) < lengths.unsqueeze(1)
        return self.read(pack_tokens(self.embedding(ids), kept))

    def shared_out(self, ids, lengths):
        outputs, _ = self.layer(self.embedding(ids))
        return self.out(self.head(outputs.sum(1) / lengths.unsqueeze(1)))


@pytest.mark.parametrize("made", [LeaveOneOutAttribution, RecurrentShapleyAttribution])
def test_a_number_that_happens_to_be_that_of_the_tokens(made):
    """It was cut with the text: each sub-text was read in another language."""
    model, ids = Spoken(), IDS[:1]
    method = made(model, model.layer, empty=lambda target: 0.0)
    with pytest.raises(ValueError, match=r"additional_forward_args\[0\] holds the numbers of tok"):
        method.attribute(ids, 1, torch.tensor([5]))
    model.languages.weight.data[6] = model.languages.weight.data[5]
    brought = made(
        lambda ids: model(ids, torch.full((len(ids),), 5)), model.layer, empty=method.empty
    )
    found = brought.attribute(ids, 1)
    torch.testing.assert_close(found, method.attribute(ids, 1, torch.tensor([6])))


@pytest.mark.parametrize("made", [LeaveOneOutAttribution, RecurrentShapleyAttribution])
def test_numbers_of_tokens_that_the_model_reads_as_such(made):
    model, lengths = Spoken(), torch.tensor([5, 5])
    ids = torch.cat([IDS[:1], IDS[:1].flip(1)])
    expected = made(lambda ids: model.read(model.embedding(ids)), model.layer).attribute(ids, 1)
    found = made(model.counted, model.layer).attribute(ids, 1, lengths)
    torch.testing.assert_close(found, expected)
    method = made(model.shared_out, model.layer)
    with pytest.raises(ValueError, match="Pass lengths if they are"):
        method.attribute(ids, 1, lengths)
    mean = made(lambda ids: model.shared_out(ids, torch.tensor([ids.shape[1]])), model.layer)
    found = method.attribute(ids, 1, lengths, lengths=lengths)
    torch.testing.assert_close(found, mean.attribute(ids, 1))


class Pooled(nn.Module):
    """Both directions over full rows; the lengths end the outputs that are read, or nothing."""

    def __init__(self, pooling):
        super().__init__()
        torch.manual_seed(0)
        self.pooling = pooling
        self.embedding = nn.Embedding(20, 4).double()
        self.layer = nn.LSTM(4, 5, batch_first=True, bidirectional=True).double()
        self.head = nn.Linear(10, 3).double()

    def forward(self, ids, lengths):
        outputs, (final, _) = self.layer(self.embedding(ids))
        kept = (torch.arange(ids.shape[1]) < lengths.unsqueeze(1)).unsqueeze(2)
        read = {
            "mean": lambda: (outputs * kept).sum(1) / lengths.unsqueeze(1),
            "max": lambda: outputs.masked_fill(~kept, -1e9).amax(1),
            "last": lambda: outputs[torch.arange(len(ids)), lengths - 1],
            "unread": lambda: torch.cat(list(final), 1),
            "scaled": lambda: torch.cat(list(final), 1) * lengths.unsqueeze(1),
        }
        return self.head(read[self.pooling]())


@pytest.mark.parametrize("made", [LeaveOneOutAttribution, RecurrentShapleyAttribution])
@pytest.mark.parametrize("pooling", ["mean", "max", "last", "unread", "scaled"])
def test_numbers_of_tokens_of_a_layer_that_reads_both_ways(made, pooling):
    """With one less the last token has still been read by the others, backward."""
    model, lengths = Pooled(pooling), torch.tensor([5, 5])
    ids = torch.cat([IDS[:1], IDS[:1].flip(1)])
    method = made(model, model.layer, empty=lambda target: 0.0)
    if pooling == "scaled":
        with pytest.raises(ValueError, match="Pass lengths if they are"):
            method.attribute(ids, 1, lengths)
        return

    def alone(ids):
        return model(ids, torch.full((len(ids),), ids.shape[1]))

    expected = made(alone, model.layer, empty=method.empty).attribute(ids, 1)
    torch.testing.assert_close(method.attribute(ids, 1, lengths), expected)


def test_a_row_that_is_no_number_leaves_the_scans_of_the_others_alone():
    """The others were scored by what they hold alone, as if nothing could be put in."""
    layer, head = nn.LSTM(3, 4, batch_first=True).double(), nn.Linear(4, 2).double()
    vectors = torch.randn(3, 6, 3).double()
    method = RecurrentShapleyAttribution(lambda given: head(layer(given)[0][:, -1]), layer)
    options = {"target": 1, "n_samples": 8, "estimator": "scans", "per_step": True}
    expected = method.attribute(vectors, **options)
    vectors[1, 2, 0] = torch.nan
    found = method.attribute(vectors, **options)
    assert found[1].isnan().all()
    torch.testing.assert_close(found[::2], expected[::2])


def test_scores_that_are_the_same_for_all_have_no_correlation():
    """The difference from their mean is a rounding, which correlated with anything."""
    scores = torch.randn(200, 1).expand(-1, 7).double()
    mask = torch.rand(200, 7) < 0.8
    mask[:, :2] = True
    others = torch.randn(200, 7).double()
    for pair in ((scores, others), (others, scores)):
        assert correlations(*pair, mask).isnan().all()
    found = correlations(others, others.roll(1, 0), mask)
    for row, kept in enumerate(mask):
        pair = torch.stack([others[row, kept], others.roll(1, 0)[row, kept]])
        torch.testing.assert_close(found[row], torch.corrcoef(pair)[0, 1])
