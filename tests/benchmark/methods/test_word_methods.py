import math

import pytest
import torch
from torch import Tensor, nn

from captum_rnn.benchmark.methods import METHODS, ExplainedModel, Method
from captum_rnn.benchmark.methods.word_methods import FixedWordScores
from foreign_models import KINDS, explained_model

NO_CLASS = torch.tensor([0])


class Teacher(Method):
    """Scores the word w at position t (from 1) for class c by w + t + 100 c."""

    def __call__(self, model: ExplainedModel, ids: Tensor, target: Tensor) -> Tensor:
        scores = ids + torch.arange(1, ids.shape[1] + 1) + 100 * target.unsqueeze(1)
        return scores.float().masked_fill(ids == model.pad_id, 0.0)


def lexicon() -> FixedWordScores:
    teacher = Teacher(name="teacher", label="teacher", passes="0")
    return FixedWordScores(name="lexicon", label="lexicon", teacher=teacher)


def test_a_fixed_score_is_the_mean_over_the_other_texts() -> None:
    model = explained_model("lstm")
    texts = [torch.tensor([[5, 6, 5], [6, 0, 0]]), torch.tensor([[0, 5]])]
    fitted = lexicon().fit(model, texts)
    scores = fitted(model, torch.tensor([[5, 6, 0], [6, 9, 5]]), torch.tensor([0, 1]))
    # Word 5 stands at positions 1, 3 and 2; word 6 at 2 and 1; word 9 nowhere.
    assert scores.tolist() == [[7.0, 7.5, 0.0], [107.5, 0.0, 107.0]]


def test_fixed_scores_of_three_classes() -> None:
    fitted = lexicon().fit(explained_model("gru", classes=3), [torch.tensor([[5]])])
    scores = fitted(explained_model("gru", classes=3), torch.tensor([[5]] * 3), torch.arange(3))
    assert scores.flatten().tolist() == [6.0, 106.0, 206.0]


def test_the_pad_id_gets_no_score_where_it_is_not_zero() -> None:
    model = ExplainedModel(nn.Identity(), nn.Embedding(4, 2), pad_id=3, neutral_id=0)
    ids = torch.tensor([[0, 1, 3, 3]])
    rarity = METHODS["word-rarity"].fit(model, [torch.tensor([[0, 0, 3]])])
    for method in (rarity, METHODS["embedding-norm"], METHODS["position"], METHODS["random"]):
        scores = method(model, ids, NO_CLASS)
        assert (scores[0, :2] != 0).all()
        assert scores[0, 2:].tolist() == [0, 0]


def test_rarity_by_hand() -> None:
    model = ExplainedModel(nn.Identity(), nn.Embedding(4, 2))
    method = METHODS["word-rarity"].fit(
        model, [torch.tensor([[1, 1, 2]]), torch.tensor([[1, 0, 0]])]
    )
    # One more than they occur: word 0 (padding, not counted) 1, 1 four times, 2 twice, 3 once.
    scores = method(model, torch.tensor([[1, 2, 3, 0]]), NO_CLASS)
    assert scores[0].tolist() == pytest.approx(
        [-math.log(4 / 7), -math.log(2 / 7), -math.log(1 / 7), 0]
    )


@pytest.mark.parametrize("name", ["word-lexicon", "word-rarity"])
def test_a_method_that_learns_says_so(name: str) -> None:
    model, ids = explained_model("lstm"), KINDS["lstm"].ids
    unfitted = METHODS[name].fit(model, [])
    with pytest.raises(ValueError, match="must be fitted on background texts"):
        unfitted(model, ids, torch.tensor([0, 1, 0]))


@pytest.mark.parametrize("name", ["word-lexicon", "calibrated-delta"])
def test_of_two_classes_one_is_learnt_from_the_other(name, monkeypatch):
    """What the trick of negating gives is what the teacher says when it is asked again."""
    model = explained_model("lstm", classes=2)
    texts = [torch.tensor([[5, 6, 5], [6, 7, 0]]), torch.tensor([[8, 5]])]
    method = METHODS[name]
    calls = []
    asked = type(method.teacher).__call__

    def counted(self, model, ids, target):
        calls.append(target.tolist())
        return asked(self, model, ids, target)

    monkeypatch.setattr(type(method.teacher), "__call__", counted)
    ids, targets = torch.tensor([[5, 6, 8], [7, 5, 6]]), torch.tensor([0, 1])
    mirrored = method.fit(model, texts)(model, ids, targets)
    assert calls == [[0, 0], [0]]
    monkeypatch.setattr(type(method.teacher), "mirrors", False)
    again = method.fit(model, texts)(model, ids, targets)
    assert sorted(calls[2:]) == [[0], [0, 0], [1], [1, 1]]
    assert torch.equal(mirrored, again)
    assert mirrored.abs().max() > 0


@pytest.mark.parametrize("name", ["saliency-sum", "input-x-gradient", "integrated-gradients"])
def test_gradients_of_the_other_class_are_the_negated_ones(name):
    model, ids = explained_model("gru", classes=2), torch.tensor([[5, 6, 8], [7, 5, 6]])
    assert METHODS[name].mirrors
    first, second = (METHODS[name](model, ids, torch.full((2,), of)) for of in (0, 1))
    assert torch.equal(first, -second)
    assert first.abs().max() > 0


def test_a_norm_is_no_mirror():
    assert not METHODS["saliency"].mirrors
    assert not METHODS["kernel-shap"].mirrors


def test_fitting_leaves_the_registered_method_as_it_was() -> None:
    model, ids = explained_model("lstm"), KINDS["lstm"].ids
    METHODS["word-rarity"].fit(model, [ids])
    with pytest.raises(ValueError, match="must be fitted"):
        METHODS["word-rarity"](model, ids, torch.tensor([0, 1, 0]))


def test_embedding_norm_by_hand() -> None:
    vectors = torch.tensor([[0.0, 0.0], [3.0, 4.0], [5.0, 12.0]])
    model = ExplainedModel(nn.Identity(), nn.Embedding.from_pretrained(vectors))
    scores = METHODS["embedding-norm"](model, torch.tensor([[2, 0, 1]]), NO_CLASS)
    assert scores.tolist() == [[13.0, 0.0, 5.0]]


def test_positions_count_the_words_that_are_read() -> None:
    model = explained_model("lstm")
    scores = METHODS["position"](model, torch.tensor([[4, 0, 9, 8, 7]]), NO_CLASS)
    assert scores.tolist() == [[0.25, 0.0, 0.5, 0.75, 1.0]]


def test_random_scores_are_uniform_and_depend_on_seed_and_text() -> None:
    model = explained_model("lstm")
    ids = torch.randint(1, 12, (50, 40))
    scores = METHODS["random"].seeded(1)(model, ids, NO_CLASS)
    assert torch.equal(scores, METHODS["random"].seeded(1)(model, ids, NO_CLASS))
    assert not torch.equal(scores, METHODS["random"].seeded(2)(model, ids, NO_CLASS))
    assert not torch.equal(scores[0], scores[1])
    # 2000 numbers in [-1, 1): mean 0 ± 0.013, variance 1/3 ± 0.007.
    assert float(scores.mean()) == pytest.approx(0, abs=0.05)
    assert float(scores.var()) == pytest.approx(1 / 3, abs=0.03)
    assert -1 <= float(scores.min()) < -0.99 < 0.99 < float(scores.max()) < 1
