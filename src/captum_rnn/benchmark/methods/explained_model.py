"""A classifier over token ids, as every compared method calls it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from captum_rnn.evaluation.perturbation import keep_tokens
from captum_rnn.functional import Readout
from captum_rnn.states.modes import evaluation_mode

_OTHER_ORDER = (
    "the model embeds other ids than it is given, or the same in another order; the methods that "
    "replace word vectors need the embedding to read the ids as they are, (batch, time): embed "
    "first, transpose then"
)


@dataclass(frozen=True, eq=False)
class ExplainedModel:
    """A model that maps token ids to logits, with the two modules that attribution methods read.

    Padding stands behind a text, unless the model does not read it wherever it stands.

    Attributes:
        model: Called as `model(ids)`, or `model(ids, lengths)`; answers with logits
            (batch, classes) of two classes or more.
        embedding: The layer in it that turns ids into vectors; it runs once for a forward pass.
        layer: Its recurrent layer, which reads what `embedding` gives; None: it has none, and the
            methods that read states cannot be compared.
        pad_id: The id of the positions that the model does not read.
        neutral_id: The id of a word that says little, such as the unknown word: what replaces
            another word, and what a word is compared with.
        takes_lengths: Whether the model is called with the texts' lengths (batch,), a tensor on the
            CPU. They are the number of ids that are not `pad_id`, at least 1.
        readout: How the classifier reads the layer's outputs, as `HiddenStateDeltaAttribution`
            takes it.
        reads_padding: Whether ids behind the end of a text change the answer. The model is then
            only run on texts of one length at a time, without padding; a batch to explain has to
            be such texts.
        classes: Name of each class, in the order of the logits; None numbers them.

    Raises:
        ValueError: An id that is no row of the embedding, or the neutral word is the padding.
        TypeError: `embedding` is no `nn.Embedding`.
    """

    model: nn.Module
    embedding: nn.Embedding
    layer: nn.Module | None = None
    pad_id: int = 0
    neutral_id: int = 1
    takes_lengths: bool = False
    readout: Readout = "final"
    reads_padding: bool = False
    classes: Sequence[str] | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.embedding, nn.Embedding):
            raise TypeError(
                f"embedding is of type {type(self.embedding).__name__}; expected the nn.Embedding "
                "that turns the model's ids into vectors"
            )
        words = self.embedding.num_embeddings
        for name, number in (("pad_id", self.pad_id), ("neutral_id", self.neutral_id)):
            if not 0 <= number < words:
                raise ValueError(f"{name} is {number}; expected an id from 0 to {words - 1}")
        if self.neutral_id == self.pad_id:
            raise ValueError(
                f"neutral_id and pad_id are both {self.pad_id}; expected a neutral word that the "
                "model reads, such as the unknown word or the most frequent one"
            )

    @property
    def device(self) -> torch.device:
        """Where the model runs."""
        return self.embedding.weight.device

    @property
    def mean_word(self) -> Tensor:
        """The mean of all word vectors (features,), which stands for any word."""
        words = torch.arange(self.embedding.num_embeddings, device=self.device) != self.pad_id
        return self.embedding.weight.detach()[words].mean(dim=0)

    def neutral_text(self, ids: Tensor) -> Tensor:
        """As many neutral words as each text has words; ids (batch, time)."""
        return ids.masked_fill(ids != self.pad_id, self.neutral_id)

    def lengths(self, ids: Tensor) -> Tensor:
        """Number of tokens of each text (batch,), at least 1, on the CPU."""
        return (ids != self.pad_id).sum(dim=1).clamp(min=1).cpu()

    def logits(self, ids: Tensor) -> Tensor:
        """The model's answer.

        Args:
            ids: Token ids (batch, time).

        Returns:
            Logits (batch, classes).

        Raises:
            ValueError: The model answers in another shape.
        """
        if not self.reads_padding or bool((ids != self.pad_id).all()):
            return self._run(ids)
        groups = list(texts_of_equal_length(ids, self.pad_id))
        rows = torch.cat([rows for rows, _ in groups])
        return torch.cat([self._run(texts) for _, texts in groups])[torch.argsort(rows)]

    def logits_of_embedded(self, embedded: Tensor, ids: Tensor) -> Tensor:
        """The model's answer to other word vectors than those of the ids.

        Args:
            embedded: Word vectors (batch, time, features), in place of what `embedding` gives.
            ids: The ids they stand for (batch, time), which tell what is padding.

        Returns:
            Logits (batch, classes).

        Raises:
            ValueError: The model embeds other ids than these, or answers in another shape.
        """
        with _embedding_replaced(self.embedding, embedded, ids):
            return self.logits(ids)

    @contextmanager
    def embedding_checked(self, *batches: Tensor) -> Iterator[None]:
        """Makes sure that the embedding reads batches as they are, inside a `with` block.

        Args:
            batches: Token ids (batch, time) that the model may be run on, each as often as one
                likes; it is told by its first text.

        Raises:
            ValueError: When the model embeds something else.
        """

        def check(module: nn.Module, arguments: tuple[Any, ...]) -> None:
            first = [batch[0].tolist() for batch in batches]
            if arguments and arguments[0][0].tolist() not in first:
                raise ValueError(_OTHER_ORDER)

        handle = self.embedding.register_forward_pre_hook(check)
        try:
            yield
        finally:
            handle.remove()

    def margin(self, ids: Tensor, target: Tensor) -> Tensor:
        """How far the class `target` (batch,) is ahead, (batch,); see `margins`."""
        return margin_of(self.logits(ids), target)

    def probabilities(self, ids: Tensor) -> Tensor:
        """Probabilities (batch, classes) of ids (batch, time), without gradient."""
        with evaluation_mode(self.model), torch.no_grad():
            return self.logits(ids).softmax(dim=1)

    def _run(self, ids: Tensor) -> Tensor:
        lengths = (self.lengths(ids),) if self.takes_lengths else ()
        return _checked(self.model(ids, *lengths), ids)


def margins(logits: Tensor) -> Tensor:
    """How far each class is ahead: its logit minus the mean of the other classes' logits.

    Args:
        logits: Logits (batch, classes).

    Returns:
        Margins (batch, classes).

    Example:
        >>> margins(torch.tensor([[1.0, 4.0, 2.0]]))
        tensor([[-2.0000,  2.5000, -0.5000]])
    """
    others = (logits.sum(dim=1, keepdim=True) - logits) / (logits.shape[1] - 1)
    return logits - others


def margin_of(logits: Tensor, target: Tensor) -> Tensor:
    """The margin (batch,) of one class of each row.

    Args:
        logits: Logits (batch, classes).
        target: The classes (batch,).

    Returns:
        Margins (batch,).
    """
    return margins(logits).gather(1, target.unsqueeze(1)).squeeze(1)


def texts_of_equal_length(ids: Tensor, pad_id: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Splits a batch into batches without padding.

    Args:
        ids: Token ids (batch, time).
        pad_id: The id of the positions that are no tokens, wherever they stand.

    Yields:
        Row numbers (group,) of the texts of one length, and their ids (group, length), of which
        there is a single `pad_id` in texts without any token.

    Example:
        >>> for rows, texts in texts_of_equal_length(torch.tensor([[5, 0], [6, 7], [0, 8]]), 0):
        ...     print(rows.tolist(), texts.tolist())
        [0, 2] [[5], [8]]
        [1] [[6, 7]]
    """
    read = ids != pad_id
    lengths = read.sum(dim=1)
    for length in torch.unique(lengths):
        rows = (lengths == length).nonzero().squeeze(1)
        yield rows, keep_tokens(ids[rows], read[rows], pad_id=pad_id)


