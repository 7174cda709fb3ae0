"""Static covariates and given initial states beside series of which the time comes first."""

import pytest
import torch

from captum_rnn import (
    AdjointDeltaAttribution,
    LocalDeltaAttribution,
    RecurrentDeepLiftAttribution,
    RecurrentLRPAttribution,
)
from static_models import CLASS, ROWS, STATIC, Series, drawn

COMPARING = (AdjointDeltaAttribution, LocalDeltaAttribution, RecurrentDeepLiftAttribution)


@pytest.mark.parametrize("make", [*COMPARING, RecurrentLRPAttribution])
@pytest.mark.parametrize("where", ["head", "begin", "state", "steps"])
@pytest.mark.parametrize("rows", [STATIC, ROWS])
def test_beside_time_first_series_what_is_static_has_its_rows_where_it_has_them(rows, where, make):
    """With as many rows as static numbers, rows of their baseline were taken for numbers."""
    model = Series("lstm", where, depth=2)
    series, static, base, static_base = drawn(model, rows)
    if where != "state":
        static_base = static_base[0]

    def scores(forward, series, base, **options):
        given = () if make is RecurrentLRPAttribution else ((base, static_base),)
        return make(forward, model.layer, **options).attribute(
            (series, static), *given, target=CLASS
        )

    expected, of_static = scores(model, series, base)
    found, found_of_static = scores(
        lambda series, static: model(series.transpose(0, 1), static),
        series.transpose(0, 1).contiguous(),
        base.transpose(0, 1),
        batch_first=False,
    )
    torch.testing.assert_close(found.transpose(0, 1), expected, rtol=0, atol=1e-13)
    torch.testing.assert_close(found_of_static, of_static, rtol=0, atol=1e-13)
