"""Methods that change the words and see what the classifier says: Captum's, and leave-one-out."""

from abc import abstractmethod
from dataclasses import dataclass

import torch
from captum.attr import FeatureAblation, Occlusion
from torch import Tensor

from captum_rnn.benchmark.methods.explained_model import ExplainedModel, texts_of_equal_length
from captum_rnn.benchmark.methods.method import Method
from captum_rnn.evaluation.perturbation import keep_tokens

_TOKENS_AT_ONCE = 16_384


@dataclass(frozen=True, kw_only=True)
class PerturbationMethod(Method):
    """A method that runs the classifier on changed texts, those of one length at a time.

    No padding stands in them then, for which Captum's methods would have to account: they put words
    in its place, and let windows run over it.
    """

    def __call__(self, model: ExplainedModel, ids: Tensor, target: Tensor) -> Tensor:
        """Scores every token of a batch; see `Method`."""
        read = ids != model.pad_id
        scores = torch.zeros(ids.shape, device=ids.device)
        with torch.no_grad():
            for rows, texts in texts_of_equal_length(ids, model.pad_id):
                placed = torch.zeros(read[rows].shape, device=ids.device)
                placed[read[rows]] = self.score(model, texts, target[rows]).float().flatten()
                scores[rows] = placed
        return scores

    @abstractmethod
    def score(self, model: ExplainedModel, ids: Tensor, target: Tensor) -> Tensor:
        """Scores (batch, time) of texts without padding; arguments as for a call."""


class Ablation(PerturbationMethod):
    """Captum's `FeatureAblation`: exact leave-one-out by replacement with the neutral word."""

    def score(self, model: ExplainedModel, ids: Tensor, target: Tensor) -> Tensor:
        """Scores (batch, time); see `PerturbationMethod`."""
        scores: Tensor = FeatureAblation(model.margin).attribute(
            ids,
            baselines=model.neutral_id,
            additional_forward_args=(target,),
            perturbations_per_eval=copies_at_once(ids),
        )
        return scores


@dataclass(frozen=True, kw_only=True)
class WindowOcclusion(PerturbationMethod):
    """Captum's `Occlusion`: a window of neutral words slides over the text.

    A word's score is the mean effect of the windows that cover it.

    Source: Zeiler and Fergus (2014), "Visualizing and Understanding Convolutional Networks".

    Attributes:
        window: Words replaced at a time; in a shorter text, all of it.
    """

    window: int = 3

    def score(self, model: ExplainedModel, ids: Tensor, target: Tensor) -> Tensor:
        """Scores (batch, time); see `PerturbationMethod`."""
        scores: Tensor = Occlusion(model.margin).attribute(
            ids,
            sliding_window_shapes=(min(self.window, ids.shape[1]),),
            baselines=model.neutral_id,
            additional_forward_args=(target,),
            perturbations_per_eval=copies_at_once(ids),
        )
        return scores


class LeaveOneOut(PerturbationMethod):
    """Exact leave-one-out by removal: the fall of the margin without each word."""

    def score(self, model: ExplainedModel, ids: Tensor, target: Tensor) -> Tensor:
        """Scores (batch, time); see `PerturbationMethod`."""
        whole = model.margin(ids, target)
        places = torch.arange(ids.shape[1], device=ids.device)
        without = []
        for removed in torch.split(places, copies_at_once(ids)):
            kept = places != removed.unsqueeze(1)
            texts = keep_tokens(
                ids.repeat(len(removed), 1),
                kept.repeat_interleave(len(ids), dim=0),
                pad_id=model.pad_id,
            )
            margins = model.margin(texts, target.repeat(len(removed)))
            without.append(margins.reshape(len(removed), len(ids)))
        return whole.unsqueeze(1) - torch.cat(without).t()


def copies_at_once(ids: Tensor) -> int:
    """Changed copies of a batch that one forward pass takes."""
    return max(1, _TOKENS_AT_ONCE // ids.numel())
