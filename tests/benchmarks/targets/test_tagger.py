import pytest
import torch
import torch.nn.functional as F

from benchmarks.targets.tagger import TargetTagger, tagging_loss, train_tagger


def test_rows_of_any_length_are_tagged_as_if_alone():
    torch.manual_seed(0)
    tagger = TargetTagger(9, embedding_dim=4, hidden_size=5).eval()
    rows = [[3, 1], [2, 9, 4, 7, 7], [5]]
    ids = torch.tensor([row + [0] * (6 - len(row)) for row in rows])
    logits = tagger(ids)
    assert logits.shape == (3, 6, 4)
    for row, together in zip(rows, logits, strict=True):
        torch.testing.assert_close(together[: len(row)], tagger(torch.tensor([row]))[0])


def test_embedded_characters_give_the_same():
    tagger = TargetTagger(9, embedding_dim=4, hidden_size=5).eval()
    ids = torch.tensor([[3, 1, 2], [4, 0, 0]])
    assert torch.equal(tagger.forward_embedded(tagger.embedding(ids), ids), tagger(ids))


def test_the_loss_leaves_padding_out():
    torch.manual_seed(0)
    logits = torch.randn(2, 4, 4, requires_grad=True)
    tags = [[0, 1, 3, 2], [2]]
    alone = torch.cat([logits[0], logits[1, :1]])
    loss = tagging_loss(logits, tags)
    torch.testing.assert_close(loss, F.cross_entropy(alone, torch.tensor([0, 1, 3, 2, 2])))
    loss.backward()
    assert (logits.grad[1, 1:] == 0).all()


def test_training_starts_from_the_vectors_given():
    vectors = torch.randn(6, 3)
    # A learning rate of 0 leaves every weight where it began.
    tagger = train_tagger(
        [[1, 5]],
        [[0, 1]],
        5,
        vectors=vectors,
        embedding_dim=3,
        hidden_size=2,
        epochs=1,
        learning_rate=0.0,
        show_progress=False,
    )
    assert torch.equal(tagger.embedding.weight, vectors)
    assert not tagger.training


def test_sentences_without_their_tags_are_refused():
    for sequences, tags in (([], []), ([[1, 2]], [[0]]), ([[]], [[]]), ([[1]], [])):
        with pytest.raises(ValueError, match="expected at least one sentence"):
            train_tagger(sequences, tags, 5, show_progress=False)
