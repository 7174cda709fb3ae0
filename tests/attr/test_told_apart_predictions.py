"""Every prediction of models that make something linear of their inputs before the layer."""

import pytest
import torch
from torch import nn

from captum_rnn import AdjointDeltaAttribution
from fronts import FEATURES, HIDDEN, ROWS, TIME, Behind, drawn, scores_of


class Tags(Behind):
    """The same with an answer after each step, or for horizons."""

    horizons = False

    def of_read(self, read):
        outputs = self.layer(read)[0]
        if self.horizons:
            outputs = torch.stack([outputs[:, -1], outputs.mean(1), outputs[:, 0].tanh()], 1)
        return self.head(outputs)


@pytest.mark.parametrize("horizons", [False, True])
@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_every_prediction_of_what_is_linear_as_by_a_call_for_each(kind, horizons):
    matrix = torch.randn(3, FEATURES).double()
    model = Tags(lambda x, y: torch.cat([x @ matrix.T + 1, y.flip(2)], 2), 5, kind)
    model.horizons = horizons
    inputs, baselines = (drawn(ROWS, TIME, FEATURES), drawn(ROWS, TIME, 2)), (0.5, drawn(2))
    adjoint = AdjointDeltaAttribution(model, model.layer)
    every = adjoint.attribute_predictions(inputs, baselines, target=1)
    total = adjoint.attribute_predictions(inputs, baselines, target=1, aggregate="sum")
    steps = adjoint.attribute_predictions(inputs, baselines, target=1, per_step=True)
    for number in range(3 if horizons else TIME):

        def alone(*given, number=number):
            return model(*given)[:, number]

        expected = scores_of(AdjointDeltaAttribution, alone, model.layer, inputs, baselines)
        for found, of_steps, wanted in zip(every, steps, expected, strict=True):
            torch.testing.assert_close(found[:, number], wanted, rtol=0, atol=1e-13)
            torch.testing.assert_close(of_steps[:, number], wanted.sum(2), rtol=0, atol=1e-13)
    for found, wanted in zip(total, every, strict=True):
        torch.testing.assert_close(found, wanted.sum(1), rtol=0, atol=1e-13)


def test_every_prediction_of_a_layer_that_is_followed_step_by_step():
    model = Tags(lambda x: x[..., [2, 0]], 2, "gru")

    class Stepped(nn.GRU):
        """Whose forward is its own, so that its gates are not known."""

        def forward(self, read, state=None):
            outputs, final = super().forward(read, state)
            return 1.0 * outputs, final

    model.layer = Stepped(2, HIDDEN, batch_first=True).double()
    inputs = drawn(ROWS, TIME, FEATURES)
    adjoint = AdjointDeltaAttribution(model, model.layer)
    every = adjoint.attribute_predictions(inputs, 0.0, target=1)
    for number in range(TIME):
        alone = AdjointDeltaAttribution(lambda x, n=number: model(x)[:, n], model.layer)
        expected = alone.attribute(inputs, 0.0, target=1)
        torch.testing.assert_close(every[:, number], expected, rtol=0, atol=1e-13)
        assert (expected[..., [1, 3]] == 0).all()
