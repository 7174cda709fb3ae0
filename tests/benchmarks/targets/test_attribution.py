import pytest
import torch

from benchmarks.targets.attribution import METHODS, target_margin
from benchmarks.targets.tagger import TargetTagger
from captum_rnn.attr import HiddenStateDeltaAttribution

CLASS_AWARE = [name for name in METHODS if not name.startswith("hidden-state")]


@pytest.fixture
def tagger():
    torch.manual_seed(2)
    return TargetTagger(20, embedding_dim=6, hidden_size=5).eval()


@pytest.fixture
def batch():
    """Rows of 7, 4 and 2 characters, with targets of 2, 1 and 2 of them."""
    ids = torch.tensor([[3, 14, 15, 9, 2, 6, 5], [8, 9, 7, 9, 0, 0, 0], [3, 2, 0, 0, 0, 0, 0]])
    characters = torch.zeros_like(ids, dtype=torch.bool)
    characters[0, 2:4] = characters[1, 3] = characters[2, :2] = True
    return ids, characters, torch.tensor([1, 3, 2])


def test_the_margin_is_the_mean_over_the_targets_characters(tagger, batch):
    ids, characters, tag = batch
    logits = tagger(ids)
    expected = []
    for row, chosen in enumerate(tag.tolist()):
        others = [k for k in range(4) if k != chosen]
        margins = logits[row, :, chosen] - logits[row][:, others].mean(dim=1)
        expected.append(margins[characters[row]].mean())
    torch.testing.assert_close(target_margin(logits, characters, tag), torch.stack(expected))


@pytest.mark.parametrize("name", METHODS)
def test_each_row_scores_as_if_alone_and_padding_exactly_zero(tagger, batch, name):
    ids, characters, tag = batch
    scores = METHODS[name](tagger, ids, characters, tag)
    assert scores.shape == ids.shape
    assert (scores[ids == 0] == 0).all()
    for row, length in enumerate([7, 4, 2]):
        part = slice(row, row + 1), slice(length)
        alone = METHODS[name](tagger, ids[part], characters[part], tag[row : row + 1])
        torch.testing.assert_close(scores[part], alone, atol=1e-5, rtol=1e-4)


def test_hidden_state_delta_is_the_mean_over_readouts(tagger, batch):
    ids, characters, tag = batch
    scores = METHODS["hidden-state delta, L2"](tagger, ids, characters, tag)
    at = [
        HiddenStateDeltaAttribution(tagger, tagger.rnn, readout=position).attribute(ids[:1])
        for position in (2, 3)
    ]
    torch.testing.assert_close(scores[:1], (at[0] + at[1]) / 2)
    # The states begin at zero, so what was approached adds up to the whole.
    torch.testing.assert_close(scores.sum(dim=1), torch.ones(3))


def test_a_readout_at_the_end_credits_the_backward_direction_for_its_one_step(tagger):
    ids = torch.tensor([[3, 14, 15]])
    characters = torch.tensor([[False, False, True]])
    scores = METHODS["hidden-state delta, L2"](tagger, ids, characters, torch.tensor([1]))[0]
    outputs = tagger.rnn(tagger.embedding(ids))[0][0]
    forward, backward = outputs[:, :5], outputs[2, 5:]
    left = [(forward[2] - state).norm() for state in (torch.zeros(5), *forward)]
    total = left[0] + backward.norm()
    expected = [left[0] - left[1], left[1] - left[2], left[2] - left[3] + backward.norm()]
    torch.testing.assert_close(scores, torch.stack(expected) / total)


def test_logit_delta_and_integrated_gradients_sum_to_the_change_of_the_margin(tagger, batch):
    ids, characters, tag = batch
    margin = target_margin(tagger(ids), characters, tag)
    bias = tagger.head.bias.expand(*ids.shape, 4)
    at_rest = target_margin(bias, characters, tag)
    torch.testing.assert_close(
        METHODS["logit delta"](tagger, ids, characters, tag).sum(dim=1), margin - at_rest
    )
    zero = torch.zeros_like(tagger.embedding(ids))
    without = target_margin(tagger.forward_embedded(zero, ids), characters, tag)
    torch.testing.assert_close(
        METHODS["Integrated Gradients"](tagger, ids, characters, tag).sum(dim=1),
        margin - without,
        atol=1e-4,
        rtol=1e-3,
    )


@pytest.mark.parametrize("name", CLASS_AWARE)
def test_class_aware_methods_follow_the_tag_and_the_others_do_not(tagger, batch, name):
    ids, characters, tag = batch
    other = (tag + 1) % 4
    score = METHODS[name]
    assert not torch.allclose(
        score(tagger, ids, characters, tag), score(tagger, ids, characters, other)
    )


def test_adjoint_delta_agrees_with_skipping(tagger):
    """The states of a network of small weights change little, so first order is most of it."""
    ids = torch.tensor([[3, 14, 15, 9]])
    characters, tag = torch.tensor([[False, False, False, True]]), torch.tensor([1])
    scores = METHODS["adjoint delta"](tagger, ids, characters, tag)
    without = []
    for position in range(3):
        kept = [t for t in range(4) if t != position]
        without.append(target_margin(tagger(ids[:, kept]), characters[:, kept], tag))
    margin = target_margin(tagger(ids), characters, tag)
    exact = margin - torch.cat(without)
    assert torch.corrcoef(torch.stack([scores[0, :3], exact]))[0, 1] > 0.9
