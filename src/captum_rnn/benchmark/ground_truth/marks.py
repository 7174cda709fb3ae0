"""Agreement with people: with the words that they marked, and with the words of a lexicon."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from captum_rnn.benchmark.checkpoint import Checkpoint
from captum_rnn.benchmark.dataset import Dataset
from captum_rnn.benchmark.ground_truth.judging import (
    Judge,
    JudgedTexts,
    Judging,
    measure_done,
)
from captum_rnn.benchmark.ground_truth.marks_files import MarkedText
from captum_rnn.benchmark.methods import Method
from captum_rnn.benchmark.results import GroundTruth, MethodScores
from captum_rnn.benchmark.scoring import Findings
from captum_rnn.evaluation import (
    average_precision,
    pointing_accuracy,
    sign_accuracy,
    spans_to_tokens,
    token_f1,
)
from captum_rnn.evaluation.plausibility.marks import (
    AVERAGE_PRECISION,
    POINTING,
    SIGN,
    TOKEN_F1,
    lexicon_polarity,
)
from captum_rnn.text.pipeline import TextClassifier

_MEASURES = (TOKEN_F1, AVERAGE_PRECISION, POINTING, SIGN)


def marked_words(
    classifier: TextClassifier, texts: Sequence[MarkedText], *, seed: int = 0
) -> JudgedTexts:
    """Texts whose words people marked, which ask for these words.

    A word is gold if it was marked and its polarity is that of the predicted class, which the
    scores explain. The classes have to be negative (0) and positive (1).

    Args:
        classifier: A trained classifier of two classes.
        texts: The texts with their marks.
        seed: Seed of the order of equal scores.

    Returns:
        The texts, with the measures `token_f1`, `average_precision`, `pointing` and `sign`.
    """
    dataset = Dataset.of(classifier, [marked.text for marked in texts])
    polarity = torch.zeros(dataset.ids.shape, dtype=torch.long)
    for row, marked in enumerate(texts):
        # English words are looked up in lower case, which keeps the places of all characters.
        text = marked.text.lower() if classifier.language == "english" else marked.text
        for sign in (1, -1):
            spans = [(start, end) for start, end, of in marked.spans if of == sign]
            tokens = spans_to_tokens(text, dataset.tokens[row], spans)
            polarity[row, : len(tokens)][tokens] = sign
    return JudgedTexts("marks", dataset, polarity, _MEASURES, _judge(dataset, polarity, seed))


def agreement_with_marks(judging: Judging) -> GroundTruth:
    """Compares the scores of every method with the words that people marked.

    Args:
        judging: The methods on texts of `marked_words`.

    Returns:
        The figures of each method, with `sign` only for methods whose sign means the class.
    """
    return _agreement(judging.texts.dataset, judging.methods, judging.results())


def agreement_with_lexicon(
    dataset: Dataset, findings: Findings, lexicon: Mapping[str, int], *, seed: int = 0
) -> GroundTruth:
    """Compares the scores that a comparison has found with the words of a lexicon.

    Args:
        dataset: The compared texts, of a classifier of negative (0) and positive (1).
        findings: What the comparison found.
        lexicon: 1 or −1 for each word of known polarity.
        seed: Seed of the order of equal scores and of the bootstrap.

    Returns:
        See `agreement_with_marks`.
    """
    judge = _judge(
        dataset, lexicon_polarity(dataset.tokens, lexicon, width=dataset.ids.shape[1]), seed
    )
    judged = measure_done(
        findings,
        lambda method: judge(findings.scores[method.name]),
        Checkpoint(None, "lexicon"),
        measures=_MEASURES,
        seed=seed,
        name="lexicon",
    )
    return _agreement(dataset, [scored.method for scored in findings.methods], judged)


def _agreement(
    dataset: Dataset, methods: Sequence[Method], judged: dict[str, MethodScores]
) -> GroundTruth:
    for method in methods:
        if not method.class_aware:
            # The sign of these scores means something else, or they have none.
            judged[method.name].measures.pop(SIGN.key, None)
    return GroundTruth(len(dataset.texts), judged)


def _judge(dataset: Dataset, polarity: Tensor, seed: int) -> Judge:
    ids, pad_id = dataset.ids.cpu(), dataset.model.pad_id
    positive = dataset.predicted.cpu() == 1
    gold = polarity == torch.where(positive, 1, -1).unsqueeze(1)

    def judge(scores: Tensor) -> dict[str, Tensor]:
        return {
            TOKEN_F1.key: token_f1(ids, scores, gold, pad_id=pad_id, seed=seed),
            AVERAGE_PRECISION.key: average_precision(ids, scores, gold, pad_id=pad_id),
            POINTING.key: pointing_accuracy(ids, scores, gold, pad_id=pad_id, seed=seed),
            SIGN.key: sign_accuracy(ids, scores, polarity, positive, pad_id=pad_id),
        }

    return judge
