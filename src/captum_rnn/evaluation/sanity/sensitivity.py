"""Captum's maximum sensitivity on token ids, to one word that becomes another."""

from collections.abc import Callable, Sequence

import torch
from captum.metrics import sensitivity_max as captum_sensitivity_max
from torch import Tensor

from captum_rnn.evaluation.measure import Measure
from captum_rnn.evaluation.perturbation import keep_tokens
from captum_rnn.evaluation.prediction import TOKEN_BUDGET
from captum_rnn.evaluation.samples import (
    SAMPLES,
    check_samples,
    measure_in_groups,
    side_by_side_draws,
)
from captum_rnn.evaluation.validation import check_ids

SENSITIVITY = Measure(
    "sensitivity",
    "sensitivity",
    "lower",
    "Largest relative change of the scores when one word is swapped (Yeh et al. 2019, by Captum), "
    "on some of the texts.",
)
_PLACE_STREAM, _WORD_STREAM = 3, 4


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
    check_samples(samples)
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
        places = side_by_side_draws(compact, samples, seed, _PLACE_STREAM, pad_id).argmin(
            dim=1, keepdim=True
        )
        drawn = side_by_side_draws(compact, samples, seed, _WORD_STREAM, pad_id).gather(1, places)

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

    return measure_in_groups(read, samples, of_group, token_budget)
