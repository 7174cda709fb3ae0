"""Captum's infidelity on token ids, with masks of whole tokens.

Captum's own perturbations add small numbers to the input, which turns a token id into no token or
another one. Here tokens are removed or replaced by other tokens.
"""

import torch
from captum.metrics import infidelity as captum_infidelity
from torch import Tensor

from captum_rnn.evaluation.measure import Measure
from captum_rnn.evaluation.perturbed import PerturbedPredictions
from captum_rnn.evaluation.samples import (
    SAMPLES,
    check_samples,
    measure_in_groups,
    side_by_side_draws,
)
from captum_rnn.evaluation.validation import check_scores

INFIDELITY = Measure(
    "infidelity",
    "infidelity",
    "lower",
    "Predicted versus actual effect of random removals, squared, at the best scale of the scores "
    "(Yeh et al. 2019, by Captum).",
)
MASKED_SHARE = 0.2
_MASK_STREAM = 2


def infidelity(
    perturbed: PerturbedPredictions,
    scores: Tensor,
    target: Tensor | None = None,
    *,
    seed: int,
    samples: int = SAMPLES,
    share: float = MASKED_SHARE,
) -> Tensor:
    r"""How badly the scores of masked tokens add up to the change of the output; lower is better.

    .. math::
        \min_\beta \; \frac{1}{S} \sum_{i=1}^S
        \Bigl( \beta \sum_t m_{it} s_t - (f_c(x) - f_c(x_{m_i})) \Bigr)^2

    `captum.metrics.infidelity` with ``normalize=True``, whose scale β makes scores of different
    units comparable, over S random masks m of the tokens. Each token is masked with probability
    `share`, and at least one is. The masks are the same for every method, so that all but the first
    cost no forward pass.

    Args:
        perturbed: Predictions for perturbed versions of the texts; its `predict` may answer with
            any other output (batch, classes), such as logits.
        scores: Attribution scores (batch, time).
        target: The class that they explain (batch,); None: the predicted one.
        seed: Seed of the masks, 0 or greater; a text's masks depend on nothing but it and the text.
        samples: Number of masks S for each text, 1 or more.
        share: Probability of a token to be masked, in (0, 1].

    Returns:
        One number from 0 for each text (batch,), in double precision on the CPU; the mean square of
        the change where all scores are 0, and NaN for a text without tokens.

    Raises:
        ValueError: Shapes do not match, a score is NaN, or `samples` or `share` is out of range.

    Source: Yeh et al., "On the (In)fidelity and Sensitivity of Explanations", NeurIPS 2019.
    """
    ids, read = perturbed.ids, perturbed.read
    check_scores(ids, scores, perturbed.pad_id)
    check_samples(samples)
    if not 0 < share <= 1:
        raise ValueError(
            f"share is {share}; expected the probability of masking a token, in (0, 1]"
        )
    known = scores.detach().to("cpu", torch.float64).masked_fill(~read, 0)
    explained = perturbed.predicted if target is None else target.cpu()

    def of_group(rows: Tensor) -> Tensor:
        draws = side_by_side_draws(ids[rows], samples, seed, _MASK_STREAM, perturbed.pad_id)
        masked = (draws < share) | (draws == draws.amin(dim=1, keepdim=True))
        masked &= read[rows].repeat_interleave(samples, dim=0)

        def perturb(kept: Tensor) -> tuple[Tensor, Tensor]:
            return masked.double(), kept & ~masked

        def forward(kept: Tensor) -> Tensor:
            texts = rows.repeat_interleave(len(kept) // len(rows))
            return perturbed.probabilities(texts, kept)

        # To Captum, a text is the mask of its tokens that are left.
        found: Tensor = captum_infidelity(
            forward,
            perturb,
            read[rows],
            known[rows],
            target=explained[rows],
            n_perturb_samples=samples,
            normalize=True,
        )
        return found

    return measure_in_groups(read, samples, of_group, perturbed.token_budget)
