"""The nine sentences whose scores the post that introduced hidden-state delta prints."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources

from captum_rnn.evaluation.agreement.correlations import rank_correlation


@dataclass(frozen=True)
class PostExample:
    """A sentence of the post as printed.

    The sentences, words and scores are those of Su Jianlin (2017), "RNN模型中输入的重要性的评估",
    Scientific Spaces, archives/4582. The weights behind them were never published.

    Attributes:
        text: The sentence.
        tokens: Its words, as segmented then.
        scores: The normalised score of each word; 0 for a word outside the post's vocabulary.
    """

    text: str
    tokens: tuple[str, ...]
    scores: tuple[float, ...]

    def agreement(
        self, tokens: Sequence[str], scores: Sequence[float], known: Sequence[bool]
    ) -> float | None:
        """Spearman's rank correlation of other scores with the printed ones.

        Only words that both classifiers know are compared: the 0 of an unknown word is no score.

        Args:
            tokens: Words of the sentence, as segmented by the other classifier.
            scores: Their scores.
            known: Whether the other classifier knows each word.

        Returns:
            The correlation; None where the words differ from the printed ones, or where fewer than
            three such words or equal scores leave no order to compare.
        """
        if tuple(tokens) != self.tokens:
            return None
        both_know = [
            place
            for place, (printed, is_known) in enumerate(zip(self.scores, known, strict=True))
            if printed != 0 and is_known
        ]
        correlation = rank_correlation(
            [self.scores[place] for place in both_know], [scores[place] for place in both_know]
        )
        return None if math.isnan(correlation) else correlation


def load_post_examples() -> list[PostExample]:
    """Loads the nine sentences, in the order of the post.

    Returns:
        The sentences with their printed words and scores.

    Example:
        >>> [round(sum(example.scores), 6) for example in load_post_examples()]
        [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]
    """
    file = resources.files("captum_rnn.benchmark").joinpath("post_examples.json")
    content = json.loads(file.read_text(encoding="utf-8"))
    return [
        PostExample(example["text"], tuple(example["tokens"]), tuple(example["scores"]))
        for example in content["examples"]
    ]
