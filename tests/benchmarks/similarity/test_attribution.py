import itertools

import pytest
import torch
import torch.nn.functional as F

from benchmarks.similarity import SentenceSimilarity, SimilarityDeltaAttribution
from captum_rnn import LogitDeltaAttribution

KINDS = list(itertools.product(("lstm", "gru"), ("cosine", "bilinear")))
FIRST = torch.tensor([[3, 0, 7, 0], [1, 2, 9, 4], [6, 6, 0, 0]])
SECOND = torch.tensor([[5, 1, 9, 2, 0], [8, 0, 0, 0, 0], [0, 0, 4, 0, 4]])


def model_of(kind="lstm", head="cosine"):
    model = SentenceSimilarity(9, head, kind, 4, 5).double().eval()
    with torch.no_grad():
        model.embedding.weight[1:].normal_()
        if model.form is not None:
            model.form.normal_()
    return model


def states_of(model, row):
    """States (words + 1, hidden) of one sentence's known words, run alone."""
    outputs, _ = model.rnn(model.embedding(row[row != 0]).unsqueeze(0))
    return torch.cat([torch.zeros(1, 5, dtype=torch.float64), outputs[0]]).detach()


def head_of(model, u, v):
    if model.form is None:
        lengths = u.norm() * v.norm()
        return u @ v / lengths if lengths > 0 else torch.tensor(0.0).double()
    return u @ model.form.detach() @ v


@pytest.mark.parametrize(("kind", "head"), KINDS)
def test_scores_are_the_gains_in_similarity_word_by_word(kind, head):
    model = model_of(kind, head)
    found = SimilarityDeltaAttribution(model, model.rnn, model.similarity).attribute(
        (FIRST, SECOND)
    )
    for row in range(3):
        first, second = states_of(model, FIRST[row]), states_of(model, SECOND[row])
        along = (
            [head_of(model, state, second[-1]) for state in first],
            [head_of(model, first[-1], state) for state in second],
        )
        for scores, ids, values in zip(found, (FIRST, SECOND), along, strict=True):
            known = ids[row] != 0
            gains = torch.stack(values).diff()
            torch.testing.assert_close(scores[row, known], gains, rtol=0, atol=1e-12)
            assert scores[row, ~known].abs().sum() == 0


@pytest.mark.parametrize(("kind", "head"), KINDS)
def test_the_scores_of_each_sentence_sum_to_the_similarity(kind, head):
    model = model_of(kind, head)
    attribution = SimilarityDeltaAttribution(model, model.rnn, model.similarity)
    scores, delta = attribution.attribute((FIRST, SECOND), return_convergence_delta=True)
    similarity = model(FIRST, SECOND).detach()
    for part in scores:
        torch.testing.assert_close(part.sum(1), similarity, rtol=0, atol=1e-12)
    assert delta.abs().max() < 1e-12
    halved = tuple(part / 2 for part in scores)
    left = attribution.compute_convergence_delta(halved, (FIRST, SECOND))
    torch.testing.assert_close(left, -similarity, rtol=0, atol=1e-12)


def test_a_bilinear_form_has_the_logit_delta():
    model = model_of(head="bilinear")
    ours = SimilarityDeltaAttribution(model, model.rnn, model.similarity)
    logit = LogitDeltaAttribution(model, model.rnn)
    for first, second in zip(
        ours.attribute((FIRST, SECOND)), logit.attribute((FIRST, SECOND)), strict=True
    ):
        torch.testing.assert_close(first, second, rtol=0, atol=1e-12)


def test_the_logit_deltas_of_a_cosine_sum_to_zero():
    """A cosine does not change along the state, so its derivative is orthogonal to it."""
    model = model_of()
    for scores in LogitDeltaAttribution(model, model.rnn).attribute((FIRST, SECOND)):
        assert scores.abs().max() > 0.01
        assert scores.sum(1).abs().max() < 1e-12


def test_the_length_of_an_encoder_s_states_does_not_count_for_a_cosine():
    model = model_of()

    def longer(states, end):
        return model.similarity(7 * states, 0.1 * end)

    plain, scaled = (
        SimilarityDeltaAttribution(model, model.rnn, head).attribute((FIRST, SECOND))
        for head in (model.similarity, longer)
    )
    torch.testing.assert_close(plain, scaled, rtol=0, atol=1e-12)


def test_padding_that_the_layer_runs_over_scores_zero():
    model = model_of()

    def forward(first, second, lengths):
        outputs = model.rnn(model.embedding(first))[0][torch.arange(2), lengths - 1]
        return F.cosine_similarity(outputs, model.rnn(model.embedding(second))[0][:, -1])

    lengths, first, second = torch.tensor([2, 4]), FIRST[:2], torch.tensor([[5, 1], [8, 2]])
    scores, _ = SimilarityDeltaAttribution(forward, model.rnn, model.similarity).attribute(
        (first, second), additional_forward_args=(lengths,), lengths=(lengths, None)
    )
    assert scores[0, 2:].tolist() == [0, 0]
    expected = forward(first, second, lengths).detach()
    torch.testing.assert_close(scores.sum(1), expected, rtol=0, atol=1e-12)


def test_one_sentence_alone():
    model = model_of()
    attribution = SimilarityDeltaAttribution(
        lambda ids: model(ids, ids)[:, None], model.rnn, model.similarity
    )
    with pytest.raises(ValueError, match="ran 2 times"):
        attribution.attribute(FIRST)
    alone = SimilarityDeltaAttribution(
        lambda ids: model.rnn(model.embedding(ids))[1][0][-1], model.rnn, model.similarity
    )
    with pytest.raises(ValueError, match="expected a tuple of two sentences"):
        alone.attribute(FIRST)


def test_a_head_that_is_no_function():
    model = model_of()
    with pytest.raises(TypeError, match="similarity is of type str"):
        SimilarityDeltaAttribution(model, model.rnn, "cosine")
