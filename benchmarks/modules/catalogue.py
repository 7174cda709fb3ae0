"""Recurrent modules of released packages, each as a layer of a small classifier."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

FEATURES, HIDDEN = 6, 8


@dataclass(frozen=True)
class Released:
    """A module of a package.

    Attributes:
        package: As it is installed.
        name: Of the module.
        build: Makes one, that reads `FEATURES`.
        width: Of its outputs.
        time_first: Whether it reads (time, batch, features).
        told: Whether it is given the attribute `batch_first` that says so.
        given: What it is called with beside the tokens.
        double: Whether it runs in float64.
        call: Runs it where a plain call is not enough.
        layers: What it holds that is explained in its place.
    """

    package: str
    name: str
    build: Callable[[], nn.Module]
    width: int = HIDDEN
    time_first: bool = False
    told: bool = True
    given: dict[str, Any] = field(default_factory=dict)
    double: bool = True
    call: Callable[[nn.Module, Tensor], Any] | None = None
    layers: tuple[str, ...] | None = None

    def answer(self, layer: nn.Module, tokens: Tensor) -> Tensor:
        """Its outputs (batch, time, width) for tokens (batch, time, features)."""
        fed = tokens.transpose(0, 1) if self.time_first else tokens
        found = layer(fed, **self.given) if self.call is None else self.call(layer, fed)
        outputs: Tensor = found[0] if isinstance(found, tuple) else found
        return outputs.transpose(0, 1) if self.time_first else outputs


def _of(path: str, *args: Any, **options: Any) -> Callable[[], nn.Module]:
    """Makes what stands at `module:name`, imported when it is made."""

    def build() -> nn.Module:
        module, _, name = path.partition(":")
        made: nn.Module = getattr(importlib.import_module(module), name)(*args, **options)
        return made

    return build


def _mamba() -> nn.Module:
    found = importlib.import_module("mambapy.mamba")
    config = found.MambaConfig(d_model=FEATURES, n_layers=1, d_state=4, d_conv=2)
    made: nn.Module = found.MambaBlock(config)
    return made


def _slstm() -> nn.Module:
    found = importlib.import_module("xlstm.blocks.slstm.layer")
    config = found.sLSTMLayerConfig(
        embedding_dim=FEATURES, num_heads=2, backend="vanilla", conv1d_kernel_size=0, dropout=0.0
    )
    made: nn.Module = found.sLSTMLayer(config)
    return made


def _bistable() -> nn.Module:
    found = importlib.import_module("brc_pytorch.modules")
    made: nn.Module = found.RNNLayer(found.NBRC, FEATURES, HIDDEN)
    return made


RELEASED = [
    Released("ncps", "CfC", _of("ncps.torch:CfC", FEATURES, HIDDEN)),
    Released(
        "ncps",
        "CfC, mixed memory",
        _of("ncps.torch:CfC", FEATURES, HIDDEN, mixed_memory=True),
        double=False,
    ),
    Released("ncps", "LTC", _of("ncps.torch:LTC", FEATURES, HIDDEN)),
    Released(
        "minGRU-pytorch", "minGRU", _of("minGRU_pytorch.minGRU:minGRU", FEATURES), width=FEATURES
    ),
    Released(
        "minGRU-pytorch",
        "minGRU, with its state",
        _of("minGRU_pytorch.minGRU:minGRU", FEATURES),
        width=FEATURES,
        given={"return_next_prev_hidden": True},
    ),
    Released(
        "minGRU-pytorch", "minLSTM", _of("minGRU_pytorch.minLSTM:minLSTM", FEATURES), width=FEATURES
    ),
    Released(
        "sru",
        "SRU, 2 layers",
        _of("sru:SRU", FEATURES, HIDDEN, num_layers=2),
        time_first=True,
        double=False,
    ),
    Released(
        "sru",
        "SRU, bidirectional",
        _of("sru:SRU", FEATURES, HIDDEN, 1, bidirectional=True),
        width=2 * HIDDEN,
        time_first=True,
        double=False,
    ),
    Released("mambapy", "MambaBlock", _mamba, width=FEATURES),
    Released("xlstm", "sLSTM", _slstm, width=FEATURES),
    Released(
        "gated-state-spaces-pytorch",
        "GSS",
        _of(
            "gated_state_spaces_pytorch.gss:GSS",
            dim=FEATURES,
            dim_expansion_factor=2,
            dss_kernel_N=8,
            dss_kernel_H=8,
        ),
        width=FEATURES,
        double=False,
    ),
    Released(
        "ESRNN",
        "DRNN, dilations 1 and 2",
        _of("ESRNN.utils.DRNN:DRNN", FEATURES, HIDDEN, 2, [1, 2], batch_first=True),
        double=False,
    ),
    Released(
        "cerebral_lstm",
        "CerebralLSTM",
        _of("cerebral_lstm:CerebralLSTM", FEATURES, HIDDEN),
        time_first=True,
    ),
    Released(
        "ESRNN",
        "DRNN, its layers",
        _of("ESRNN.utils.DRNN:DRNN", FEATURES, HIDDEN, 2, [1, 2], batch_first=True),
        double=False,
        layers=("cells.0", "cells.1"),
    ),
    Released(
        "cerebral_lstm",
        "CerebralLSTM, without batch_first = False",
        _of("cerebral_lstm:CerebralLSTM", FEATURES, HIDDEN),
        time_first=True,
        told=False,
        double=False,
    ),
    Released(
        "light-recurrent-unit-pytorch",
        "LightRecurrentUnit, 2 layers",
        _of("light_recurrent_unit_pytorch:LightRecurrentUnit", FEATURES, depth=2),
        width=FEATURES,
    ),
    Released("LRU-pytorch", "LRU", _of("LRU_pytorch:LRU", FEATURES, HIDDEN, 4), double=False),
    Released(
        "additive-recurrent-unit",
        "ARU, all states",
        _of("aru:ARU", FEATURES, HIDDEN, use_embedding=False),
        given={"return_all_states": True},
    ),
    Released(
        "array-lstm", "ArrayLSTM", _of("arrayLSTM:ArrayLSTM", FEATURES, HIDDEN, 2), double=False
    ),
    Released(
        "brc",
        "RNNLayer of NBRC, scripted",
        _bistable,
        time_first=True,
        told=False,
        double=False,
        call=lambda layer, fed: layer(fed, [fed.new_zeros(fed.shape[1], HIDDEN)]),
    ),
]
