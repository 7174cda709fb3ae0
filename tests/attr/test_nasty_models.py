"""Models that do what people's models do around a layer, held against `tests/oracle.py`."""

import pytest
import torch

from captum_rnn import AdjointDeltaAttribution, LogitDeltaAttribution
from models import hooks
from nasty_models import JOINED, MODELS, PADDED, WORDS, Model
from oracle import scores_of

METHODS = {"adjoint": AdjointDeltaAttribution, "logit": LogitDeltaAttribution}


def ids_for(name):
    """Three rows of words that stand nowhere else."""
    ids = torch.randperm(WORDS - 1)[:15].view(3, 5) + 1
    if name in PADDED:
        ids[torch.arange(5) >= torch.tensor([[3], [5], [4]])] = 0
    return ids


def expected_of(model, ids):
    kept = {name: value.clone() for name, value in model.state_dict().items()}

    def forward():
        model.load_state_dict(kept)
        return model(ids)[:, 1]

    scores = scores_of(forward, [model.layer], model.words.weight)
    model.load_state_dict(kept)
    return {name: of_words[ids].masked_fill(ids == 0, 0.0) for name, of_words in scores.items()}


@pytest.mark.parametrize("name", MODELS)
def test_the_scores_are_those_of_the_unrolled_model(name):
    run, options = MODELS[name]
    model, ids = Model(run, **options), ids_for(name)
    with torch.no_grad():
        model(ids)  # which settles max_norm
    kept = {key: value.clone() for key, value in model.state_dict().items()}
    expected, own = expected_of(model, ids), hooks(model)
    for kind, made in METHODS.items():
        if kind == "logit" and name in JOINED:  # runs that go on are one: see test_joined_runs.py
            continue
        scores = made(model, model.layer).attribute(ids, target=1)
        torch.testing.assert_close(scores, expected[kind], rtol=1e-7, atol=1e-9)
        model.load_state_dict(kept)
    assert hooks(model) == own
