"""What a classifier says of perturbed texts, each distinct one predicted once.

Measures, shares of the tokens and attribution methods ask for many of the same perturbed texts: two
methods with the same top token ask for the same text without it. What is asked for is therefore
named by the text and the set of tokens that stay, and only new names are predicted.
"""

from typing import cast

import numpy as np
import torch
from torch import Tensor

from captum_rnn.evaluation.perturbation import perturb_tokens
from captum_rnn.evaluation.prediction import (
    TOKEN_BUDGET,
    Predict,
    predict_in_batches,
    predict_texts,
    predicted_class,
)
from captum_rnn.evaluation.validation import check_ids


class PerturbedPredictions:
    """Predictions for perturbed versions of one batch of texts.

    All measures that change texts read their predictions from here, those of removals from one such
    object and those of replacements from another.

    Args:
        predict: The classifier: token ids (batch, time) to probabilities (batch, classes).
        ids: Token ids (batch, time); `pad_id` marks what the model does not read, at any position.
        probabilities: Probabilities (batch, classes) of the whole texts, where they are known.
        replacement_id: What takes the place of the tokens that do not stay, such as the id of the
            unknown word; None removes them.
        pad_id: The id of the positions that the model does not read.
        token_budget: Most tokens of one forward pass, padding included.

    Attributes:
        ids: The token ids (batch, time), on the CPU.
        pad_id: The id of the positions that the model does not read.
        token_budget: Most tokens of one forward pass, padding included.
        read: Mask (batch, time) of the tokens that the model reads, on the CPU.
        lengths: Number of tokens that the model reads in each text (batch,).
        probability: Probability of the predicted class of each whole text (batch,).
        predicted: The class predicted for each whole text (batch,).

    Raises:
        TypeError: `ids` is not a tensor of whole numbers.
        ValueError: `ids` is no batch of texts, or `predict` or `probabilities` has a wrong shape.

    Example:
        A classifier whose class 1 is as probable as the share of tens in two positions.

        >>> def predict(ids):
        ...     share = (ids == 10).sum(1) / 2
        ...     return torch.stack([1 - share, share], 1)
        >>> perturbed = PerturbedPredictions(predict, torch.tensor([[10, 10, 4]]))
        >>> kept = torch.tensor([[[True, False, True]], [[True, False, True]], [[True] * 3]])
        >>> perturbed.of_predicted(kept)[:, 0]
        tensor([0.5000, 0.5000, 1.0000], dtype=torch.float64)
        >>> perturbed.texts_predicted
        1
    """

    def __init__(
        self,
        predict: Predict,
        ids: Tensor,
        *,
        probabilities: Tensor | None = None,
        replacement_id: int | None = None,
        pad_id: int = 0,
        token_budget: int = TOKEN_BUDGET,
    ) -> None:
        check_ids(ids)
        if probabilities is None:
            probabilities = predict_texts(predict, ids, pad_id=pad_id, token_budget=token_budget)
        self.probability, self.predicted = predicted_class(ids, probabilities)
        self.ids = ids.cpu()
        self.pad_id = pad_id
        self.read = self.ids != pad_id
        self.lengths = self.read.sum(dim=1)
        self._predict = predict
        self._device = ids.device
        self._replacement_id = replacement_id
        self.token_budget = token_budget
        whole = _names(torch.arange(len(ids)), self.read)
        self._place_of: dict[bytes, int] = {name: place for place, name in enumerate(whole)}
        self._answers = probabilities.detach().to("cpu", torch.float64)

    @property
    def texts_predicted(self) -> int:
        """Number of distinct perturbed texts that were predicted, the whole texts not counted."""
        return len(self._answers) - len(self.ids)

    def probabilities(self, rows: Tensor, kept: Tensor) -> Tensor:
        """Class probabilities of texts that keep some of their tokens.

        Args:
            rows: Which text each request is about (requests,), on the CPU.
            kept: Mask (requests, time) of the tokens that stay, on the CPU; unread positions do not
                matter.

        Returns:
            Probabilities (requests, classes), in double precision on the CPU.
        """
        kept = kept & self.read[rows]
        names = _names(rows, kept)
        new = {name: request for request, name in enumerate(names) if name not in self._place_of}
        if new:
            requests = torch.tensor(list(new.values()), dtype=torch.long)
            known = len(self._answers)
            self._answers = torch.cat([self._answers, self._ask(rows[requests], kept[requests])])
            self._place_of |= {name: known + place for place, name in enumerate(new)}
        places = torch.tensor([self._place_of[name] for name in names], dtype=torch.long)
        return self._answers[places]

    def of_masks(self, kept: Tensor) -> Tensor:
        """Class probabilities of each text under the same number of masks.

        Args:
            kept: Masks (..., batch, time) of the tokens that stay, on the CPU.

        Returns:
            Probabilities (..., batch, classes), in double precision on the CPU.
        """
        rows = torch.arange(len(self.ids)).expand(kept.shape[:-1])
        answers = self.probabilities(rows.reshape(-1), kept.reshape(-1, kept.shape[-1]))
        return answers.reshape(*kept.shape[:-1], -1)

    def of_predicted(self, kept: Tensor) -> Tensor:
        """Probability of the class predicted for the whole text; see `of_masks`.

        Args:
            kept: Masks (..., batch, time) of the tokens that stay, on the CPU.

        Returns:
            Probabilities (..., batch), in double precision on the CPU.
        """
        return self.select_predicted(self.of_masks(kept))

    def select_predicted(self, probabilities: Tensor) -> Tensor:
        """Picks the class predicted for the whole text.

        Args:
            probabilities: Probabilities (..., batch, classes).

        Returns:
            Probabilities (..., batch).
        """
        classes = self.predicted.expand(probabilities.shape[:-1]).unsqueeze(-1)
        return probabilities.gather(-1, classes).squeeze(-1)

    def _ask(self, rows: Tensor, kept: Tensor) -> Tensor:
        """Predicts texts that nobody has asked for before."""
        replaced = self._replacement_id is not None and self._replacement_id != self.pad_id
        lengths = self.lengths[rows] if replaced else kept.sum(dim=1)

        def perturbed(group: Tensor) -> Tensor:
            texts = perturb_tokens(
                self.ids[rows[group]],
                kept[group],
                replacement_id=self._replacement_id,
                pad_id=self.pad_id,
            )
            return texts.to(self._device)

        return predict_in_batches(self._predict, lengths, perturbed, self.token_budget)


def _names(rows: Tensor, kept: Tensor) -> list[bytes]:
    """One name for each pair of a text and a set of tokens: equal names, equal texts."""
    text = rows.numpy().astype("<u4").view(np.uint8).reshape(len(rows), 4)
    bits = np.packbits(kept.numpy(), axis=1)
    together = np.concatenate([text, bits], axis=1)
    names = together.view(np.dtype((np.void, together.shape[1]))).ravel()
    return cast(list[bytes], names.tolist())
