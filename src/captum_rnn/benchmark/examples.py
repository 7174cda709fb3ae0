"""Texts of a comparison that are shown in full: each word with the scores of every method."""

import math
from collections.abc import Mapping, Sequence
from typing import Literal

from torch import Tensor

from captum_rnn.benchmark.dataset import Dataset
from captum_rnn.benchmark.post_examples import PostExample
from captum_rnn.benchmark.results import Example, PrintedScores


def corpus_examples(dataset: Dataset, scores: Mapping[str, Tensor]) -> list[Example]:
    """Describes texts of the corpus.

    Args:
        dataset: The texts.
        scores: The scores (texts, time) of each method.
    """
    return [_example("corpus", dataset, row, scores) for row in range(len(dataset.texts))]


def post_examples(
    dataset: Dataset, scores: Mapping[str, Tensor], printed: Sequence[PostExample]
) -> list[Example]:
    """Describes sentences of the post, the printed scores next to ours.

    Args:
        dataset: The sentences.
        scores: The scores (sentences, time) of each method.
        printed: The sentences as printed.

    Returns:
        One example for each sentence. Where the words differ from the printed ones, it has no
        `rank_correlation`, and `note` names the words that only one side has.
    """
    examples = []
    for row, in_post in enumerate(printed):
        example = _example("post", dataset, row, scores)
        example.printed = PrintedScores(list(in_post.tokens), list(in_post.scores))
        if tuple(example.tokens) == in_post.tokens:
            known = dataset.read[row, : len(example.tokens)].tolist()
            example.rank_correlation = {
                name: _number(in_post.agreement(example.tokens, of_method, known))
                for name, of_method in example.scores.items()
            }
        else:
            example.note = _segmentation_note(in_post.tokens, example.tokens)
        examples.append(example)
    return examples


def _example(
    source: Literal["post", "corpus"], dataset: Dataset, row: int, scores: Mapping[str, Tensor]
) -> Example:
    tokens = dataset.tokens[row]
    probability, predicted = dataset.probabilities[row].max(dim=0)
    return Example(
        source=source,
        text=dataset.texts[row],
        tokens=tokens,
        words_cut=dataset.words_cut[row],
        predicted_class=dataset.classes[int(predicted)],
        probability=float(probability),
        scores={name: of_method[row, : len(tokens)].tolist() for name, of_method in scores.items()},
    )


def _number(correlation: float | None) -> float:
    return math.nan if correlation is None else correlation


def _segmentation_note(printed: Sequence[str], ours: Sequence[str]) -> str:
    then = " ".join(word for word in printed if word not in ours)
    today = " ".join(word for word in ours if word not in printed)
    return (
        f"segmented differently today: the post has {then or 'fewer words'}, we have "
        f"{today or 'fewer words'}; no rank correlation"
    )
