"""Captum's two metrics, infidelity and sensitivity, with perturbations that token ids allow.

Captum's own perturbations add small numbers to the input, which turns a token id into no token or
another one. Here tokens are replaced by other tokens.
"""

import math
from collections.abc import Callable, Sequence

import torch
from captum.metrics import infidelity as captum_infidelity
from captum.metrics import sensitivity_max as captum_sensitivity_max
from torch import Tensor

from captum_rnn.evaluation.draws import text_draws
from captum_rnn.evaluation.perturbation import keep_tokens
from captum_rnn.evaluation.perturbed import PerturbedPredictions
from captum_rnn.evaluation.prediction import TOKEN_BUDGET, Predict, length_batches
from captum_rnn.evaluation.validation import check_ids, check_scores

SAMPLES = 10
MASKED_SHARE = 0.2
_MASK_STREAM, _PLACE_STREAM, _WORD_STREAM = 2, 3, 4


def infidelity(
    predict: Predict,
    ids: Tensor,
    scores: Tensor,
    target: Tensor,
    *,
    seed: int,
    samples: int = SAMPLES,
    share: float = MASKED_SHARE,
    replacement_id: int | None = None,
    pad_id: int = 0,
    token_budget: int = TOKEN_BUDGET,
) -> Tensor:
    r"""How badly the scores of masked tokens add up to the change of the output; lower is better.

    .. math::
        \min_\beta \; \frac{1}{S} \sum_{i=1}^S
        \Bigl( \beta \sum_t m_{it} s_t - (f_c(x) - f_c(x_{m_i})) \Bigr)^2

    `captum.metrics.infidelity` with ``normalize=True``, whose scale β makes scores of different
    units comparable, over S random masks m of the tokens. Each token is masked with probability
    `share`, and at least one is.

    Args:
        predict: The classifier; any other output (batch, classes), such as logits, will do.
        ids: Token ids (batch, time); `pad_id` marks what the model does not read, at any position.
        scores: Attribution scores (batch, time).
        target: The class that they explain (batch,).
        seed: Seed of the masks, 0 or greater; a text's masks depend on nothing but it and the text.
        samples: Number of masks S for each text, 1 or more.
        share: Probability of a token to be masked, in (0, 1].
        replacement_id: What takes the place of masked tokens; None removes them.
        pad_id: The id of the positions that the model does not read.
        token_budget: Most tokens of one forward pass, padding included.

    Returns:
        One number from 0 for each text (batch,), in double precision on the CPU; the mean square of
        the change where all scores are 0, and NaN for a text without tokens.

    Raises:
        TypeError: `ids` is not a tensor of whole numbers.
        ValueError: Shapes do not match, a score is NaN, or `samples` or `share` is out of range.

    Source: Yeh et al., "On the (In)fidelity and Sensitivity of Explanations", NeurIPS 2019.
    """
    perturbed = PerturbedPredictions(
        predict, ids, replacement_id=replacement_id, pad_id=pad_id, token_budget=token_budget
    )
    return infidelity_of(perturbed, scores, target, seed=seed, samples=samples, share=share)


def infidelity_of(
    perturbed: PerturbedPredictions,
    scores: Tensor,
    target: Tensor,
    *,
    seed: int,
    samples: int = SAMPLES,
    share: float = MASKED_SHARE,
) -> Tensor:
    """`infidelity` of texts whose perturbed predictions other methods and measures ask for too.

    The masks are the same for every method, so that all but the first cost no forward pass.

    Args:
        perturbed: Predictions for perturbed versions of the texts.
        scores: Attribution scores (batch, time).
        target: The class that they explain (batch,).
        seed: See `infidelity`.
        samples: See `infidelity`.
        share: See `infidelity`.

    Returns:
        See `infidelity`.

    Raises:
        ValueError: Shapes do not match, a score is NaN, or `samples` or `share` is out of range.
    """
    ids, read = perturbed.ids, perturbed.read
    check_scores(ids, scores, perturbed.pad_id)
    _check_samples(samples)
    if not 0 < share <= 1:
        raise ValueError(
            f"share is {share}; expected the probability of masking a token, in (0, 1]"
        )
    known = scores.detach().to("cpu", torch.float64).masked_fill(~read, 0)
    explained = target.cpu()

    def of_group(rows: Tensor) -> Tensor:
        draws = _draws(ids[rows], samples, seed, _MASK_STREAM, perturbed.pad_id)
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

    return _in_groups(read, samples, of_group, perturbed.token_budget)


