"""What of the post's printed results comes back from another trained classifier, and what not."""

import math
from collections.abc import Sequence

from captum_rnn.benchmark.report.findings import POST
from captum_rnn.benchmark.results import Example, PrintedScores

Pair = tuple[Example, PrintedScores]

_FEWEST_REPEATS = 3
_SUM_TOLERANCE = 1e-3


def reproduction(examples: Sequence[Example]) -> list[str]:
    """Compares the printed scores with those of the same method on this classifier.

    Args:
        examples: The examples of a comparison; those of the post have their printed scores.

    Returns:
        Sentences, as plain text; none where no example has both scores.
    """
    pairs = [(e, e.printed) for e in examples if e.printed and POST in e.scores]
    if not pairs:
        return []
    compared = [example for example, _ in pairs]
    return [
        *_sums(compared),
        *_repeats(pairs),
        *_correlations(compared),
        *_top_words(pairs),
        *_segmentation(pairs),
    ]


def _sums(examples: Sequence[Example]) -> list[str]:
    ones = sum(abs(sum(e.scores[POST]) - 1) < _SUM_TOLERANCE for e in examples)
    if ones == len(examples):
        return [f"Reproduced: the scores of each sentence sum to 1 ({ones} of {ones})."]
    return [f"Not reproduced: the scores of only {ones} of {len(examples)} sentences sum to 1."]


def _correlations(examples: Sequence[Example]) -> list[str]:
    known = [(e.rank_correlation or {}).get(POST, math.nan) for e in examples]
    values = [value for value in known if not math.isnan(value)]
    if not values:
        return ["Not comparable: no sentence is cut into the printed words."]
    mean = sum(values) / len(values)
    weak = sum(value < 0.5 for value in values)
    return [
        "Not reproduced: the numbers themselves, since the weights behind them were never "
        f"published. Rank correlation with the printed scores: {mean:.2f} on average, from "
        f"{min(values):.2f} to {max(values):.2f}, over {len(values)} of the {len(examples)} "
        f"sentences; below 0.5 in {weak}."
    ]


def _top_words(pairs: Sequence[Pair]) -> list[str]:
    same = sum(
        _top_word(example.tokens, example.scores[POST]) == _top_word(printed.tokens, printed.scores)
        for example, printed in pairs
    )
    return [
        f"The word with the highest score is the printed one in {same} of the {len(pairs)} "
        "sentences."
    ]


def _segmentation(pairs: Sequence[Pair]) -> list[str]:
    other = [
        str(number)
        for number, (example, printed) in enumerate(pairs, start=1)
        if example.tokens != printed.tokens
    ]
    if not other:
        return []
    return [
        f"Not comparable word by word: sentence{'s' * (len(other) > 1)} {' and '.join(other)}, "
        "which the word segmenter cuts into other words today than it did in 2017."
    ]


def _repeats(pairs: Sequence[Pair]) -> list[str]:
    """Of a word that repeats, the post's later ones score less than the first."""
    sentences = []
    for number, (example, in_post) in enumerate(pairs, start=1):
        for word in dict.fromkeys(in_post.tokens):
            printed = _scores_of(word, in_post.tokens, in_post.scores)
            ours = _scores_of(word, example.tokens, example.scores[POST])
            is_content_word = len(word) > 1 and word.isalpha()
            if not is_content_word or len(printed) < _FEWEST_REPEATS or not _falls(printed):
                continue
            if not ours:
                continue
            verdict = "Reproduced" if _falls(ours) else "Not reproduced"
            sentences.append(
                f"{verdict}: of {word} in sentence {number} every later one scores less than the "
                f"first (printed {_listed(printed)}; here {_listed(ours)})."
            )
    return sentences


def _top_word(tokens: Sequence[str], scores: Sequence[float]) -> str:
    return max(zip(scores, tokens, strict=True))[1]


def _scores_of(word: str, tokens: Sequence[str], scores: Sequence[float]) -> list[float]:
    return [score for token, score in zip(tokens, scores, strict=True) if token == word]


def _falls(scores: Sequence[float]) -> bool:
    return all(score < scores[0] for score in scores[1:])


def _listed(scores: Sequence[float]) -> str:
    return ", ".join(f"{score:+.2f}" for score in scores)
