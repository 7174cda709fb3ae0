"""Attribution classes after Captum's contract, one a file."""

from captum_rnn.attr.hidden_state_delta import HiddenStateDeltaAttribution

__all__ = ["HiddenStateDeltaAttribution"]
