"""The parts of the studies whose figures could be wrong without anyone seeing it."""

import math

import pytest
import torch

from word_information_parts.authors import authors_log_sigma
from word_information_parts.claims import claims, entry
from word_information_parts.deltas import disagreement, ranks
from word_information_parts.layers import late_gap, neighbour_correlation, smoothness
from word_information_parts.models import CnnClassifier, LstmClassifier, TransformerClassifier
from word_information_parts.reverse import LENGTH, Reverser, needed, pooled_area, roc_area
from word_information_parts.statistics import text_correlations

NAN = math.nan


@pytest.mark.parametrize("kind", [LstmClassifier, CnnClassifier, TransformerClassifier])
def test_padding_changes_no_classifier(kind):
    model = kind(20, 8).eval()
    ids = torch.randint(1, 20, (3, 5))
    longer = torch.nn.functional.pad(ids, (0, 4))
    torch.testing.assert_close(model(longer), model(ids), rtol=1e-4, atol=1e-5)
    assert list(model.stages()) == ["layer 1", "layer 2", "layer 3", "pooled"]


def test_the_authors_way_comes_near_the_closed_form_of_a_linear_map():
    """Not nearer: the step of the luckiest noise is the one that is kept."""
    torch.manual_seed(0)
    matrices = torch.randn(3, 16, 24) * torch.tensor([0.1, 0.3, 1.0]).reshape(3, 1, 1)

    def state(words):
        return torch.einsum("tf,tfw->w", words, matrices)

    found = authors_log_sigma(
        state, torch.randn(3, 16), torch.tensor(2.0), scale=10.0, seed=0, steps=700
    )
    gains = matrices.square().sum((1, 2)) / (24 * 4)
    torch.testing.assert_close(found, 0.5 * torch.log(0.1 / (2 * 3 * gains)), rtol=0, atol=1.6)
    assert found.argsort().tolist() == [2, 1, 0]


def test_what_the_reverse_task_still_needs():
    assert needed("encoder", 2) == [True] * 3 + [False] * (LENGTH - 3)
    assert needed("decoder", 0) == [True] * LENGTH
    assert needed("decoder", LENGTH - 1) == [True] + [False] * (LENGTH - 1)


def test_the_decoder_reads_what_should_have_been_written():
    model = Reverser().eval()
    ids = torch.randint(1, 20, (1, LENGTH))
    other = ids.clone()
    other[0, 0] = ids[0, 0] % 20 + 1  # written last, so it is never read by the decoder
    with torch.no_grad():
        seen = []
        model.decoder_embedding.register_forward_hook(lambda _, given, __: seen.append(given[0]))
        model(ids), model(other)
    assert torch.equal(*seen)
    assert seen[0][0].tolist() == [0, *ids[0].flip(0)[:-1].tolist()]


def test_the_area_under_the_curve_is_the_share_of_pairs_in_order():
    assert roc_area(torch.tensor([3.0, 1.0]), torch.tensor([2.0, 1.0])) == pytest.approx(2.5 / 4)
    steps = torch.tensor([needed("decoder", step) for step in range(LENGTH)]).float()
    assert pooled_area(steps.unsqueeze(1), "decoder").tolist() == [1.0]
    assert pooled_area(-steps.unsqueeze(1), "decoder").tolist() == [0.0]


def test_smoothness_of_made_up_stages():
    """All words rise by two spreads from stage to stage, in the same order."""
    words = torch.tensor([[-1.0, 0.0, 1.0, NAN], [1.0, -1.0, 0.0, 5.0]])
    spreads = torch.tensor([(2 / 3) ** 0.5, words[1].std(correction=0)]).unsqueeze(1)
    found = smoothness([words, words + 2 * spreads, words + 4 * spreads])
    assert found["jump"]["mean"] == pytest.approx(2.0, abs=1e-3)
    assert found["agreement"]["mean"] == pytest.approx(1.0)


def test_neighbours_and_halves():
    rising = torch.tensor([[1.0, 2.0, 3.0, 4.0, NAN]])
    assert neighbour_correlation(rising).item() == pytest.approx(1.0)
    assert late_gap(rising).item() == pytest.approx(2.0 / rising[0, :4].std().item())
    swinging = torch.tensor([[1.0, -1.0, 1.0, -1.0, 1.0]])
    assert neighbour_correlation(swinging).item() == pytest.approx(-1.0)


def test_ranks_and_disagreement_of_two_scores():
    kept = torch.tensor([[0.1, 0.2, 0.3, 0.4, 0.5, NAN]])
    assert ranks(kept)[0, :5].tolist() == [0.0, 0.25, 0.5, 0.75, 1.0]
    found = disagreement(kept, -kept)
    assert found["credited_but_not_kept"]["mean"] == pytest.approx(0.2)
    assert found["kept_but_not_credited"]["mean"] == pytest.approx(0.2)
    assert text_correlations(kept, -kept).tolist() == pytest.approx([-1.0])


def figure(mean, width=0.01):
    return {"mean": mean, "low": mean - width, "high": mean + width}


def made_up_results(*, ours, others):
    measures = {
        "word information": {"jump": figure(ours)},
        "gradient": {"jump": figure(others)},
        "perturbation": {"jump": figure(others)},
    }
    areas = {
        name: {"within_step": figure(value), "across_steps": figure(value)}
        for name, value in (
            ("word information", 1 - ours / 10),
            ("gradient", 1 - others / 10),
            ("perturbation", 1 - others / 10),
        )
    }
    stages = {
        name: {
            "layer 1": {"function_words_minus_others": figure(0.0)},
            "pooled": {
                "function_words_minus_others": figure(others - 1.5),
                "neighbours": figure(value),
            },
        }
        for name, value in (("LSTM", 0.8), ("CNN", 0.8), ("Transformer", 0.1), ("BERT-style", 0.1))
    }
    return {
        "coherence": {"LSTM": measures},
        "reverse": {"decoder": areas},
        "layers": stages,
        "agreement": {"authors": {"two_runs": figure(0.77)}},
    }


def test_a_claim_reproduces_only_if_the_intervals_say_so():
    good = [claim["reproduces"] for claim in claims(made_up_results(ours=0.2, others=1.0))]
    assert good == ["yes", "yes", "yes", "yes", "yes", "no"]
    bad = [claim["reproduces"] for claim in claims(made_up_results(ours=2.0, others=2.0))]
    assert bad == ["no", "no", "no", "no", "yes", "no"]
    assert entry("c", holds=False, holds_in_part=True, figures="f")["reproduces"] == "in part"
