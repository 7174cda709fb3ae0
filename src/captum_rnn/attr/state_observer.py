"""What a layer's state is for given word vectors, run after run, and whether that can be told."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from captum_rnn._captum import run_forward
from captum_rnn.attr.inputs import InputLayout
from captum_rnn.functional.checks import check_lengths, check_readout
from captum_rnn.states.perturbing import SeenStates, StateReadout, run_embedded, seen_states


@dataclass(frozen=True, eq=False)
class StateObserver:
    """Runs a model and looks at its word vectors and at the states of one layer.

    Attributes:
        forward_func: The model, or any function that runs it.
        layer: The module whose output is looked at.
        embedding: The module that answers with the word vectors.
        readout: The state that is looked at, as for `WordInformationAttribution`.
        batch_first: Whether dimension 0 of the inputs is the batch.
    """

    forward_func: Callable[..., Any]
    layer: nn.Module
    embedding: nn.Module
    readout: StateReadout = "final"
    batch_first: bool = True

    def observe(
        self,
        tensors: tuple[Tensor, ...],
        additional_forward_args: Any = None,
        lengths: Tensor | None = None,
        target: Any = None,
        embedded: Tensor | None = None,
    ) -> tuple[Tensor, SeenStates]:
        """Runs the model once, from other word vectors if they are given.

        Args:
            tensors: The inputs.
            additional_forward_args: Further arguments of `forward_func`.
            lengths: Number of real tokens in each row (batch,), where padding is run over.
            target: Checked by Captum like every target.
            embedded: Word vectors in the model's layout, in place of what the embedding gives.

        Returns:
            The word vectors in the model's layout, and the states that are looked at.

        Raises:
            ValueError: Inference mode; the embedding or the layer does not run exactly once, or the
                layer's output does not depend on the embedding or does not fit.
            TypeError: An answer without a tensor.
        """
        if torch.is_inference_mode_enabled():
            raise ValueError(
                "the measure needs derivatives of the state, which torch.inference_mode() rules "
                "out; call it under torch.no_grad() instead"
            )
        run = run_embedded(
            lambda: run_forward(self.forward_func, tensors, target, additional_forward_args),
            self.layer,
            self.embedding,
            embedded,
        )
        seen = seen_states(self.layer, run, self.readout, lengths, batch_first=self.batch_first)
        return run.embedded, seen

    def layout(self, tensors: tuple[Tensor, ...]) -> InputLayout:
        """The layout of the one input; ValueError if there are more, or it has no time axis."""
        if len(tensors) > 1:
            raise ValueError(
                f"inputs holds {len(tensors)} tensors; expected the one that the embedding reads, "
                "with everything else in additional_forward_args"
            )
        if tensors[0].dim() < 2:
            expected = "(batch, time)" if self.batch_first else "(time, batch)"
            raise ValueError(
                f"inputs has shape {tuple(tensors[0].shape)}; expected token ids {expected}"
            )
        return InputLayout(tensors[0].shape, self.batch_first)

    def tokens(
        self,
        ids: Tensor,
        layout: InputLayout,
        embedded: Tensor,
        seen: SeenStates,
        lengths: Tensor | None,
    ) -> Tensor:
        """Which places (batch, time) hold words: of a recurrent layer, those that it read.

        Raises:
            ValueError: Lengths, or positions of rows, that do not fit what the layer read.
        """
        tokens = torch.ones(layout.batch, layout.time, dtype=torch.bool, device=ids.device)
        if lengths is not None:
            lengths = check_lengths(lengths, layout.batch, layout.time, ids.device)
            tokens = torch.arange(layout.time, device=ids.device) < lengths.unsqueeze(1)
        if seen.given is not None and seen.given.requires_grad:
            is_read = self._read(embedded, seen.given)
            if lengths is not None and (differs := (is_read != tokens).any(1)).any():
                row = int(differs.int().argmax())
                raise ValueError(
                    f"lengths[{row}] is {int(lengths[row])}, but the layer read the tokens "
                    f"{is_read[row].nonzero().flatten().tolist()} of row {row} before that; leave "
                    "lengths out, or let the model pack its batch"
                )
            tokens = is_read
        padding = getattr(self.embedding, "padding_idx", None)
        if padding is not None and ids.dim() == 2:
            tokens = tokens & (self.swapped(ids) != padding)
        return tokens

    def _read(self, embedded: Tensor, given: Tensor) -> Tensor:
        """Which word vectors (batch, time) the steps of a layer read, as autograd tells it.

        Args:
            embedded: The word vectors, a leaf of the graph.
            given: What the layer read at each step (rows, time, features), 0 beyond its length.
        """
        draw = torch.Generator(given.device).manual_seed(0)
        vectors = torch.randn(given.shape, generator=draw, device=given.device).to(given.dtype)
        rows = torch.arange(1, len(given) + 1, device=given.device).view(-1, 1, 1)
        once, by_row = (
            self.swapped(
                torch.autograd.grad(
                    given, embedded, weighted, retain_graph=True, materialize_grads=True
                )[0]
            )
            for weighted in (vectors, vectors * rows)
        )
        if isinstance(self.readout, Tensor) and len(given) == len(once):
            moved = (by_row - rows * once).abs().amax((1, 2)) > 0.1 * once.abs().amax((1, 2))
            if moved.any():
                raise ValueError(
                    f"readout holds a position for each row, but the layer reads row "
                    f"{int(moved.int().argmax())} in another row, as where a batch is sorted; let "
                    "pack_padded_sequence sort it with enforce_sorted=False"
                )
        return (once != 0).any(2)

    def swapped(self, tensor: Tensor) -> Tensor:
        """From the inputs' layout to batch first, or back."""
        return tensor if self.batch_first else tensor.transpose(0, 1)

    def check_axes(self, embedded: Tensor, layout: InputLayout) -> None:
        """Raises ValueError unless each token has one word vector."""
        if embedded.dim() == 3 and embedded.shape[:2] == layout.shape[:2]:
            return
        raise ValueError(
            f"the embedding ({type(self.embedding).__name__}) answered with shape "
            f"{tuple(embedded.shape)} to inputs of shape {tuple(layout.shape)}; expected one word "
            "vector for each token, the first two axes as those of the inputs"
        )

    def check_repeatable(self, first: Tensor, second: Tensor) -> None:
        """Raises ValueError if two runs on the same words gave two states."""
        if torch.allclose(first, second.detach(), rtol=1e-3, atol=1e-4, equal_nan=True):
            return
        raise ValueError(
            f"two runs on the same words gave two states of {type(self.layer).__name__}, so that "
            "what noise does to it cannot be told; call model.eval() first"
        )


def checked_state_readout(readout: StateReadout) -> StateReadout:
    """The readout; ValueError if it is none."""
    if isinstance(readout, str):
        if readout not in ("final", "all"):
            raise ValueError(
                f'readout is {readout!r}; expected "final", "all", an int or positions (batch,)'
            )
        return readout
    return check_readout(readout)  # type: ignore[return-value]
