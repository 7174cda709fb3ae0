"""Texts with padding before their tokens, compared as the same texts with padding behind them."""

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

from captum_rnn import AdjointDeltaAttribution, HiddenStateDeltaAttribution, pack_tokens
from captum_rnn.benchmark import ExplainedModel, compare

BEHIND = torch.tensor([[3, 4, 5, 6, 7], [8, 9, 2, 0, 0], [10, 11, 3, 4, 0], [5, 2, 0, 0, 0]])
IN_FRONT = torch.tensor([[3, 4, 5, 6, 7], [0, 0, 8, 9, 2], [0, 10, 11, 3, 4], [0, 0, 0, 5, 2]])
BETWEEN = torch.tensor([[3, 4, 5, 6, 7], [8, 0, 9, 0, 2], [0, 10, 0, 11, 3], [5, 2, 0, 0, 0]])
METHODS = [
    "hidden-state-delta-l2",
    "adjoint-delta",
    "logit-delta",
    "calibrated-delta",
    "relevance-propagation",
    "integrated-gradients",
    "feature-ablation",
]


class Reader(nn.Module):
    """The same weights, whatever is made of the padding."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.words = nn.Embedding(12, 6, padding_idx=0)
        self.encoder = nn.GRU(6, 5, batch_first=True)
        self.out = nn.Linear(5, 2)

    def read(self, vectors, ids):
        packed = pack_tokens(vectors, ids != 0)
        return self.encoder(packed)[1][-1]

    def forward(self, ids):
        return self.out(self.read(self.words(ids), ids))


class Moving(Reader):
    """Moves the tokens to the front."""

    def read(self, vectors, ids):
        order = torch.argsort((ids == 0).int(), dim=1, stable=True)
        moved = vectors.gather(1, order.unsqueeze(2).expand_as(vectors))
        lengths = (ids != 0).sum(1).clamp(min=1).cpu()
        packed = pack_padded_sequence(moved, lengths, batch_first=True, enforce_sorted=False)
        return self.encoder(packed)[1][-1]


class FromTheEnd(Reader):
    """Reads as many tokens as there are, the last first: padding has to stand in front."""

    def read(self, vectors, ids):
        lengths = (ids != 0).sum(1).clamp(min=1).cpu()
        packed = pack_padded_sequence(
            vectors.flip(1), lengths, batch_first=True, enforce_sorted=False
        )
        return self.encoder(packed)[1][-1]


class LastColumn(Reader):
    """Reads padding in front as tokens."""

    def read(self, vectors, ids):
        return self.encoder(vectors)[0][:, -1]


def compared(kind, ids, **options):
    model = kind().eval()
    explained = ExplainedModel(model, model.words, model.encoder, **options)
    batches = [ids[:2], ids[2:]]
    return compare(explained, batches, methods=METHODS, metrics=["deletion"], background=[ids])


def scores_of(found):
    """The scores of every text and method, by the tokens that are read."""
    assert {name: method.error for name, method in found.methods.items() if method.error} == {}
    return {
        " ".join(token for token in example.tokens if token != "0"): {
            name: [
                score for token, score in zip(example.tokens, scores, strict=True) if token != "0"
            ]
            for name, scores in example.scores.items()
        }
        for example in found.examples
    }


@pytest.mark.parametrize("kind", [Reader, Moving])
def test_padding_in_front_changes_nothing_of_a_model_that_skips_it(kind):
    behind, in_front = compared(kind, BEHIND), compared(kind, IN_FRONT)
    expected, found = scores_of(behind), scores_of(in_front)
    assert found.keys() == expected.keys() == {"3 4 5 6 7", "8 9 2", "10 11 3 4", "5 2"}
    for text, of_methods in expected.items():
        for name, scores in of_methods.items():
            assert found[text][name] == pytest.approx(scores, abs=1e-6), (text, name)
    for name, method in behind.methods.items():
        of_texts = in_front.methods[name].per_text
        for metric, values in method.per_text.items():
            assert of_texts[metric] == pytest.approx(values, abs=1e-5, nan_ok=True), (name, metric)


def test_padding_between_tokens_changes_nothing_either():
    found = scores_of(compared(Reader, BETWEEN))
    model = Reader().eval()
    for text in ("8 9 2", "10 11 3"):
        ids = torch.tensor([[int(token) for token in text.split()]])
        alone = HiddenStateDeltaAttribution(model, model.encoder).attribute(ids)
        assert found[text]["hidden-state-delta-l2"] == pytest.approx(alone[0].tolist(), abs=1e-6)


def test_a_model_that_needs_its_padding_in_front_is_compared_as_it_is_called():
    model, found = FromTheEnd().eval(), scores_of(compared(FromTheEnd, IN_FRONT))
    with torch.no_grad():
        classes = model(IN_FRONT).argmax(1)

    def margins(ids):
        logits = model(ids)
        return logits - logits.flip(1)

    for name, kind in (
        ("hidden-state-delta-l2", HiddenStateDeltaAttribution),
        ("adjoint-delta", AdjointDeltaAttribution),
    ):
        direct = kind(margins, model.encoder).attribute(IN_FRONT, target=classes)
        for ids, scores in zip(IN_FRONT, direct, strict=True):
            text = " ".join(map(str, ids[ids != 0].tolist()))
            assert found[text][name] == pytest.approx(scores[ids != 0].tolist(), abs=1e-6)


def test_padding_that_is_read_before_tokens_is_refused():
    with pytest.raises(ValueError, match=r"its 3 id\(s\) of padding \(0\) .* text 3; ") as error:
        compared(LastColumn, IN_FRONT)
    assert "reads_padding=True" in str(error.value)
    assert "as pad_id" in str(error.value)
    # The first way out: the texts without padding.
    expected, found = (
        scores_of(compared(LastColumn, ids, reads_padding=True)) for ids in (BEHIND, IN_FRONT)
    )
    assert found == expected
    assert found.keys() == {"3 4 5 6 7", "8 9 2", "10 11 3 4", "5 2"}
    # The second: padding counts as tokens, and has scores as the class gives them.
    model = LastColumn().eval()
    as_tokens = compared(LastColumn, IN_FRONT, pad_id=1, neutral_id=2)
    (example,) = [one for one in as_tokens.examples if one.text == "0 0 8 9 2"]
    direct = HiddenStateDeltaAttribution(model, model.encoder).attribute(IN_FRONT[1:2])
    assert example.scores["hidden-state-delta-l2"] == pytest.approx(direct[0].tolist(), abs=1e-6)


def test_background_texts_are_looked_at_too():
    model = LastColumn().eval()
    explained = ExplainedModel(model, model.words, model.encoder)
    with pytest.raises(ValueError, match=r"reads_padding=True"):
        compare(explained, [BEHIND], methods=["calibrated-delta"], background=[IN_FRONT])
