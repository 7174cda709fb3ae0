"""Leave-one-out: what the model says without each of the tokens, exactly."""

from typing import Any, ClassVar

import torch
from torch import Tensor
from tqdm import tqdm

from captum_rnn._captum import logged
from captum_rnn.attr.inputs import Lengths
from captum_rnn.attr.recurrent import Inputs
from captum_rnn.attr.removing import RemovingAttribution, Texts


class LeaveOneOutAttribution(RemovingAttribution):
    r"""Scores each token by the change of the output when it is left out of the text.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> class Classifier(nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.embedding = nn.Embedding(100, 8)
        ...         self.gru = nn.GRU(8, 16, batch_first=True)
        ...         self.head = nn.Linear(16, 2)
        ...     def forward(self, token_ids):
        ...         return self.head(self.gru(self.embedding(token_ids))[1][-1])
        >>> model = Classifier().eval()
        >>> scores = LeaveOneOutAttribution(model, model.gru).attribute(
        ...     torch.tensor([[5, 17, 99]]), target=1
        ... )
        >>> without = model(torch.tensor([[5, 99]]))
        >>> change = model(torch.tensor([[5, 17, 99]])) - without
        >>> torch.allclose(scores[0, 1], change[0, 1], atol=1e-6)
        True

    .. math:: \text{score}_t = f_c(x) - f_c(x_1, \dots, x_{t-1}, x_{t+1}, \dots, x_n)

    The token is removed, not replaced: a recurrent network reads the shorter text as it is. All
    texts that miss one token are run in batches, one for each token: n runs for a text of n tokens,
    where `AdjointDeltaAttribution` estimates the same to first order for one. What the scores sum
    to is not known.

    What the model is given with a text is cut with it; see `attribute`. The model has to answer the
    same to a text alone as in its batch, which is checked.

    Args:
        forward_func: The model, or any function that runs it.
        layer: The `nn.RNN`, `nn.LSTM` or `nn.GRU` in it.
        device_ids: Kept for Captum's signature; the layer has to run on one device.
        empty: What the model says of a text without tokens, for texts of a single one, as a
            function of the target: a number, or one for each row (batch,). None: what it makes of
            the layer's initial state.
        batch_first: Whether dimension 0 of the inputs is the batch; False: it is the time.
    """

    _asks_for_none: ClassVar[bool] = False

    @logged
    def attribute(  # type: ignore[override]
        self,
        inputs: Inputs,
        target: Any = None,
        additional_forward_args: Any = None,
        *,
        lengths: Lengths = None,
        per_step: bool = False,
        return_convergence_delta: bool = False,
        internal_batch_size: int = 512,
        show_progress: bool = False,
    ) -> Inputs:
        """Scores the tokens of `inputs`.

        Args:
            inputs: Token ids (batch, time) or embedded tokens (batch, time, features).
            target: The class, as for every Captum method.
            additional_forward_args: Further arguments of `forward_func`. Tensors (batch, time, …)
                lose the token too; integers (batch,) that are the rows' numbers of tokens count one
                less; other tensors (batch, …) stay with their row, and what is no tensor, or a
                single number, stays as it is.
            lengths: Number of real tokens in each row (batch,), for a model that runs its padding
                through the layer and is told nothing of it.
            per_step: One score for each step of a float input, (batch, time), instead of shares of
                it for its features.
            return_convergence_delta: Not for this method, whose sum is not known.
            internal_batch_size: How many texts are run at once.
            show_progress: Show a progress bar on standard error.

        Returns:
            Attributions of exactly the shape of `inputs`; 0 for padding. A token's score is shared
            equally over its features, and a warning says so.

        Raises:
            ValueError: As `RecurrentAttribution.attribute`; several inputs, arguments that cannot
                be cut, or a model that answers otherwise to a text alone than in its batch.
        """
        if return_convergence_delta:
            self._check_sum_is_known()
        texts = self._texts(inputs, target, additional_forward_args, lengths, internal_batch_size)
        scores = removal_effects(texts, self.forward_func, texts.tokens, show_progress)
        formatted: Inputs = self._formatted(inputs, texts, scores, per_step)
        return formatted


def removal_effects(
    texts: Texts, forward_func: Any, removed: Tensor, show_progress: bool = False
) -> Tensor:
    """What each token's removal takes from the output (batch, time); 0 where it is not asked.

    Args:
        texts: The texts.
        forward_func: The model.
        removed: The tokens to remove, one at a time (batch, time), as a mask.
        show_progress: Show a progress bar.
    """
    rows, places = removed.nonzero(as_tuple=True)
    kept = texts.tokens[rows]
    kept[torch.arange(len(rows), device=kept.device), places] = False
    without = texts.empty[rows]
    some = kept.any(1).nonzero().flatten()
    if len(some):
        with tqdm(
            total=len(some), desc="leaving out", unit="text", disable=not show_progress
        ) as bar:
            values = texts.parts.values(forward_func, rows[some], kept[some], bar.update)
        without = without.index_copy(0, some, values.to(without.dtype))
    effects = torch.zeros(removed.shape, dtype=without.dtype, device=without.device)
    effects[rows, places] = texts.whole[rows] - without
    return effects