@contextmanager
def _embedding_replaced(embedding: nn.Embedding, embedded: Tensor, ids: Tensor) -> Iterator[None]:
    """Lets the embedding answer with the vectors of given ids inside a `with` block."""

    def replace(module: nn.Module, arguments: tuple[Any, ...], output: Tensor) -> Tensor:
        same_shape = output.shape == embedded.shape
        if arguments and same_shape and bool((arguments[0] != ids).any()):
            raise ValueError(_OTHER_ORDER)
        if output.shape != embedded.shape:
            raise ValueError(
                f"the embedding answered with shape {tuple(output.shape)} where the method gives "
                f"vectors of shape {tuple(embedded.shape)}; the model has to embed all ids of a "
                "batch at once, (batch, time, features), and texts of unequal length stand in "
                "different batches if it reads padding"
            )
        return embedded

    handle = embedding.register_forward_hook(replace)
    try:
        yield
    finally:
        handle.remove()


def _checked(logits: Any, ids: Tensor) -> Tensor:
    """The model's answer, if it is one row of two logits or more for each text."""
    if not isinstance(logits, Tensor):
        given = type(logits).__name__
    elif logits.dim() != 2 or len(logits) != len(ids) or logits.shape[1] < 2:
        given = str(tuple(logits.shape))
    else:
        return logits
    raise ValueError(
        f"the model answered with {given} to {len(ids)} texts; expected logits (batch, classes) of "
        "two classes or more: turn one output z into two with torch.stack([-z, z], dim=1) / 2"
    )
