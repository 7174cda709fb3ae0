"""Which runs go on from which: rows at zeros among them."""

import torch
from torch import nn

from captum_rnn import AdjointDeltaAttribution
from oracle import scores_of


def test_a_row_that_relu_left_at_zeros_goes_on():
    """All units of a row are 0 after its second step, and it goes on with the others."""
    torch.manual_seed(0)
    cell, head = nn.RNNCell(2, 3, nonlinearity="relu").double(), nn.Linear(3, 2).double()
    vectors = torch.randn(2, 4, 2).double()
    with torch.no_grad():
        cell.bias_ih.fill_(0.5)
        cell.weight_ih.copy_(torch.tensor([[1.0, 0], [1, 0], [1, 0]]))
        vectors[:, :, 0] = torch.tensor([[0.7, -9, 0.4, 0.9], [0.3, 0.2, 0.8, 0.5]])

    def model(tokens):
        state = None
        for token in tokens.unbind(1):
            state = cell(token, state)
        return head(state)

    first = cell(vectors[:, 1], cell(vectors[:, 0]))
    assert not first[0].any()
    assert first[1].any()
    leaf = vectors.clone().requires_grad_()
    expected = scores_of(lambda: model(leaf)[:, 1], [cell], leaf)["adjoint"]
    scores = AdjointDeltaAttribution(model, cell).attribute(vectors, target=1, per_step=True)
    torch.testing.assert_close(scores, expected, rtol=1e-9, atol=1e-12)
    assert expected[0, 1].abs() > 1e-3


def test_rows_that_begin_with_zeros_begin_again():
    """Two texts one after the other, each from given zeros."""
    torch.manual_seed(0)
    layer, head = nn.GRU(2, 3, batch_first=True).double(), nn.Linear(3, 2).double()

    def model(tokens):
        zeros = torch.zeros(1, len(tokens), 3).double()
        parts = tokens.split(2, 1)
        return sum(head(layer(part, zeros)[1][-1]) for part in parts)

    vectors = torch.randn(2, 4, 2).double()
    leaf = vectors.clone().requires_grad_()
    expected = scores_of(lambda: model(leaf)[:, 1], [layer], leaf)["adjoint"]
    scores = AdjointDeltaAttribution(model, layer).attribute(vectors, target=1, per_step=True)
    torch.testing.assert_close(scores, expected, rtol=1e-9, atol=1e-12)
