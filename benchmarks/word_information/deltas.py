"""Study 4: word information beside the hidden-state deltas, on the same final state."""

from collections import defaultdict
from typing import Any

import torch
from torch import Tensor

from benchmarks.word_information.measures import measure
from benchmarks.word_information.summaries import over_texts, text_correlations
from captum_rnn.attr import AdjointDeltaAttribution, HiddenStateDeltaAttribution
from captum_rnn.attr.noise_search import NoiseSearch
from captum_rnn.functional import Distance
from captum_rnn.text import TextClassifier

FEWEST_SEEN = 3
_DISTANCES: dict[str, Distance] = {"L2 delta": "l2", "projection delta": "projection"}


def beside_deltas(
    classifier: TextClassifier, fit: Tensor, ids: Tensor, search: NoiseSearch
) -> dict[str, Any]:
    """The study on a `TextClassifier` for padded ids (texts, time)."""
    model = classifier.model
    measured = measure(
        model, model.rnn, model.embedding, fit, ids, readout="final", packed=True, search=search
    )
    with torch.no_grad():
        target = model(ids).argmax(1)
    padding = ids == 0
    scores = {
        "word information": measured.information,
        "gradient": measured.gradient,
    }
    for name, distance in _DISTANCES.items():
        delta = HiddenStateDeltaAttribution(model, model.rnn, distance=distance)
        scores[name] = delta.attribute(ids).abs().masked_fill(padding, torch.nan)
    adjoint = AdjointDeltaAttribution(model, model.rnn).attribute(ids, target=target)
    scores["adjoint delta"] = adjoint.abs().masked_fill(padding, torch.nan)
    information = scores["word information"]
    return {
        "texts": len(ids),
        "settled": measured.settled,
        "with_replacement": {
            name: over_texts(text_correlations(measured.perturbation, values))
            for name, values in scores.items()
        },
        "with_information": {
            name: over_texts(text_correlations(information, values))
            for name, values in scores.items()
            if name != "word information"
        },
        "disagreement": disagreement(information, scores["projection delta"]),
        "words": disputed_words(classifier, ids, information, scores["projection delta"]),
        "points": [
            [round(rank, 3) for rank in pair]
            for pair in zip(
                ranks(information)[~padding].tolist(),
                ranks(scores["projection delta"])[~padding].tolist(),
                strict=True,
            )
        ],
    }


def ranks(scores: Tensor) -> Tensor:
    """Rank of each word in its text, 0 the lowest and 1 the highest; NaN for padding."""
    found = torch.full_like(scores, torch.nan)
    for row, values in enumerate(scores):
        words = values.isfinite()
        order = values[words].argsort().argsort().to(scores)
        found[row, words] = order / max(1, len(order) - 1)
    return found


def disagreement(information: Tensor, delta: Tensor) -> dict[str, Any]:
    """Share of each text's words in the top fifth of one and the lower half of the other."""
    kept, credited = ranks(information), ranks(delta)
    words = information.isfinite().sum(1)
    return {
        "credited_but_not_kept": over_texts(((credited >= 0.8) & (kept < 0.5)).sum(1) / words),
        "kept_but_not_credited": over_texts(((kept >= 0.8) & (credited < 0.5)).sum(1) / words),
    }


def disputed_words(
    classifier: TextClassifier, ids: Tensor, information: Tensor, delta: Tensor
) -> dict[str, Any]:
    """The words with the largest mean difference of the two ranks, seen three times at least."""
    apart: dict[int, list[float]] = defaultdict(list)
    difference = ranks(delta) - ranks(information)
    for number, value in zip(ids[ids != 0].tolist(), difference[ids != 0].tolist(), strict=True):
        apart[number].append(value)
    means = sorted(
        (sum(values) / len(values), classifier.vocabulary.words[number - 1], len(values))
        for number, values in apart.items()
        if len(values) >= FEWEST_SEEN
    )
    named = [
        {"word": word, "seen": seen, "rank_difference": round(mean, 3)}
        for mean, word, seen in means
    ]
    return {"credited_but_not_kept": named[::-1][:8], "kept_but_not_credited": named[:8]}
