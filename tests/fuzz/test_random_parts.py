"""Layers above each other as modules of their own, against one module that holds them all.

The axes are those of `test_random_scans.py`: what is bounded, replaced and handed on has to be the
same whether torch or the model stacks its layers.
"""

import random
import warnings

import torch
from torch import nn

from captum_rnn import (
    AdjointDeltaAttribution,
    RecurrentDeepLiftAttribution,
    RecurrentLRPAttribution,
)
from random_layers import LINEAR, RandomLayer, close
from readers import run_layer
from reference import make_layer


class Apart(nn.Module):
    """The layers of a case as modules, read as the case reads them."""

    def __init__(self, case):
        super().__init__()
        self.reader, whole = case.model, case.layer
        self.directions = 2 if whole.bidirectional else 1
        self.parts = nn.ModuleList()
        for index in range(whole.num_layers):
            width = self.directions * (whole.proj_size or whole.hidden_size)
            part = make_layer(
                case.kind,
                width if index else whole.input_size,
                whole.hidden_size,
                bidirectional=whole.bidirectional,
                batch_first=whole.batch_first,
                bias=whole.bias,
            ).double()
            suffix = f"_l{index}"
            part.load_state_dict(
                {
                    name.replace(suffix, "_l0"): weight
                    for name, weight in whole.state_dict().items()
                    if suffix in name
                }
            )
            self.parts.append(part)

    def forward(self, tokens, lengths, initial):
        states = []
        for index, part in enumerate(self.parts):
            tokens, final = run_layer(part, tokens, lengths, self.of_part(initial, index))
            states.append(final if isinstance(final, tuple) else (final,))
        hidden, *cells = (torch.cat(parts) for parts in zip(*states, strict=True))
        ends = [tokens.shape[1]] * len(tokens) if lengths is None else lengths.tolist()
        rows = [
            self.reader.read(tokens[row, :end], hidden[:, row], cells[0][:, row] if cells else None)
            for row, end in enumerate(ends)
        ]
        return torch.stack(rows)

    def of_part(self, initial, index):
        if isinstance(initial, tuple):
            return tuple(self.of_part(states, index) for states in initial)
        if initial is None:
            return None
        return initial[index * self.directions : (index + 1) * self.directions].contiguous()


def test_random_parts(fuzz_seeds):
    for seed in fuzz_seeds(60):
        try:
            check_random_parts(seed)
        except (AssertionError, ValueError, RuntimeError) as error:
            raise AssertionError(f"seed {seed}") from error


def check_random_parts(seed):
    case = RandomLayer(seed)
    if case.readout == "everything":  # reads lower layers, which no module shows of its stack
        case.model.readout = case.readout = "mean"
    apart, baseline = Apart(case).eval(), random.Random(seed).choice([None, case.baseline])
    for made, given, options in (
        (AdjointDeltaAttribution, {"baselines": baseline, "per_step": True}, {}),
        (RecurrentLRPAttribution, {}, {"epsilon": case.epsilon}),
        (RecurrentDeepLiftAttribution, {"baselines": case.baseline}, {}),
    ):
        if made is RecurrentDeepLiftAttribution and case.readout not in LINEAR:
            continue
        found = []
        for model, layer in ((case.model, case.layer), (apart, list(apart.parts))):
            with warnings.catch_warnings(record=True) as seen:
                warnings.simplefilter("always")
                method = made(model, layer, **options)
                scores = method.attribute(case.tokens, **case.given, **given)
            found.append((scores, [str(warning.message) for warning in seen]))
        (expected, said), (scores, said_apart) = found
        close(scores, expected)
        assert len(said) == len(said_apart)
