"""Hidden-state delta where the state is a running sum of word vectors."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.word_vectors.pooling import WordPooling
from captum_rnn._captum import InternalAttribution, format_output, is_tuple, logged, run_forward
from captum_rnn.attr.inputs import InputLayout, check_inputs
from captum_rnn.functional import Distance, check_distance, hidden_state_delta


class WordPoolingDeltaAttribution(InternalAttribution):  # type: ignore[misc]
    r"""Scores each word by how much nearer its vector brought the running sum to the whole sum.

    The partial sums :math:`h_t = \sum_{i \le t} e_i` are the states of a recurrence without gates,
    so hidden-state delta reads them as it reads those of an LSTM. The scores of a row sum to 1; the
    mean of the vectors has the scores of their sum. With ``distance="projection"`` the score of a
    word is :math:`\langle e_t, h_n \rangle / \lVert h_n \rVert^2`, which does not depend on the
    order of the words; the other distances do, although the classifier does not.

    Args:
        forward_func: The model, or any function that runs it.
        layer: The `WordPooling` in it.
        distance: As for `captum_rnn.functional.hidden_state_delta`.
        normalize: As for `captum_rnn.functional.hidden_state_delta`.

    Raises:
        ValueError: An unknown distance.

    Example:
        >>> from benchmarks.word_vectors import WordVectorClassifier
        >>> model = WordVectorClassifier(10)
        >>> delta = WordPoolingDeltaAttribution(model, model.pool)
        >>> scores = delta.attribute(torch.tensor([[3, 0, 7]]), target=1)
        >>> scores.shape, scores[0, 1].item(), round(scores.sum().item(), 4)
        (torch.Size([1, 3]), 0.0, 1.0)
    """

    def __init__(
        self,
        forward_func: Callable[..., Any],
        layer: WordPooling,
        *,
        distance: Distance = "l2",
        normalize: bool = True,
    ) -> None:
        super().__init__(forward_func, layer)
        if not isinstance(layer, WordPooling):
            raise TypeError(
                f"the layer is of type {type(layer).__name__}; expected the WordPooling of the "
                "model, e.g. WordPoolingDeltaAttribution(model, model.pool)"
            )
        self.distance = check_distance(distance)
        self.normalize = normalize

    @logged
    def attribute(
        self, inputs: Any, target: Any = None, additional_forward_args: Any = None
    ) -> Any:
        """Scores the words of `inputs`.

        Args:
            inputs: Word ids (batch, time) or embedded words (batch, time, features).
            target: The class, as for every Captum method; the score does not depend on it.
            additional_forward_args: Further arguments of `forward_func`.

        Returns:
            Attributions of the shape of `inputs`; 0 for words that are not read. A word's score is
            shared equally over its features.

        Raises:
            TypeError: Inputs that are no tensor.
            ValueError: More than one input tensor, or the layer did not run once on it.
        """
        tensors = check_inputs(inputs)
        calls: list[tuple[Tensor, Tensor]] = []

        def record(_: nn.Module, arguments: tuple[Tensor, Tensor], __: Tensor) -> None:
            calls.append(arguments)

        handle = self.layer.register_forward_hook(record)
        try:
            with torch.no_grad():
                run_forward(self.forward_func, tensors, target, additional_forward_args)
        finally:
            handle.remove()
        layout = InputLayout(tensors[0].shape)
        if len(tensors) != 1 or len(calls) != 1 or calls[0][1].shape != tensors[0].shape[:2]:
            seen = [tuple(read.shape) for _, read in calls]
            raise ValueError(
                f"the layer read words of the shapes {seen} for {len(tensors)} input(s), the first "
                f"of shape {tuple(tensors[0].shape)}; expected one call for one input (batch, time)"
            )
        embedded, read = calls[0]
        with torch.no_grad():
            scores = hidden_state_delta(
                self.layer.states(embedded, read),
                distance=self.distance,
                normalize=self.normalize,
            ).masked_fill(~read, 0.0)
        return format_output(is_tuple(inputs), (layout.arrange(scores),))
