"""A calibrated delta, fitted, and the steps that it scores."""

from captum_rnn.attr.calibrated_delta import CalibratedDeltaAttribution
from captum_rnn.attr.calibration_data import Batch


def fitted(model, batches, layer=None, *, kind=None, **options):
    attribution = CalibratedDeltaAttribution(model, layer or model.layer, **(kind or {}))
    batches = [Batch(*batch) if isinstance(batch, tuple) else batch for batch in batches]
    return attribution.fit(batches, **options)


def expected_steps(row, direction, token):
    """Steps (time, state) of an unrolled row, from before or from what `token` would have made."""
    states = row.states[-1][direction]
    instead = states[:-1] if token is None else row.stepped_with(token)[-1][direction][0]
    return states[1:] - instead
