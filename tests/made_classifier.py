"""A small classifier made by hand."""

import torch

from captum_rnn.text.classifier import RecurrentClassifier
from captum_rnn.text.pipeline import TextClassifier
from captum_rnn.text.vocabulary import Vocabulary

WORDS = ("很", "好", "差", "的", "书", "非常", "酒店", "，", "热水器", "不", "推荐")


def made_classifier() -> TextClassifier:
    """An untrained LSTM on eleven words that reads eight of a text, with clear probabilities."""
    torch.manual_seed(3)
    model = RecurrentClassifier(len(WORDS), embedding_dim=8, hidden_size=6)
    with torch.no_grad():
        model.embedding.weight[1:].normal_()
        model.head.weight.normal_(std=2)
    return TextClassifier(
        model, Vocabulary(WORDS), ("negative", "positive"), 8, {"corpus": "by hand"}
    )
