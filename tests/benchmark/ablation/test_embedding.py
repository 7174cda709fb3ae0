import torch

from captum_rnn.benchmark.ablation.embedding import with_equal_norms
from captum_rnn.benchmark.dataset import explained_model
from captum_rnn.text.classifier import RecurrentClassifier


def test_words_keep_their_direction_and_get_the_mean_length():
    torch.manual_seed(0)
    explained = explained_model(RecurrentClassifier(20, embedding_dim=3, hidden_size=4))
    with torch.no_grad():
        explained.embedding.weight[1:].normal_()
        explained.embedding.weight[7] = 0.0
    before = explained.embedding.weight.detach().clone()
    changed = with_equal_norms(explained)
    after = changed.embedding.weight.detach()
    words = [word for word in range(1, 21) if word != 7]
    mean = before[1:].norm(dim=1).mean()
    torch.testing.assert_close(after[words].norm(dim=1), mean.expand(19))
    cosines = torch.cosine_similarity(before[words], after[words])
    torch.testing.assert_close(cosines, torch.ones(19))
    assert after[[0, 7]].eq(0).all()
    assert torch.equal(explained.embedding.weight, before)


def test_the_copy_runs_on_its_own_word_vectors():
    explained = explained_model(RecurrentClassifier(20, embedding_dim=3, hidden_size=4).eval())
    changed = with_equal_norms(explained)
    assert changed.embedding is changed.model.embedding
    assert changed.layer is changed.model.rnn
    assert changed.layer is not explained.layer
    ids = torch.tensor([[3, 8, 1]])
    assert not torch.equal(changed.probabilities(ids), explained.probabilities(ids))
