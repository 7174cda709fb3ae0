"""Classifiers that read a recurrent layer in every way, and the layers to read."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

import reference

READOUTS = ["final", "last", "middle", "mean", "max", "everything"]
LENGTHS, TIME, FEATURES, HIDDEN = [2, 4], 4, 3, 5


def run_layer(layer: nn.RNNBase, tokens: Tensor, lengths: Tensor | None = None, initial=None):
    """Outputs (batch, time, width) and last states of a layer on tokens (batch, time, features)."""
    fed = tokens if layer.batch_first else tokens.transpose(0, 1)
    if lengths is not None:
        fed = pack_padded_sequence(fed, lengths, layer.batch_first, enforce_sorted=False)
    outputs, final = layer(fed, initial)
    if isinstance(outputs, PackedSequence):
        return pad_packed_sequence(outputs, batch_first=True)[0], final
    return outputs if layer.batch_first else outputs.transpose(0, 1), final


class Reader(nn.Module):
    """Recurrent layer → readout → two logits; every readout but "everything" has a linear head."""

    def __init__(self, layer: nn.RNNBase, readout: str = "final"):
        super().__init__()
        self.layer, self.readout = layer, readout
        self.directions = 2 if layer.bidirectional else 1
        state = layer.proj_size or layer.hidden_size
        self.head = nn.Linear(self.directions * state, 2)
        self.hidden_head = nn.Linear(state, 2)
        self.cell_head = nn.Linear(layer.hidden_size, 2)
        self.to(layer.weight_ih_l0.dtype)

    def forward(self, tokens: Tensor, lengths: Tensor | None = None, initial=None) -> Tensor:
        outputs, final = run_layer(self.layer, tokens, lengths, initial)
        hidden, cells = final if isinstance(final, tuple) else (final, None)
        rows = [len(outputs[0])] * len(outputs) if lengths is None else lengths.tolist()
        return torch.stack(
            [
                self.read(
                    outputs[row, :end], hidden[:, row], cells if cells is None else cells[:, row]
                )
                for row, end in enumerate(rows)
            ]
        )

    def read(self, outputs: Tensor, hidden: Tensor, cells: Tensor | None) -> Tensor:
        """Logits of one row: outputs (time, width), final states (layer · direction, state)."""
        if self.readout == "everything":
            ranks = torch.arange(1.0, 1 + len(hidden), dtype=hidden.dtype).unsqueeze(1)
            logits = self.head(outputs.sin().mean(0)) + self.hidden_head(
                (ranks * hidden).sin().sum(0)
            )
            return (
                logits if cells is None else logits + self.cell_head((ranks * cells).sin().sum(0))
            )
        read = {
            "final": lambda: hidden[-self.directions :].flatten(),
            "last": lambda: outputs[-1],
            "middle": lambda: outputs[len(outputs) // 2],
            "mean": lambda: outputs.mean(0),
            "max": lambda: outputs.amax(0),
        }
        return self.head(read[self.readout]())


@dataclass
class Case:
    """A layer with a batch for it, in float64 but of float32 numbers, so that `float` is exact."""

    layer: nn.RNNBase
    inputs: Tensor
    lengths: Tensor | None
    initial: Tensor | tuple[Tensor, Tensor] | None
    reference: Tensor

    @property
    def ends(self) -> list[int]:
        return LENGTHS if self.lengths is not None else [TIME] * len(LENGTHS)

    @property
    def forward_args(self):
        return (self.lengths, self.initial)

    def to(self, dtype: torch.dtype) -> "Case":
        """The same in another precision; the layer itself is converted."""
        initial = self.initial
        if isinstance(initial, tuple):
            initial = (initial[0].to(dtype), initial[1].to(dtype))
        elif initial is not None:
            initial = initial.to(dtype)
        return Case(
            self.layer.to(dtype),
            self.inputs.to(dtype),
            self.lengths,
            initial,
            self.reference.to(dtype),
        )

    def float(self) -> "Case":
        return self.to(torch.float32)


def make_case(
    kind,
    num_layers=1,
    bidirectional=False,
    batch_first=True,
    packed=False,
    with_initial_state=False,
) -> Case:
    layer = reference.make_layer(
        kind,
        FEATURES,
        HIDDEN,
        num_layers=num_layers,
        bidirectional=bidirectional,
        batch_first=batch_first,
    )
    return Case(
        layer,
        torch.randn(len(LENGTHS), TIME, FEATURES),
        torch.tensor(LENGTHS) if packed else None,
        reference.make_initial_state(layer, len(LENGTHS)) if with_initial_state else None,
        torch.randn(FEATURES),
    ).to(torch.float64)
