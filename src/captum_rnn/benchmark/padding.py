"""Where the padding of texts stands, and whether a classifier reads it."""

import torch
from torch import Tensor

from captum_rnn.benchmark.methods import ExplainedModel
from captum_rnn.evaluation.perturbation import keep_tokens
from captum_rnn.states.modes import evaluation_mode

_SAME_LOGIT = 1e-4
_TRIED_TEXTS = 8
_TRIED_PADDING = 3


def reads_padding(model: ExplainedModel, ids: Tensor) -> bool:
    """Whether the model answers otherwise to a text with padding behind it.

    Args:
        model: The classifier.
        ids: Token ids (texts, time); a few of the shortest texts are tried.
    """
    lengths = (ids != model.pad_id).sum(dim=1)
    rows = torch.argsort(lengths, stable=True)
    for row in rows[lengths[rows] > 0][:_TRIED_TEXTS].tolist():
        text = _alone(model, ids[row])
        padded = torch.nn.functional.pad(text, (0, _TRIED_PADDING), value=model.pad_id)
        if _differ(model, text, padded):
            return True
    return False


def check_padding_before_unread(model: ExplainedModel, ids: Tensor) -> None:
    """Raises ValueError if the model reads padding that stands before a token of its text.

    Args:
        model: The classifier.
        ids: Token ids (texts, time); a few of the texts with the most such padding are tried.
    """
    before = (ids == model.pad_id) & _positions_within(model, ids)
    numbers = before.sum(dim=1)
    rows = torch.argsort(numbers, descending=True, stable=True)
    for row in rows[numbers[rows] > 0][:_TRIED_TEXTS].tolist():
        given = ids[[row], : int(_positions_within(model, ids[row]).sum())]
        if _differ(model, _alone(model, ids[row]), given):
            raise ValueError(
                f"the model answers otherwise to a text with its {int(numbers[row])} id(s) of "
                f"padding ({model.pad_id}) before or between its tokens than to the tokens alone, "
                f"so that it reads that padding: text {row}; pass ExplainedModel(reads_padding="
                "True) to compare on texts without padding, or as pad_id an id that stands in no "
                "text, if padding is to count as tokens"
            )


def without_padding_in_front(model: ExplainedModel, ids: Tensor) -> Tensor:
    """The texts moved to the front of their rows (texts, time); what stands behind does not count.

    Args:
        model: The classifier. If it reads padding, the texts are to be run without any, and what
            stands between their tokens is left out, too.
        ids: Token ids (texts, time).
    """
    read = ids != model.pad_id
    keep = read if model.reads_padding else read.cumsum(dim=1) > 0
    return keep_tokens(ids, keep, pad_id=model.pad_id)


def _positions_within(model: ExplainedModel, ids: Tensor) -> Tensor:
    """Which positions stand at or before the last token of their text."""
    return (ids != model.pad_id).flip(-1).cumsum(-1).flip(-1) > 0


def _alone(model: ExplainedModel, text: Tensor) -> Tensor:
    """A text (time,) without any padding, as a batch of one."""
    return text[text != model.pad_id].unsqueeze(0)


def _differ(model: ExplainedModel, text: Tensor, padded: Tensor) -> bool:
    with evaluation_mode(model.model), torch.no_grad():
        alone, beside = model.logits(text), model.logits(padded)
    return bool((alone - beside).abs().max() > _SAME_LOGIT * alone.abs().max())
