"""Raw text and recurrent classifiers: tokenizer, corpora, training, storage, explanations.

`TextClassifier.load().explain(text)` explains Chinese reviews with the classifier that comes
with the package; `train(load_corpus(path))` makes another one.
"""

from captum_rnn.text.classifier import RecurrentClassifier
from captum_rnn.text.corpus import Corpus, Review
from captum_rnn.text.corpus_files import load_corpus
from captum_rnn.text.explanation import Explanation
from captum_rnn.text.pipeline import TextClassifier
from captum_rnn.text.split import held_out_reviews
from captum_rnn.text.tokenizer import tokenize
from captum_rnn.text.training import TrainingSettings, train
from captum_rnn.text.vocabulary import Vocabulary

__all__ = [
    "Corpus",
    "Explanation",
    "RecurrentClassifier",
    "Review",
    "TextClassifier",
    "TrainingSettings",
    "Vocabulary",
    "held_out_reviews",
    "load_corpus",
    "tokenize",
    "train",
]
