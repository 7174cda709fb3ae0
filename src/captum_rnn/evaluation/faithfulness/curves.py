r"""Everything that perturbation says about a ranking of the tokens, from shared predictions.

With T_k the k highest-scoring of the n tokens of a text x, c its predicted class and S equal steps,

.. math::
    \text{deletion}_i = p_c(x \setminus T_{in/S}), \qquad
    \text{insertion}_i = p_c(T_{in/S}), \qquad i = 0, \dots, S

are the deletion and insertion curves of Petsiuk et al., "RISE: Randomized Input Sampling for
Explanation of Black-box Models", BMVC 2018, with in/S rounded to whole tokens (halves
up). The area under a curve, by the trapezoidal rule over the share i/S in [0, 1], is the mean
probability along the way: a good ranking has a small area of deletion and a large one of insertion.

The decision flip is the smallest share k/n of the tokens without which the class changes (Serrano
and Smith, "Is Attention Interpretable?", ACL 2019), 1 where it never does.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from captum_rnn.evaluation.faithfulness.erasure import FRACTIONS, fraction_counts, mean_drop
from captum_rnn.evaluation.faithfulness.ranking import importance_ranks, top_tokens
from captum_rnn.evaluation.measure import Measure
from captum_rnn.evaluation.perturbed import PerturbedPredictions
from captum_rnn.evaluation.validation import check_scores

STEPS = 20
"""Steps of the curves: 5 % of the tokens each."""

DELETION_AREA = Measure(
    "deletion_area",
    "deletion area",
    "lower",
    "Mean probability of the predicted class while the words are removed, the highest scores "
    "first, until none is left.",
)
INSERTION_AREA = Measure(
    "insertion_area",
    "insertion area",
    "higher",
    "The same while the words are put into an empty text, the highest scores first.",
)
DECISION_FLIP = Measure(
    "decision_flip",
    "words until the class flips",
    "lower",
    "Smallest share of the words to remove, the highest scores first, until another class is "
    "predicted; 1 where none is.",
)

_MASKS_AT_ONCE = 2**26
"""Most positions of the masks that are held at one time."""


@dataclass(frozen=True)
class RankingMeasures:
    """What perturbation says about one ranking, for each text, in double precision on the CPU.

    All are NaN for a text without a single token that the model reads.

    Attributes:
        comprehensiveness: Loss of probability without the top tokens (batch,); higher is better.
        sufficiency: Loss of probability with the top tokens alone (batch,); lower is better.
        deletion_curve: Probability after each step of deletion (batch, steps + 1).
        insertion_curve: Probability after each step of insertion (batch, steps + 1).
        deletion_area: Area under the deletion curve (batch,); lower is better.
        insertion_area: Area under the insertion curve (batch,); higher is better.
        decision_flip: Share of the tokens whose deletion changes the class (batch,); lower is
            better.
    """

    comprehensiveness: Tensor
    sufficiency: Tensor
    deletion_curve: Tensor
    insertion_curve: Tensor
    deletion_area: Tensor
    insertion_area: Tensor
    decision_flip: Tensor


def measure_rankings(
    perturbed: PerturbedPredictions,
    scores: Mapping[str, Tensor],
    *,
    fractions: Sequence[float] = FRACTIONS,
    steps: int = STEPS,
    seed: int | None = None,
) -> dict[str, RankingMeasures]:
    """Measures the rankings that several methods give the tokens of the same texts.

    All methods ask together, so that each distinct perturbed text is predicted once, and together
    with what `perturbed` was asked before, such as leave-one-out.

    The decision flip is first looked for at the steps of the deletion curve, then at every number
    of tokens within the step where the class first differs. It is exact for texts of up to `steps`
    tokens; in a longer text a change that is undone before the next step is not seen.

    Args:
        perturbed: Predictions for perturbed versions of the texts.
        scores: Attribution scores (batch, time) of each method by its name.
        fractions: Shares of the tokens for comprehensiveness and sufficiency, each in (0, 1].
        steps: Number of equal steps of the curves, 1 or more.
        seed: Seed of the order among tokens of equal score; None puts the earlier token first.

    Returns:
        The measures of each method by its name.

    Raises:
        TypeError: The token ids are no tensor of whole numbers.
        ValueError: Shapes do not match, a score is NaN, a fraction is outside (0, 1] or `steps` is
            below 1.

    Example:
        A classifier whose class 1 gains 30 % with each ten.

        >>> def predict(ids):
        ...     positive = 0.3 + 0.3 * (ids == 10).sum(1).double()
        ...     return torch.stack([1 - positive, positive], 1)
        >>> perturbed = PerturbedPredictions(predict, torch.tensor([[10, 10, 4]]))
        >>> scores = {"good": torch.tensor([[2.0, 1.0, 0.0]])}
        >>> good = measure_rankings(perturbed, scores, steps=3)["good"]
        >>> good.deletion_curve
        tensor([[0.9000, 0.6000, 0.3000, 0.3000]], dtype=torch.float64)
        >>> good.deletion_area, good.decision_flip
        (tensor([0.5000], dtype=torch.float64), tensor([0.6667], dtype=torch.float64))
    """
    if steps < 1:
        raise ValueError(f"steps is {steps}; expected 1 or more, such as 20 for steps of 5 %")
    for name, of_method in scores.items():
        try:
            check_scores(perturbed.ids, of_method, perturbed.pad_id)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error
    lengths = perturbed.lengths
    counts = torch.cat(
        [fraction_counts(lengths, fractions), _curve_counts(lengths, steps)]
    )  # (fractions + steps + 1, batch)
    found: dict[str, RankingMeasures] = {}
    for names in _blocks(list(scores), 2 * counts.numel() * perturbed.ids.shape[1]):
        ranks = importance_ranks(
            perturbed.ids,
            torch.stack([scores[name].detach().cpu().double() for name in names]),
            pad_id=perturbed.pad_id,
            seed=seed,
        )
        measured = _measure(perturbed, ranks, counts, len(fractions))
        for place, name in enumerate(names):
            found[name] = RankingMeasures(
                **{field.name: getattr(measured, field.name)[place] for field in fields(measured)}
            )
    return found


def _measure(
    perturbed: PerturbedPredictions, ranks: Tensor, counts: Tensor, fractions: int
) -> RankingMeasures:
    """Measures rankings (methods, batch, time); each answer has `methods` as its first axis."""
    top = top_tokens(ranks, counts)
    probabilities = perturbed.of_masks(torch.stack([~top, top]))
    without, alone = perturbed.select_predicted(probabilities)
    deletion, insertion = (
        curve[:, fractions:].transpose(1, 2).masked_fill(_unread(perturbed), math.nan)
        for curve in (without, alone)
    )
    changed = probabilities[0, :, fractions:].max(dim=-1).indices != perturbed.predicted
    step = 1 / (deletion.shape[-1] - 1)
    return RankingMeasures(
        comprehensiveness=mean_drop(perturbed, without[:, :fractions]),
        sufficiency=mean_drop(perturbed, alone[:, :fractions]),
        deletion_curve=deletion,
        insertion_curve=insertion,
        deletion_area=torch.trapezoid(deletion, dx=step),
        insertion_area=torch.trapezoid(insertion, dx=step),
        decision_flip=_decision_flip(perturbed, ranks, counts[fractions:], changed),
    )


def _decision_flip(
    perturbed: PerturbedPredictions, ranks: Tensor, counts: Tensor, changed: Tensor
) -> Tensor:
    """Smallest share (methods, batch) of top tokens without which the class changes.

    Args:
        perturbed: Predictions for perturbed versions of the texts.
        ranks: Ranks (methods, batch, time).
        counts: Number of tokens deleted at each step (steps + 1, batch).
        changed: Whether the class differs at each step (methods, steps + 1, batch).
    """
    lengths = perturbed.lengths
    first = changed.long().argmax(dim=1)
    after = torch.where(changed.any(dim=1), counts.gather(0, first), lengths)
    before = torch.where(changed.any(dim=1), counts.gather(0, (first - 1).clamp(min=0)), lengths)
    between = before.unsqueeze(-1) + torch.arange(1, max(2, int((after - before).max())))
    method, row, place = (between < after.unsqueeze(-1)).nonzero(as_tuple=True)
    flips = after.clone(memory_format=torch.contiguous_format)
    if len(row):
        removed = between[method, row, place]
        kept = ranks[method, row] >= removed.unsqueeze(1)
        classes = perturbed.probabilities(row, kept).max(dim=1).indices
        differs = classes != perturbed.predicted[row]
        flips.view(-1).scatter_reduce_(
            0, (method * len(lengths) + row)[differs], removed[differs], "amin"
        )
    return flips.double() / lengths  # 0 / 0 is NaN for a text without tokens


def _curve_counts(lengths: Tensor, steps: int) -> Tensor:
    """Number of tokens (steps + 1, batch) up to each step, to the nearest whole one, halves up."""
    return (2 * torch.arange(steps + 1).unsqueeze(1) * lengths + steps) // (2 * steps)


def _unread(perturbed: PerturbedPredictions) -> Tensor:
    """Mask (batch, 1) of the texts without tokens."""
    return (perturbed.lengths == 0).unsqueeze(1)


def _blocks(names: list[str], positions: int) -> Iterator[list[str]]:
    """Groups methods so that the masks of a group fit into the memory set aside for them."""
    size = max(1, _MASKS_AT_ONCE // positions)
    for start in range(0, len(names), size):
        yield names[start : start + size]
