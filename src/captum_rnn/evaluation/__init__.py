"""How good a set of token scores is: perturbation metrics and agreement; arrays in, numbers out.

Nothing here knows a model or an attribution method. A classifier is a function from token ids to
class probabilities, a set of scores is a tensor of the same shape as the ids.
"""

from captum_rnn.evaluation.agreement import rank_correlation, rank_correlations
from captum_rnn.evaluation.faithfulness import comprehensiveness, sufficiency
from captum_rnn.evaluation.interval import MeanInterval, mean_interval
from captum_rnn.evaluation.leave_one_out import leave_one_out
from captum_rnn.evaluation.prediction import Predict, predict_texts

__all__ = [
    "MeanInterval",
    "Predict",
    "comprehensiveness",
    "leave_one_out",
    "mean_interval",
    "predict_texts",
    "rank_correlation",
    "rank_correlations",
    "sufficiency",
]
