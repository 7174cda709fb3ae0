"""A classifier without word order, as a scale for the accuracy of the recurrent ones."""

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from benchmarks.reviews.subjects import Recipe
from captum_rnn.text.accuracy import Accuracy
from captum_rnn.text.tokenizer import tokenize


def bag_of_words_accuracy(recipe: Recipe) -> Accuracy:
    """Accuracy of logistic regression on the words that a recurrent classifier reads.

    It learns from the same reviews, cut at the same length, and is tested on the same ones. The
    counts of the words are weighted by TF-IDF; all else is scikit-learn's default.

    Args:
        recipe: The recurrent classifier; of it, only the corpus decides.

    Returns:
        The accuracy on the held-out reviews.

    Raises:
        ImportError: The corpus is not installed (extra `demo`).
    """
    settings, split, language = recipe.settings, recipe.split(), recipe.language

    def words(text: str) -> list[str]:
        return tokenize(text, language)[: settings.max_length]

    train = split.train[: settings.training_texts]
    model = make_pipeline(TfidfVectorizer(analyzer=words), LogisticRegression())
    model.fit([review.text for review in train], [review.label for review in train])
    found = model.predict([review.text for review in split.held_out])
    right = sum(label == review.label for label, review in zip(found, split.held_out, strict=True))
    return Accuracy(int(right), len(split.held_out))
