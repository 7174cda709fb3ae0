import math

import pytest
import torch
import torch.nn.functional as F

from benchmarks.targets.characters import character_vocabulary, encode_characters
from benchmarks.targets.language_model import CharacterLanguageModel, train_language_model


def test_the_loss_is_the_mean_over_what_follows_a_character():
    torch.manual_seed(0)
    model = CharacterLanguageModel(6, embedding_dim=4, hidden_size=5)
    rows = [[1, 2, 3, 4], [5, 6]]
    each = []
    for row in rows:
        logits = model(torch.tensor([row]))[0]
        each += [F.cross_entropy(logits[t], torch.tensor(row[t + 1])) for t in range(len(row) - 1)]
    padded = torch.tensor([[1, 2, 3, 4, 0], [5, 6, 0, 0, 0]])
    torch.testing.assert_close(model.loss(padded), torch.stack(each).mean())


def test_no_character_sees_those_behind_it():
    model = CharacterLanguageModel(6, embedding_dim=4, hidden_size=5)
    first, second = model(torch.tensor([[1, 2, 3]])), model(torch.tensor([[1, 2, 6]]))
    torch.testing.assert_close(first[:, :2], second[:, :2])


def test_learns_a_text_that_repeats():
    texts = ["甲乙丙丁" * 5] * 20
    vocabulary = character_vocabulary(texts)
    model = train_language_model(
        texts,
        vocabulary,
        embedding_dim=8,
        hidden_size=16,
        epochs=30,
        batch_size=10,
        learning_rate=0.02,
        max_length=8,
        show_progress=False,
    )
    loss = model.loss(encode_characters(vocabulary, ["甲乙丙丁甲乙丙丁"]))
    assert loss.item() < 0.1 < math.log(4)
    assert not model.training


def test_a_seed_repeats_and_leaves_the_programs_random_numbers_alone():
    texts = ["甲乙丙", "丙乙甲", "甲甲"]
    vocabulary = character_vocabulary(texts)

    def trained():
        return train_language_model(
            texts, vocabulary, embedding_dim=3, hidden_size=3, epochs=2, show_progress=False
        )

    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    first, second = trained(), trained()
    assert torch.equal(torch.rand(1), expected)
    assert torch.equal(first.embedding.weight, second.embedding.weight)


def test_texts_without_anything_to_predict_are_refused():
    vocabulary = character_vocabulary(["甲甲"])
    with pytest.raises(ValueError, match="none of the 2 texts has two characters"):
        train_language_model(["甲", ""], vocabulary, show_progress=False)
