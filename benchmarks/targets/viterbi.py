r"""The best path of tags, and how a list of known names changes the transition scores.

A path y of a text of n characters has the score

.. math:: \sum_{t=1}^{n} e_t(y_t) + \sum_{t=2}^{n} a(y_{t-1}, y_t)

with emission scores e, the tagger's logarithms of probabilities, and transition scores a, which
say how much more often a tag follows another than it occurs at all. A list of names forbids
transitions: a run of tagged characters may begin only where a listed name begins, and end only
where that same name ends. For that, each occurrence of a name has states of its own, one for each
polarity, and the transitions between states depend on the position. Nothing else changes, and the
path stays exact.

Source: Su Jianlin (2016), "基于双向GRU和语言模型的视角情感分析", Scientific Spaces, archives/4118;
the algorithm is Viterbi's (1967).
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from benchmarks.targets.tags import POLARITIES, Span, Tag, runs

Scores: TypeAlias = NDArray[np.float64]


def transition_scores(paths: Iterable[Sequence[int]]) -> Scores:
    r"""How much more often one tag follows another than it occurs at all, as a logarithm.

    .. math:: a(i, j) = \log \frac{P(y_t = j \mid y_{t-1} = i)}{P(y_t = j)}

    over the steps of all paths, each pair of tags counted once more than it occurs. The tagger's
    own probabilities hold how often a tag occurs; without the division it would count twice, and
    hardly any target would be found (Bourlard and Morgan, "Connectionist Speech Recognition", 1994,
    divide for the same reason).

    Args:
        paths: The tags of each training sentence.

    Returns:
        Scores (from, to) of shape (4, 4); 0 where the tags are independent.

    Example:
        >>> scores = transition_scores([[0, 1, 1, 0, 0, 0]])
        >>> np.exp(scores[0]).round(2).tolist()
        [1.29, 1.0, 0.75, 0.75]
    """
    counts = np.ones((len(Tag), len(Tag)))
    for path in paths:
        np.add.at(counts, (list(path[:-1]), list(path[1:])), 1.0)
    following = counts / counts.sum(axis=1, keepdims=True)
    scores: Scores = np.log(following / (counts.sum(axis=0) / counts.sum()))
    return scores


def best_path(emissions: Scores, transitions: Iterable[Scores]) -> list[int]:
    """The path of the highest score; of equally good ones, one of them.

    Args:
        emissions: Scores (time, states); -inf for a state that is not possible.
        transitions: For each step from the first position to the second and so on, scores
            (states, states) of going from one state to another; -inf for what is forbidden.

    Returns:
        One state for each position; empty for an empty text.

    Example:
        >>> emissions = np.array([[1.0, 0.0], [0.0, 0.4], [1.0, 0.0]])
        >>> best_path(emissions, itertools.repeat(np.array([[0.0, -1.0], [-1.0, 0.0]])))
        [0, 0, 0]
    """
    if len(emissions) == 0:
        return []
    score = emissions[0]
    came_from = []
    for here, step in zip(emissions[1:], transitions, strict=False):
        arriving = score[:, None] + step
        came_from.append(arriving.argmax(axis=0))
        score = arriving.max(axis=0) + here
    path = [int(score.argmax())]
    for previous in reversed(came_from):
        path.append(int(previous[path[-1]]))
    return path[::-1]


def decode(
    emissions: Scores,
    transitions: Scores,
    names: Sequence[tuple[int, int]] | None = None,
) -> list[Span]:
    """The tagged spans of the best path.

    Args:
        emissions: Scores (time, 4) of each tag at each character.
        transitions: Scores (4, 4) of one tag following another.
        names: Start and stop of each occurrence of a listed name: only these can be tagged, whole
            and with one tag. `None`: any run of characters can.

    Returns:
        The spans in the order of the text. Without names, neighbouring characters of one tag are
        one span; with names, each span is one of them.

    Raises:
        ValueError: Scores of other shapes, or a name that does not lie within the text.

    Example:
        >>> emissions = np.log([[0.4, 0.5, 0.05, 0.05], [0.5, 0.4, 0.05, 0.05]])
        >>> even = np.zeros((4, 4))
        >>> decode(emissions, even), decode(emissions, even, names=[(0, 2)])
        ([Span(start=0, stop=1, tag=<Tag.POSITIVE: 1>)], [])
    """
    tags = len(Tag)
    if emissions.ndim != 2 or emissions.shape[1] != tags or transitions.shape != (tags, tags):
        raise ValueError(
            f"emissions has shape {emissions.shape} and transitions {transitions.shape}; expected "
            f"(time, {tags}) and ({tags}, {tags})"
        )
    if names is None:
        return runs(best_path(emissions, itertools.repeat(transitions)))
    outside = [name for name in names if not 0 <= name[0] < name[1] <= len(emissions)]
    if outside:
        raise ValueError(
            f"the name {outside[0]} does not lie within a text of {len(emissions)} characters; "
            "expected start and stop with 0 <= start < stop <= the length"
        )
    states = [Span(start, stop, tag) for start, stop in names for tag in POLARITIES]
    path = best_path(
        _named_emissions(emissions, states),
        _named_transitions(transitions, states, len(emissions)),
    )
    entered = {state for previous, state in itertools.pairwise([0, *path]) if state != previous}
    return sorted(states[state - 1] for state in entered if state > 0)


def _named_emissions(emissions: Scores, states: Sequence[Span]) -> Scores:
    """Scores (time, 1 + states): no target, and each span where it stands."""
    scores = np.full((len(emissions), 1 + len(states)), -np.inf)
    scores[:, 0] = emissions[:, Tag.NONE]
    for column, span in enumerate(states, start=1):
        within = slice(span.start, span.stop)
        scores[within, column] = emissions[within, span.tag]
    return scores


def _named_transitions(transitions: Scores, states: Sequence[Span], time: int) -> Iterator[Scores]:
    """For each step, scores (1 + states, 1 + states); a name is entered and left as a whole."""
    tags = np.array([Tag.NONE, *(span.tag for span in states)])
    starts = np.array([span.start for span in states])
    stops = np.array([span.stop for span in states])
    scores = transitions[tags[:, None], tags[None, :]]
    stay = np.eye(len(tags), dtype=bool)
    for position in range(1, time):
        leave = np.concatenate([[True], stops == position])
        enter = np.concatenate([[True], starts == position])
        yield np.where(stay | (leave[:, None] & enter[None, :]), scores, -np.inf)
