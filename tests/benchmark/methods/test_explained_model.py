import dataclasses

import pytest
import torch
from torch import nn

from captum_rnn.benchmark.methods import METHODS, ExplainedModel
from captum_rnn.benchmark.methods.explained_model import margins, texts_of_equal_length
from foreign_models import FULL, KINDS, PADDED, explained_model, margin_of_text, words_of


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_margins_are_those_of_each_text_alone(kind: str, classes: int) -> None:
    model, ids = explained_model(kind, classes), KINDS[kind].ids
    for target in range(classes):
        margin = model.margin(ids, torch.full((len(ids),), target))
        expected = [margin_of_text(model, words, target) for words in words_of(ids)]
        assert margin.tolist() == pytest.approx(expected, abs=1e-12)


def test_a_model_that_reads_padding_never_sees_any() -> None:
    model = explained_model("last-output-lstm")
    seen: list[torch.Tensor] = []
    model.layer.register_forward_hook(lambda _, inputs, output: seen.append(inputs[0]))
    logits = model.logits(PADDED)

    assert sorted(tuple(given.shape[:2]) for given in seen) == [(1, 1), (1, 3), (1, 4), (1, 5)]
    for row, words in enumerate(words_of(PADDED)):
        expected = model.model(torch.tensor([words]))[0]
        torch.testing.assert_close(logits[row], expected)


def test_probabilities_are_those_of_evaluation_and_the_mode_stays() -> None:
    model = explained_model("lstm")
    evaluated = model.logits(FULL).softmax(1)
    model.model.train()
    probabilities = model.probabilities(FULL)
    assert model.model.training
    assert not probabilities.requires_grad
    torch.testing.assert_close(probabilities, evaluated)


@pytest.mark.parametrize("kind", ["packed-gru", "masked-mean-rnn", "last-output-lstm"])
def test_embedded_words_take_the_place_of_the_ids(kind: str) -> None:
    model = explained_model(kind)
    ids = KINDS[kind].ids
    other = torch.where(ids == 3, 8, ids)
    logits = model.logits_of_embedded(model.embedding(other), ids)
    torch.testing.assert_close(logits, model.logits(other))
    assert not model.embedding._forward_hooks


def test_embedded_words_of_another_shape_are_an_error() -> None:
    model = explained_model("packed-gru")
    with pytest.raises(ValueError, match=r"\(4, 5, 6\).*vectors of shape \(3, 5, 6\)"):
        model.logits_of_embedded(torch.zeros(3, 5, 6), PADDED)
    assert not model.embedding._forward_hooks


def test_margins_by_hand() -> None:
    logits = torch.tensor([[1.0, 2.0, 6.0], [3.0, -1.0, 0.0]])
    assert margins(logits).tolist() == [[-3.0, -1.5, 4.5], [3.5, -2.5, -1.0]]
    assert margins(torch.tensor([[2.0, 5.0]])).tolist() == [[-3.0, 3.0]]


def test_lengths_count_what_is_not_padding_and_are_at_least_one() -> None:
    model = explained_model("lstm")
    assert model.lengths(torch.tensor([[3, 0, 4], [0, 0, 0], [1, 1, 1]])).tolist() == [2, 1, 3]


def test_neutral_texts_and_words() -> None:
    embedding = nn.Embedding.from_pretrained(torch.tensor([[9.0, 9.0], [1.0, 2.0], [3.0, 6.0]]))
    model = ExplainedModel(nn.Identity(), embedding, neutral_id=2)
    assert model.mean_word.tolist() == [2.0, 4.0]
    assert model.neutral_text(torch.tensor([[1, 2, 0]])).tolist() == [[2, 2, 0]]


def test_texts_of_equal_length_lose_their_padding_wherever_it_stands() -> None:
    ids = torch.tensor([[5, 0, 6], [7, 8, 9], [0, 4, 3], [0, 0, 0]])
    groups = [(rows.tolist(), texts.tolist()) for rows, texts in texts_of_equal_length(ids, 0)]
    assert groups == [([3], [[0]]), ([0, 2], [[5, 6], [4, 3]]), ([1], [[7, 8, 9]])]


def test_a_wrong_answer_of_the_model_is_an_error() -> None:
    class OneOutput(nn.Module):
        def forward(self, ids: torch.Tensor) -> torch.Tensor:
            return torch.zeros(len(ids), 1)

    model = ExplainedModel(OneOutput(), nn.Embedding(3, 2))
    with pytest.raises(ValueError, match=r"answered with \(2, 1\) to 2 texts.*turn one output z"):
        model.logits(torch.tensor([[1], [2]]))
    with pytest.raises(ValueError, match="answered with tuple"):
        ExplainedModel(nn.LSTM(2, 2), nn.Embedding(3, 2)).logits(torch.zeros(4, 2))  # type: ignore[arg-type]


def test_ids_that_do_not_fit_the_embedding_are_an_error() -> None:
    model = explained_model("lstm")
    with pytest.raises(ValueError, match="neutral_id is 12; expected an id from 0 to 11"):
        dataclasses.replace(model, neutral_id=12)
    with pytest.raises(ValueError, match="pad_id is -1"):
        dataclasses.replace(model, pad_id=-1)
    with pytest.raises(ValueError, match="neutral_id and pad_id are both 0"):
        dataclasses.replace(model, neutral_id=0)
    with pytest.raises(TypeError, match=r"embedding is of type Linear; expected the nn\.Embedding"):
        ExplainedModel(nn.Identity(), nn.Linear(2, 2))  # type: ignore[arg-type]


class TimeFirst(nn.Module):
    """Embeds the transposed ids, as PyTorch's own examples of text do."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(12, 4)
        self.gru = nn.GRU(4, 3)
        self.head = nn.Linear(3, 2)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.head(self.gru(self.embedding(ids.t()))[0][-1])
        return logits


def test_vectors_of_transposed_ids_are_not_mistaken_for_those_of_the_ids() -> None:
    """With as many texts as words the shapes alone would not tell."""
    network = TimeFirst()
    model = ExplainedModel(network, network.embedding, network.gru)
    ids = torch.arange(1, 10).reshape(3, 3)
    with pytest.raises(ValueError, match="embed first, transpose then"):
        model.logits_of_embedded(model.embedding(ids), ids)
    target = torch.zeros(3, dtype=torch.long)
    for name in ("layer-gradient-x-activation", "integrated-gradients-word"):
        with pytest.raises(ValueError, match="embed first, transpose then"):
            METHODS[name](model, ids, target)
    assert not network.embedding._forward_pre_hooks
