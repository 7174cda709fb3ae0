"""Attribution classes after Captum's contract, one a file."""

from captum_rnn.attr.adjoint_delta import AdjointDeltaAttribution
from captum_rnn.attr.calibrated_delta import CalibratedDeltaAttribution
from captum_rnn.attr.calibration_data import Batch
from captum_rnn.attr.deep_lift import RecurrentDeepLiftAttribution
from captum_rnn.attr.hidden_state_delta import HiddenStateDeltaAttribution
from captum_rnn.attr.leave_one_out import LeaveOneOutAttribution
from captum_rnn.attr.local_delta import LocalDeltaAttribution
from captum_rnn.attr.logit_delta import LogitDeltaAttribution
from captum_rnn.attr.recurrent_lrp import RecurrentLRPAttribution
from captum_rnn.attr.recurrent_shapley import RecurrentShapleyAttribution
from captum_rnn.attr.word_information import WordInformationAttribution

__all__ = [
    "AdjointDeltaAttribution",
    "Batch",
    "CalibratedDeltaAttribution",
    "HiddenStateDeltaAttribution",
    "LeaveOneOutAttribution",
    "LocalDeltaAttribution",
    "LogitDeltaAttribution",
    "RecurrentDeepLiftAttribution",
    "RecurrentLRPAttribution",
    "RecurrentShapleyAttribution",
    "WordInformationAttribution",
]
