"""How good a set of token scores is; arrays in, numbers for each text out.

Nothing here knows a model or an attribution method. A classifier is a function from token ids to
class probabilities, a set of scores is a tensor of the same shape as the ids. Each file holds what
the field files together; what a measure is called and which direction is better stands next to its
function.

- Texts without some of their tokens: `PerturbedPredictions` predicts each distinct one once, for
  all measures and methods that ask.
- Faithfulness, from such predictions and scores: `comprehensiveness`, `sufficiency`,
  `leave_one_out`, `infidelity`; `measure_rankings` for many methods, with their curves.
- Plausibility: `token_f1`, `average_precision`, `pointing_accuracy`, `sign_accuracy`, with marks
  from `spans_to_tokens`; documents of several texts: `segment_pointing`.
- Sanity: `cascading_randomisation`, `max_sensitivity`, `tail_mass`.
- Agreement of two methods, or with known contributions: `rank_correlations`,
  `pearson_correlations`.
- How sure it is: `mean_interval`, `paired_difference`, `tied_with_best`.
"""

from captum_rnn.evaluation.agreement.correlations import (
    pearson_correlations,
    rank_correlations,
)
from captum_rnn.evaluation.bootstrap import (
    MeanInterval,
    mean_interval,
    paired_difference,
    tied_with_best,
)
from captum_rnn.evaluation.faithfulness.curves import measure_rankings
from captum_rnn.evaluation.faithfulness.erasure import comprehensiveness, sufficiency
from captum_rnn.evaluation.faithfulness.infidelity import infidelity
from captum_rnn.evaluation.faithfulness.leave_one_out import leave_one_out
from captum_rnn.evaluation.perturbed import PerturbedPredictions
from captum_rnn.evaluation.plausibility.marks import (
    average_precision,
    pointing_accuracy,
    sign_accuracy,
    token_f1,
)
from captum_rnn.evaluation.plausibility.segments import segment_pointing
from captum_rnn.evaluation.plausibility.spans import spans_to_tokens
from captum_rnn.evaluation.sanity.randomisation import cascading_randomisation
from captum_rnn.evaluation.sanity.sensitivity import max_sensitivity
from captum_rnn.evaluation.sanity.tail_mass import tail_mass

__all__ = [
    "MeanInterval",
    "PerturbedPredictions",
    "average_precision",
    "cascading_randomisation",
    "comprehensiveness",
    "infidelity",
    "leave_one_out",
    "max_sensitivity",
    "mean_interval",
    "measure_rankings",
    "paired_difference",
    "pearson_correlations",
    "pointing_accuracy",
    "rank_correlations",
    "segment_pointing",
    "sign_accuracy",
    "spans_to_tokens",
    "sufficiency",
    "tail_mass",
    "tied_with_best",
    "token_f1",
]
