"""Which word gave this target its polarity? Questions with an answer that a lexicon knows."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from benchmarks.targets.data import Sentence
from benchmarks.targets.opinions import nearest_opinion, opinion_words
from benchmarks.targets.tags import Span, Target, occurrences, target_spans


@dataclass(frozen=True)
class Question:
    """A target of a sentence, and the opinion words nearest to it.

    Attributes:
        text: The sentence.
        target: One of its targets, positive or negative.
        spans: Where the target stands.
        answer: The opinion word of the target's polarity that is nearest to it.
        distractor: The nearest opinion word of the opposite polarity; None if there is none.
    """

    text: str
    target: Target
    spans: tuple[Span, ...]
    answer: Span
    distractor: Span | None

    @property
    def characters(self) -> Tensor:
        """Boolean mask (characters,) of the target."""
        return _mask(self.spans, len(self.text))


def questions_of(
    sentence: Sentence, names: Collection[str], lexicon: Mapping[str, int]
) -> list[Question]:
    """The questions that a sentence allows: one for each target that has an answer.

    Args:
        sentence: The sentence, with its labelled targets.
        names: Known names; words that overlap one of them are no opinion words.
        lexicon: Polarity of each opinion word: 1 or −1.

    Example:
        >>> from benchmarks.targets.tags import Tag
        >>> honda = Target("本田", Tag.POSITIVE)
        >>> lexicon = {"舒服": 1, "难看": -1}
        >>> question, = questions_of(Sentence("本田舒服，丰田难看", (honda,)), set(), lexicon)
        >>> question.answer.start, question.distractor.start
        (2, 7)
    """
    spans = target_spans(sentence.text, sentence.targets)
    taken = [(span.start, span.stop) for of_target in spans for span in of_target]
    words = opinion_words(sentence.text, lexicon, taken + occurrences(sentence.text, names))
    found = []
    for target, of_target in zip(sentence.targets, spans, strict=True):
        nearest = nearest_opinion(of_target, words)
        if nearest is not None:
            found.append(
                Question(sentence.text, target, tuple(of_target), nearest.same, nearest.opposite)
            )
    return found


def share_on_answer(question: Question, scores: Tensor) -> float:
    r"""Share of the positive score outside the target that falls on the answer, in [0, 1].

    .. math:: \frac{\sum_{i \in A} \max(s_i, 0)}{\sum_{i \notin T} \max(s_i, 0)}

    over the characters of the answer A and of the target T. The target is left out below, since its
    own characters say that there is a name and not what is thought of it.

    Args:
        question: The question.
        scores: Scores (characters,).

    Returns:
        The share; NaN where no character outside the target has a positive score.

    Raises:
        ValueError: There is another number of scores than of characters.

    Example:
        >>> from benchmarks.targets.tags import Tag
        >>> place = Span(0, 1, Tag.POSITIVE), Span(2, 3, Tag.POSITIVE)
        >>> question = Question("甲乙丙", Target("甲", Tag.POSITIVE), place[:1], place[1], None)
        >>> share_on_answer(question, torch.tensor([9.0, 1.0, 3.0]))
        0.75
    """
    positive = _checked(question, scores).clamp(min=0)
    outside = positive[~question.characters].sum()
    return float(positive[question.answer.start : question.answer.stop].sum() / outside)


def share_on_target(question: Question, scores: Tensor) -> float:
    """Share of all positive score that falls on the target itself, in [0, 1]; NaN without any.

    Args:
        question: The question.
        scores: Scores (characters,).
    """
    positive = _checked(question, scores).clamp(min=0)
    return float(positive[question.characters].sum() / positive.sum())


def prefers_answer(question: Question, scores: Tensor) -> float:
    """Whether the answer scores higher than the distractor, each the mean of its characters.

    Args:
        question: The question.
        scores: Scores (characters,).

    Returns:
        1 or 0; 0.5 for equal scores, NaN without a distractor.
    """
    if question.distractor is None:
        return float("nan")
    numbers = _checked(question, scores)
    answer, distractor = (
        float(numbers[word.start : word.stop].mean())
        for word in (question.answer, question.distractor)
    )
    return 0.5 if answer == distractor else float(answer > distractor)


def even_scores(question: Question) -> Tensor:
    """The same score for each character (characters,): what chance gives."""
    return torch.ones(len(question.text))


def distance_scores(question: Question) -> Tensor:
    """The inverse distance from the target (characters,), which knows no word at all.

    A character beside the target has 1, the next one 1/2; the target's own have 1.
    """
    places = torch.arange(len(question.text))
    distances = [
        torch.maximum(span.start - places, places - span.stop + 1).clamp(min=1)
        for span in question.spans
    ]
    return 1 / torch.stack(distances).min(dim=0).values


def _checked(question: Question, scores: Tensor) -> Tensor:
    if scores.shape != (len(question.text),):
        raise ValueError(
            f"scores has shape {tuple(scores.shape)} for a sentence of {len(question.text)} "
            "characters; expected one score for each"
        )
    return scores.detach().double().cpu()


def _mask(spans: Sequence[Span], characters: int) -> Tensor:
    mask = torch.zeros(characters, dtype=torch.bool)
    for span in spans:
        mask[span.start : span.stop] = True
    return mask
