"""The kinds of recurrent layers that methods are compared on."""

from dataclasses import replace
from typing import Literal, get_args

from captum_rnn.text.training import TrainingSettings

Kind = Literal["rnn", "lstm", "gru", "bilstm", "gru2-mean"]

KINDS: tuple[Kind, ...] = get_args(Kind)
"""A tanh RNN, an LSTM, a GRU, a bidirectional LSTM, and two GRU layers, their states averaged."""


def network_settings(kind: Kind, settings: TrainingSettings) -> TrainingSettings:
    """The settings with the recurrent layer of a kind.

    Example:
        >>> settings = network_settings("gru2-mean", TrainingSettings())
        >>> settings.kind, settings.layers, settings.pooling
        ('gru', 2, 'mean')
    """
    if kind == "bilstm":
        return replace(settings, kind="lstm", bidirectional=True)
    if kind == "gru2-mean":
        return replace(settings, kind="gru", layers=2, pooling="mean")
    return replace(settings, kind=kind)
