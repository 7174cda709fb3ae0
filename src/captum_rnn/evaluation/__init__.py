"""How good a set of token scores is; arrays in, numbers for each text out.

Nothing here knows a model or an attribution method. A classifier is a function from token ids to
class probabilities, a set of scores is a tensor of the same shape as the ids.

- Perturbation: `PerturbedPredictions` with `measure_rankings`, `leave_one_out_of` and
  `infidelity_of` for many methods and measures at once; `comprehensiveness`, `sufficiency`,
  `leave_one_out` for one.
- Captum's metrics on token ids: `infidelity`, `max_sensitivity`.
- Agreement: of two methods, of all, or with known contributions: `rank_correlations`,
  `rank_correlation_matrices`, `pearson_correlations`.
- Plausibility: `token_f1`, `average_precision`, `pointing_accuracy`, `sign_accuracy`, with marks
  from `spans_to_tokens` or `lexicon_polarity`; documents of several texts: `segment_pointing`.
- Sanity and structure: `cascading_randomisation`, `tail_mass`.
- How sure it is: `mean_interval`, `mean_intervals`, `paired_difference`, `tied_with_best`.
"""

from captum_rnn.evaluation.agreement.correlations import (
    pearson_correlations,
    rank_correlation,
    rank_correlation_matrices,
    rank_correlations,
)
from captum_rnn.evaluation.bootstrap import (
    MeanInterval,
    mean_interval,
    mean_intervals,
    paired_difference,
    tied_with_best,
)
from captum_rnn.evaluation.captum_metrics import infidelity, infidelity_of, max_sensitivity
from captum_rnn.evaluation.faithfulness.erasure import comprehensiveness, sufficiency
from captum_rnn.evaluation.plausibility.segments import SegmentPointing, segment_labels, segment_pointing
from captum_rnn.evaluation.faithfulness.leave_one_out import leave_one_out, leave_one_out_of
from captum_rnn.evaluation.perturbed import PerturbedPredictions
from captum_rnn.evaluation.plausibility.marks import (
    average_precision,
    lexicon_polarity,
    pointing_accuracy,
    sign_accuracy,
    token_f1,
)
from captum_rnn.evaluation.prediction import Predict, predict_texts
from captum_rnn.evaluation.sanity.randomisation import cascading_randomisation
from captum_rnn.evaluation.faithfulness.curves import RankingMeasures, measure_rankings
from captum_rnn.evaluation.plausibility.spans import spans_to_tokens, token_places
from captum_rnn.evaluation.sanity.tail_mass import tail_mass, uniform_tail_mass

__all__ = [
    "MeanInterval",
    "PerturbedPredictions",
    "Predict",
    "RankingMeasures",
    "SegmentPointing",
    "average_precision",
    "cascading_randomisation",
    "comprehensiveness",
    "infidelity",
    "infidelity_of",
    "leave_one_out",
    "leave_one_out_of",
    "lexicon_polarity",
    "max_sensitivity",
    "mean_interval",
    "mean_intervals",
    "measure_rankings",
    "paired_difference",
    "pearson_correlations",
    "pointing_accuracy",
    "predict_texts",
    "rank_correlation",
    "rank_correlation_matrices",
    "rank_correlations",
    "segment_labels",
    "segment_pointing",
    "sign_accuracy",
    "spans_to_tokens",
    "sufficiency",
    "tail_mass",
    "tied_with_best",
    "token_f1",
    "token_places",
    "uniform_tail_mass",
]
