import itertools

import pytest
import torch

from captum_rnn.benchmark.methods import METHODS
from captum_rnn.evaluation import PerturbedPredictions
from captum_rnn.evaluation.faithfulness.erasure import comprehensiveness, sufficiency
from foreign_models import explained_model


@pytest.mark.parametrize(
    ("name", "measure", "sign"),
    [("ceiling", comprehensiveness, 1), ("ceiling-sufficiency", sufficiency, -1)],
)
def test_no_order_of_the_tokens_measures_better(name, measure, sign):
    model, ids = explained_model("packed-gru"), torch.tensor([[3, 9, 4, 7, 2], [8, 5, 6, 0, 0]])
    perturbed = PerturbedPredictions(model.probabilities, ids)
    found = measure(perturbed, METHODS[name](model, ids, perturbed.predicted))
    every = torch.stack(
        [
            measure(perturbed, torch.tensor([order, order]).float())
            for order in itertools.permutations(range(5))
        ]
    )
    torch.testing.assert_close(sign * found, (sign * every).amax(0), atol=1e-6, rtol=0)


def test_a_long_text_is_not_searched():
    model = explained_model("lstm")
    with pytest.raises(ValueError, match="31 tokens, but ceiling searches texts of at most 30"):
        METHODS["ceiling"](model, torch.full((1, 31), 3), torch.tensor([0]))
