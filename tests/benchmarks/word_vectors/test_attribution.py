import pytest
import torch
from torch import nn

from benchmarks.word_vectors import WordPoolingDeltaAttribution, WordVectorClassifier
from captum_rnn import HiddenStateDeltaAttribution
from captum_rnn.functional import hidden_state_delta


def model_of(pooling="sum", dtype=torch.float64):
    model = WordVectorClassifier(9, 3, 4, pooling).to(dtype)
    with torch.no_grad():
        model.embedding.weight[1:].normal_()
    return model


IDS = torch.tensor([[3, 0, 7, 3, 0], [1, 2, 9, 4, 8], [5, 0, 0, 0, 0]])


@pytest.mark.parametrize("distance", ["l2", "l1", "linf", "cosine", "projection"])
def test_the_running_sum_is_the_state(distance):
    model = model_of()
    scores = WordPoolingDeltaAttribution(model, model.pool, distance=distance).attribute(IDS)
    for row, ids in zip(scores, IDS, strict=True):
        known = ids[ids != 0]
        sums = model.embedding.weight[known].cumsum(0).detach()
        states = torch.cat([torch.zeros(1, 4, dtype=torch.float64), sums])
        alone = hidden_state_delta(states.unsqueeze(0), distance=distance)[0]
        torch.testing.assert_close(row[ids != 0], alone, rtol=0, atol=1e-12)
        assert row[ids == 0].tolist() == [0] * int((ids == 0).sum())


def test_it_is_hidden_state_delta_on_a_recurrent_net_that_adds():
    """tanh is the identity up to third order, so tiny vectors make an `nn.RNN` add them up."""
    model = model_of()
    with torch.no_grad():
        model.embedding.weight.mul_(1e-5)
    adding = nn.RNN(4, 4, bias=False, batch_first=True).double()
    with torch.no_grad():
        adding.weight_ih_l0.copy_(torch.eye(4))
        adding.weight_hh_l0.copy_(torch.eye(4))
    expected = HiddenStateDeltaAttribution(adding).attribute(model.embedding(IDS[1:2])).sum(-1)
    scores = WordPoolingDeltaAttribution(model, model.pool).attribute(IDS[1:2])
    torch.testing.assert_close(scores, expected, rtol=0, atol=1e-8)


def test_a_mean_has_the_scores_of_its_sum():
    total, mean = model_of(), model_of("mean")
    mean.load_state_dict(total.state_dict())
    first, second = (
        WordPoolingDeltaAttribution(model, model.pool).attribute(IDS, target=1)
        for model in (total, mean)
    )
    torch.testing.assert_close(first, second, rtol=0, atol=1e-12)


def test_scores_sum_to_one():
    model = model_of()
    scores = WordPoolingDeltaAttribution(model, model.pool).attribute(IDS, target=2)
    assert scores.sum(1).tolist() == pytest.approx([1, 1, 1], abs=1e-12)


def test_only_the_projection_ignores_the_order_of_the_words():
    model = model_of()
    order = torch.tensor([4, 2, 0, 3, 1])
    for distance, same in (("projection", True), ("l2", False), ("cosine", False)):
        delta = WordPoolingDeltaAttribution(model, model.pool, distance=distance)
        moved = delta.attribute(IDS[1:2][:, order])
        assert torch.allclose(moved, delta.attribute(IDS[1:2])[:, order]) == same


def test_the_projection_is_the_truth_where_the_class_looks_along_the_sum():
    model = model_of()
    state = model.pool(model.embedding(IDS[1:2]), IDS[1:2] != 0)
    with torch.no_grad():
        model.head.weight[0] = 2 * state[0]
    delta = WordPoolingDeltaAttribution(
        model, model.pool, distance="projection", normalize=False
    ).attribute(IDS[1:2])
    truth = model.contributions(IDS[1:2])[..., 0] / (2 * state.norm())
    torch.testing.assert_close(delta, truth, rtol=0, atol=1e-12)


def test_embedded_words_share_the_score_over_their_features():
    model = model_of()
    embedded = model.embedding(IDS).detach()
    scores = WordPoolingDeltaAttribution(model.forward_embedded, model.pool).attribute(
        embedded, target=0, additional_forward_args=(IDS,)
    )
    assert scores.shape == (3, 5, 4)
    expected = WordPoolingDeltaAttribution(model, model.pool).attribute(IDS)
    torch.testing.assert_close(scores.sum(-1), expected, rtol=0, atol=1e-12)


def test_a_tuple_of_one_input_is_answered_by_a_tuple():
    model = model_of()
    (scores,) = WordPoolingDeltaAttribution(model, model.pool).attribute((IDS,))
    assert scores.shape == IDS.shape


def test_the_model_is_left_as_it_was():
    model = model_of().train()
    WordPoolingDeltaAttribution(model, model.pool).attribute(IDS)
    assert model.training
    assert not model.pool._forward_hooks
    assert all(parameter.grad is None for parameter in model.parameters())


def test_a_layer_of_another_kind():
    model = model_of()
    with pytest.raises(TypeError, match="of type Embedding; expected the WordPooling"):
        WordPoolingDeltaAttribution(model, model.embedding)


def test_inputs_that_the_layer_did_not_read():
    model = model_of()
    with pytest.raises(ValueError, match="expected one call for one input"):
        WordPoolingDeltaAttribution(lambda ids: ids.double(), model.pool).attribute(IDS)
    with pytest.raises(ValueError, match=r"shapes \[\(3, 5\)\] for 2 input"):
        WordPoolingDeltaAttribution(lambda ids, _: model(ids), model.pool).attribute((IDS, IDS))
