"""Texts of a comparison that are shown in full: each word with the scores of every method."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from captum_rnn.benchmark.post_examples import PostExample
from captum_rnn.benchmark.subject import Subject


def corpus_examples(subject: Subject, scores: Mapping[str, Tensor]) -> list[dict[str, Any]]:
    """Describes texts of the corpus.

    Args:
        subject: The texts.
        scores: The scores (texts, time) of each method.

    Returns:
        One JSON-ready entry for each text.
    """
    return [
        _entry("corpus", subject, row, scores) | {"printed": None, "rank_correlation": None}
        for row in range(len(subject.texts))
    ]


def post_examples(
    subject: Subject, scores: Mapping[str, Tensor], printed: Sequence[PostExample]
) -> list[dict[str, Any]]:
    """Describes sentences of the post, the printed scores beside ours.

    Args:
        subject: The sentences.
        scores: The scores (sentences, time) of each method.
        printed: The sentences as printed.

    Returns:
        One JSON-ready entry for each sentence. Where the words differ from the printed ones,
        `rank_correlation` is null and `note` names the words that stand on one side only.
    """
    entries = []
    for row, example in enumerate(printed):
        entry = _entry("post", subject, row, scores)
        same_words = tuple(entry["tokens"]) == example.tokens
        known = subject.read[row, : len(entry["tokens"])].tolist()
        entry["printed"] = {"tokens": list(example.tokens), "scores": list(example.scores)}
        entry["rank_correlation"] = (
            {
                name: example.agreement(entry["tokens"], row_scores, known)
                for name, row_scores in entry["scores"].items()
            }
            if same_words
            else None
        )
        if not same_words:
            entry["note"] = _segmentation_note(example.tokens, entry["tokens"])
        entries.append(entry)
    return entries


def _entry(source: str, subject: Subject, row: int, scores: Mapping[str, Tensor]) -> dict[str, Any]:
    tokens = subject.tokens[row]
    probability, predicted = subject.probabilities[row].max(dim=0)
    return {
        "source": source,
        "text": subject.texts[row],
        "tokens": tokens,
        "words_cut": subject.words_cut[row],
        "predicted_class": subject.classes[int(predicted)],
        "probability": float(probability),
        "scores": {
            name: method_scores[row, : len(tokens)].tolist()
            for name, method_scores in scores.items()
        },
        "note": None,
    }


def _segmentation_note(printed: Sequence[str], ours: Sequence[str]) -> str:
    then = " ".join(word for word in printed if word not in ours)
    today = " ".join(word for word in ours if word not in printed)
    return (
        f"segmented differently today: the post has {then or 'fewer words'}, we have "
        f"{today or 'fewer words'}; no rank correlation"
    )
