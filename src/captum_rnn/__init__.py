"""Captum attribution for recurrent classifiers.

`HiddenStateDeltaAttribution` scores the tokens of any model around an `nn.RNN`, `nn.LSTM` or
`nn.GRU`; `pack_tokens` packs a batch so that left-out tokens score 0; `functional` holds the
mathematics. What needs more than torch and captum is imported on demand: `captum_rnn.text`,
`captum_rnn.evaluation`, `captum_rnn.visualization`, `captum_rnn.benchmark`.
"""

from captum_rnn import functional
from captum_rnn.attr import HiddenStateDeltaAttribution
from captum_rnn.states import pack_tokens

__all__ = ["HiddenStateDeltaAttribution", "__version__", "functional", "pack_tokens"]

__version__ = "0.1.0"
