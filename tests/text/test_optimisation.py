import copy

import pytest
import torch
from torch import nn

from captum_rnn.text.batching import pad_ids
from captum_rnn.text.classifier import RecurrentClassifier
from captum_rnn.text.optimisation import optimise

# The class of a text is whether it holds word 1.
TEXTS = [[n % 7 + 2, (1 if n % 2 else 3), n % 5 + 2][: 2 + n % 3] for n in range(60)]
LABELS = [int(1 in text) for text in TEXTS]


def small():
    torch.manual_seed(0)
    return RecurrentClassifier(9, embedding_dim=8, hidden_size=8)


def quietly(model, **options):
    optimise(model, TEXTS, LABELS, batch_size=8, show_progress=False, **options)


def test_learns_a_rule_that_can_be_learnt():
    model = small()
    quietly(model, epochs=25, learning_rate=1e-2)
    assert not model.training
    assert model(pad_ids(TEXTS)).argmax(1).tolist() == LABELS


def test_one_step_is_adam_on_the_cross_entropy():
    """Without dropout and with one batch, a plain step by hand gives the same weights."""
    model = RecurrentClassifier(9, embedding_dim=8, hidden_size=8, dropout=0.0)
    expected = copy.deepcopy(model)
    optimise(model, TEXTS, LABELS, epochs=1, batch_size=60, learning_rate=0.01, show_progress=False)
    loss = nn.CrossEntropyLoss()(expected(pad_ids(TEXTS)), torch.tensor(LABELS))
    loss.backward()
    adam = torch.optim.Adam(expected.parameters(), lr=0.01)
    adam.step()
    for ours, theirs in zip(model.parameters(), expected.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)


def test_a_seed_repeats_and_another_differs():
    first, second, third = small(), small(), small()
    quietly(first, epochs=1, seed=4)
    torch.rand(5)
    quietly(second, epochs=1, seed=4)
    quietly(third, epochs=1, seed=5)
    assert torch.equal(first.head.weight, second.head.weight)
    assert not torch.equal(first.head.weight, third.head.weight)


def test_the_random_numbers_of_the_program_are_left_alone():
    torch.manual_seed(7)
    expected = torch.rand(3)
    model = small()
    torch.manual_seed(7)
    quietly(model, epochs=1)
    assert torch.equal(torch.rand(3), expected)


def test_unknown_words_change_nothing():
    plain, with_unknown = small(), small()
    quietly(plain, epochs=2)
    texts = [[0, *text, 0, 0] for text in TEXTS]
    optimise(with_unknown, texts, LABELS, batch_size=8, epochs=2, show_progress=False)
    assert torch.equal(plain.head.weight, with_unknown.head.weight)


def test_progress_goes_to_standard_error(capsys):
    optimise(small(), TEXTS, LABELS, epochs=2, batch_size=30, show_progress=True)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "4/4" in printed.err
    assert "epoch=2, loss=" in printed.err


@pytest.mark.parametrize(("texts", "labels"), [([], []), ([[1]], [0, 1])])
def test_every_text_needs_a_label(texts, labels):
    with pytest.raises(ValueError, match=f"{len(texts)} texts and {len(labels)} labels"):
        optimise(small(), texts, labels)
