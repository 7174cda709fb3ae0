import pytest
import torch

from benchmarks.similarity import Halves, SentenceSimilarity, train_similarity


def reviews_of_four_topics(number=120):
    """Halves that share a topic's words: 1-3, 4-6, 7-9 or 10-12."""
    generator = torch.Generator().manual_seed(1)
    halves = []
    for review in range(number):
        words = torch.randint(1, 4, (2, 4), generator=generator) + 3 * (review % 4)
        halves.append(Halves(*(tuple(half) for half in words.tolist())))
    return halves


@pytest.mark.parametrize("head", ["cosine", "bilinear"])
def test_halves_of_one_topic_become_more_similar_than_others(head):
    torch.manual_seed(0)
    model = SentenceSimilarity(12, head, "gru", 8, 8)
    train_similarity(
        model,
        reviews_of_four_topics(),
        epochs=12,
        batch_size=20,
        learning_rate=1e-2,
        show_progress=False,
    )
    topics = torch.arange(1, 13).reshape(4, 3)
    with torch.no_grad():
        own = model(topics, topics.flip(1))
        other = model(topics, topics.roll(1, 0))
    assert not model.training
    assert own.min() > other.max()


def test_a_seed_gives_one_result():
    weights = []
    for seed in (0, 0, 1):
        torch.manual_seed(5)
        model = SentenceSimilarity(12, embedding_dim=4, hidden_size=4)
        halves = reviews_of_four_topics(30)
        train_similarity(model, halves, epochs=1, batch_size=8, seed=seed, show_progress=False)
        weights.append(model.embedding.weight.detach())
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_a_last_batch_of_one_review_has_no_stranger_and_is_left_out():
    torch.manual_seed(5)
    model = SentenceSimilarity(12, embedding_dim=4, hidden_size=4)
    train_similarity(
        model, reviews_of_four_topics(3), epochs=2, batch_size=2, seed=0, show_progress=False
    )
    assert all(weight.isfinite().all() for weight in model.parameters())


def test_one_review():
    with pytest.raises(ValueError, match="there are 1 reviews to learn from; expected 2"):
        train_similarity(SentenceSimilarity(12), [Halves((1,), (2,))], show_progress=False)
