import torch

from captum_rnn.benchmark.ablation.measures import MEASURES, measure_cells
from captum_rnn.benchmark.dataset import explained_model
from captum_rnn.evaluation import (
    PerturbedPredictions,
    comprehensiveness,
    leave_one_out,
    rank_correlations,
    sufficiency,
)
from captum_rnn.text.classifier import RecurrentClassifier

IDS = torch.tensor([[3, 5, 2, 7, 9, 1, 4, 8, 6, 2, 3, 7], [4, 0, 6, 8, 0, 5, 1, 0, 0, 0, 0, 0]])


def predict():
    torch.manual_seed(1)
    model = RecurrentClassifier(9, embedding_dim=4, hidden_size=5).eval()
    with torch.no_grad():
        model.embedding.weight[1:].normal_()
        model.head.weight.normal_(std=3)
    return explained_model(model).probabilities


def test_the_measures_are_those_of_the_evaluation():
    scores = torch.randn(4, *IDS.shape, generator=torch.Generator().manual_seed(2))
    scores[2] = scores[2].round()  # ties
    probabilities = predict()
    found = measure_cells(PerturbedPredictions(probabilities, IDS), scores, seed=7)
    truth = leave_one_out(PerturbedPredictions(probabilities, IDS))
    for cell, of_cell in enumerate(scores):
        expected = (
            comprehensiveness(PerturbedPredictions(probabilities, IDS), of_cell, seed=7),
            sufficiency(PerturbedPredictions(probabilities, IDS), of_cell, seed=7),
            rank_correlations(IDS, of_cell, truth),
        )
        torch.testing.assert_close(found.values[:, cell], torch.stack(expected))
    assert found.values.shape == (len(MEASURES), 4, 2)


def test_equal_rankings_are_counted_and_asked_once():
    scores = torch.randn(3, *IDS.shape, generator=torch.Generator().manual_seed(3))
    asked = PerturbedPredictions(predict(), IDS)
    alone = measure_cells(asked, scores, seed=0)
    perturbed = PerturbedPredictions(predict(), IDS)
    together = measure_cells(perturbed, torch.cat([scores, 3 * scores, scores.exp()]), seed=0)
    assert alone.rankings == together.rankings == 6
    assert perturbed.texts_predicted == asked.texts_predicted
    torch.testing.assert_close(together.values, alone.values.repeat(1, 3, 1))


def test_blocks_of_rankings_make_no_difference(monkeypatch):
    scores = torch.randn(5, *IDS.shape, generator=torch.Generator().manual_seed(4))
    whole = measure_cells(PerturbedPredictions(predict(), IDS), scores, seed=0)
    monkeypatch.setattr("captum_rnn.benchmark.ablation.measures._MASKS_AT_ONCE", 300)
    parts = measure_cells(PerturbedPredictions(predict(), IDS), scores, seed=0)
    torch.testing.assert_close(parts.values, whole.values)


def test_two_words_have_no_rank_correlation():
    found = measure_cells(
        PerturbedPredictions(predict(), torch.tensor([[3, 5, 0]])), torch.rand(2, 1, 3), seed=0
    )
    assert found.values[2].isnan().all()
    assert found.values[:2].isfinite().all()