def max_sensitivity(
    attribute: Callable[[Tensor, Tensor], Tensor],
    ids: Tensor,
    target: Tensor,
    *,
    words: Sequence[int],
    seed: int,
    samples: int = SAMPLES,
    pad_id: int = 0,
    token_budget: int = TOKEN_BUDGET,
) -> Tensor:
    r"""How far scores move, at most, when one word becomes another; lower is steadier.

    .. math::
        \max_{i} \frac{\lVert s(x) - s(x_i) \rVert_2}{\lVert s(x) \rVert_2}

    over texts :math:`x_i` in each of which one token, drawn at random, is replaced by another word
    drawn at random. `captum.metrics.sensitivity_max` with this perturbation. The new word deserves
    a score of its own, so 0 is not the aim: the measure tells methods apart on the same texts.

    Args:
        attribute: The method: ids (batch, time) and classes (batch,) to scores (batch, time).
        ids: Token ids (batch, time); `pad_id` marks what the model does not read, at any position.
        target: The class to explain (batch,), the same before and after the change.
        words: Ids of the words that may come in, such as ``range(1, vocabulary_size + 1)``; at
            least two, `pad_id` not among them.
        seed: Seed of the changes, 0 or greater; a text's depend on nothing but it and the text.
        samples: Number of changed texts for each text, 1 or more.
        pad_id: The id of the positions that the model does not read.
        token_budget: Most tokens of one call of `attribute`, padding included; all changes of a
            text go together.

    Returns:
        One number from 0 for each text (batch,), in double precision on the CPU. Where all scores
        of the text itself are 0 it is not divided; NaN for a text without tokens.

    Raises:
        TypeError: `ids` is not a tensor of whole numbers.
        ValueError: `words` are fewer than two or hold `pad_id`, or `samples` is below 1.

    Source: Yeh et al., "On the (In)fidelity and Sensitivity of Explanations", NeurIPS 2019.
    """
    check_ids(ids)
    _check_samples(samples)
    if len(words) < 2 or pad_id in words:
        raise ValueError(
            f"words are {len(words)} ids{', pad_id among them' if pad_id in words else ''}; "
            "expected at least two ids of words that the model reads"
        )
    read = ids != pad_id
    choice = torch.as_tensor(words, dtype=ids.dtype, device=ids.device)

    def of_group(rows: Tensor) -> Tensor:
        explained = target.to(ids.device)[rows]

        def scores_of(texts: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
            (tokens,) = texts if isinstance(texts, tuple) else (texts,)
            # Captum repeats the classes of several texts, but not that of a single one.
            classes = explained.repeat_interleave(len(tokens) // len(rows))
            with torch.enable_grad():
                return (attribute(tokens, classes).detach().double().contiguous(),)

        compact = keep_tokens(ids[rows], read[rows], pad_id=pad_id)
        places = _draws(compact, samples, seed, _PLACE_STREAM, pad_id).argmin(dim=1, keepdim=True)
        drawn = _draws(compact, samples, seed, _WORD_STREAM, pad_id).gather(1, places)

        def perturb(texts: Tensor) -> Tensor:
            number = (drawn * len(choice)).long()
            same = choice[number] == texts.gather(1, places)
            return texts.scatter(1, places, choice[(number + same) % len(choice)])

        found: Tensor = captum_sensitivity_max(
            scores_of,
            compact,
            perturb,
            n_perturb_samples=samples,
            norm_ord=2,
        )
        return found

    return _in_groups(read, samples, of_group, token_budget)


def _draws(ids: Tensor, samples: int, seed: int, stream: int, pad_id: int) -> Tensor:
    """Uniform numbers (batch · samples, time), the samples of a text side by side; 1 at padding."""
    draws = text_draws(ids, seed=seed, stream=stream, pad_id=pad_id, samples=samples)
    side_by_side = draws.reshape(len(ids) * samples, -1).to(ids.device)
    return side_by_side.masked_fill((ids == pad_id).repeat_interleave(samples, dim=0), 1.0)


def _in_groups(
    read: Tensor, samples: int, of_group: Callable[[Tensor], Tensor], token_budget: int
) -> Tensor:
    """Measures texts (batch,) in groups of similar length; NaN for those without tokens."""
    lengths = read.sum(dim=1)
    found = torch.full((len(read),), math.nan, dtype=torch.float64)
    texts = lengths.nonzero().flatten()
    for group in length_batches(lengths[texts] * samples, token_budget):
        rows = texts[group]
        found[rows.cpu()] = of_group(rows).detach().to("cpu", torch.float64)
    return found


def _check_samples(samples: int) -> None:
    if samples < 1:
        raise ValueError(f"samples is {samples}; expected 1 or more perturbations of each text")
