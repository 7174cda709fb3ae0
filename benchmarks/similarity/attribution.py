"""Similarity delta: how much nearer each word brought its sentence to the other one."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from captum_rnn.attr.records import Record, Run
from captum_rnn.attr.recurrent import RecurrentAttribution


class SimilarityDeltaAttribution(RecurrentAttribution):
    r"""Scores each word of two sentences by the similarity that its step gained.

    .. math:: \text{score}_t = s(u_t, v_m) - s(u_{t-1}, v_m)

    with u_t the states of one sentence and v_m the last state of the other; likewise for the other
    sentence. The scores of a sentence sum to s(u_n, v_m) − s(u_0, v_m), and for a cosine, where a
    state of zeros has similarity 0, to the similarity itself.

    Hidden-state delta asks how a state came to *its own* end. A similarity asks how near it came to
    the end of the *other* sentence, and in the geometry of the head: a cosine ignores how long a
    state is, so a distance that sees length credits words for what the similarity never looks at.
    The derivative at the end does not repair that either: a cosine's is orthogonal to the state, so
    the logit deltas of a sentence sum to ⟨u_n − u_0, ∂s/∂u_n⟩, which is 0 for u_0 = 0.

    One forward pass, and the head once for every state.

    Args:
        forward_func: The model: two sentences in, their similarity out.
        layer: The recurrent encoder in it, one-way, that runs once for each sentence.
        similarity: The head: from states (batch, time + 1, hidden) and (batch, 1, hidden) to
            similarities (batch, time + 1), whichever sentence comes first.
        device_ids: Kept for Captum's signature; the layer has to run on one device.
        batch_first: Whether dimension 0 of the inputs is the batch; False: it is the time.

    Raises:
        TypeError: `similarity` is not a function.

    Example:
        >>> from benchmarks.similarity import SentenceSimilarity
        >>> model = SentenceSimilarity(vocabulary_size=10).eval()
        >>> delta = SimilarityDeltaAttribution(model, model.rnn, model.similarity)
        >>> pair = torch.tensor([[3, 7]]), torch.tensor([[1, 2, 9]])
        >>> first, second = delta.attribute(pair)
        >>> bool(torch.isclose(first.sum(), model(*pair))), second.shape
        (True, torch.Size([1, 3]))
    """

    def __init__(
        self,
        forward_func: Callable[..., Any],
        layer: nn.Module,
        similarity: Callable[[Tensor, Tensor], Tensor],
        device_ids: list[int] | None = None,
        *,
        batch_first: bool = True,
    ) -> None:
        super().__init__(forward_func, layer, device_ids, batch_first=batch_first)
        if not callable(similarity):
            raise TypeError(
                f"similarity is of type {type(similarity).__name__}; expected a function of two "
                "states, e.g. model.similarity"
            )
        self.similarity = similarity

    def _token_scores(self, run: Run) -> list[Tensor]:
        parts = zip(run.records, self._along(run), strict=True)
        steps = [record.path.without_padding(along.diff(dim=1)) for record, along in parts]
        return run.at_tokens(steps)

    def _totals(self, run: Run) -> Tensor:
        totals = [
            _last(record, along.unsqueeze(2)).reshape(-1) - along[:, 0]
            for record, along in zip(run.records, self._along(run), strict=True)
        ]
        return run.add_up(totals)

    @torch.no_grad()
    def _along(self, run: Run) -> list[Tensor]:
        """For each sentence, its states' similarity with the other's end (batch, time + 1)."""
        if len(run.records) != 2 or any(len(record.path.paths) != 1 for record in run.records):
            raise ValueError(
                f"there are {len(run.records)} sentence(s) and "
                f"{len(run.records[0].path.paths)} direction(s) of the layer; expected a tuple of "
                "two sentences and a one-way layer"
            )
        first, second = run.records
        return [
            self.similarity(first.path.paths[0], _last(second, second.path.paths[0])),
            self.similarity(_last(first, first.path.paths[0]), second.path.paths[0]),
        ]


def _last(record: Record, states: Tensor) -> Tensor:
    """What stands after the last token of each row (batch, 1, hidden)."""
    if record.path.lengths is None:
        return states[:, -1:]
    return states.take_along_dim(record.path.lengths.reshape(-1, 1, 1), 1)
