"""Random layers, runs, fronts and heads together, held against `tests/oracle.py` and plain twins.

The axes: kind of layer, depth, directions, projection, bias, layout; one run, chunks, also with
decay of some rows' state between them, single steps, cells in a loop, subclasses that pack inside
or hooks that scale; what moves tokens before the layer, or has them read twice; initial states;
heads that read outputs, h_n and c_n of every layer, and what passes them by; precision; batches,
texts and states from size 1.
"""

import random

import torch

from captum_rnn import (
    AdjointDeltaAttribution,
    LogitDeltaAttribution,
    RecurrentDeepLiftAttribution,
    RecurrentLRPAttribution,
)
from models import hooks
from oracle import scores_of
from random_models import FRONTS, KINDS, Random


def test_random_kinds(fuzz_seeds):
    for seed in fuzz_seeds(120):
        try:
            check_a_random_kind(seed)
        except (AssertionError, ValueError, RuntimeError) as error:
            raise AssertionError(f"seed {seed}") from error


def check_a_random_kind(seed):
    draw = random.Random(seed)
    torch.manual_seed(seed)
    model = Random(draw)
    in_parts = model.in_parts
    vectors = torch.randn(draw.randint(1, 4), draw.randint(1, 6), model.features).double()
    if model.front == "shifted" and vectors.shape[1] == 1:  # no token is left to read
        model.front = "plain"
    if in_parts and model.readout == "everything":  # lower layers in the midst are refused
        model.readout = "mean"
    leaf, before = vectors.clone().requires_grad_(), hooks(model)
    expected = scores_of(lambda: model(leaf)[:, 1], [model.layer], leaf)
    compare(AdjointDeltaAttribution, model, vectors, expected["adjoint"])
    if not in_parts:
        compare(LogitDeltaAttribution, model, vectors, expected["logit"])
    check_change(model, vectors)
    check_moves(model, vectors, in_parts)
    check_precision(model, vectors, expected["adjoint"])
    assert hooks(model) == before
    assert all(weight.grad is None for weight in model.parameters())


def compare(made, model, vectors, expected):
    scores = made(model, model.layer).attribute(vectors, target=1, per_step=True)
    size = float(expected.abs().max().clamp(min=1e-3))
    torch.testing.assert_close(scores, expected, rtol=0, atol=1e-7 * size)


def check_change(model, vectors):
    """DeepLIFT sums to the change from zeros that the layer reads, exactly."""
    if model.front == "shifted" or model.run == "decayed":  # a step without a token, or no one run
        return
    method = RecurrentDeepLiftAttribution(model, model.layer)
    scores, delta = method.attribute(vectors, target=1, return_convergence_delta=True)
    assert delta.abs().max() <= 1e-9
    with torch.no_grad():
        moved = torch.zeros_like(model.moved(vectors))
        nothing = model.answer(*model.read(moved), moved)[:, 1]
        change = model(vectors)[:, 1] - nothing
    if model.front in ("plain", "reversed", "sorted"):  # else steps read what is no token
        torch.testing.assert_close(scores.sum((1, 2)), change, rtol=0, atol=1e-9)


def check_moves(model, vectors, in_parts):
    """Relevance stands at the tokens that were read, and is that of one run over them."""
    numbers = torch.arange(vectors[..., 0].numel()).view(vectors.shape[:2])
    if model.front not in ("plain", "reversed", "first dropped"):
        return
    order = model.moved(numbers.unsqueeze(2)).squeeze(2)
    plain = lambda moved: model.answer(*model.read(moved), moved)[:, :]  # noqa: E731
    method = RecurrentLRPAttribution(plain, model.layer)
    of_moved = method.attribute(model.moved(vectors), target=1, per_step=True)
    expected = torch.zeros(numbers.numel()).double()
    expected[order.flatten()] = of_moved.flatten()
    if in_parts and model.run == "chunks":
        model.run = "one"
        once = method.attribute(model.moved(vectors), target=1, per_step=True)
        model.run = "chunks"
        torch.testing.assert_close(of_moved, once, rtol=1e-7, atol=1e-9)
    scores = RecurrentLRPAttribution(model, model.layer).attribute(vectors, target=1, per_step=True)
    torch.testing.assert_close(scores.flatten(), expected, rtol=1e-7, atol=1e-9)


def check_precision(model, vectors, expected):
    """float32 to 2e-3 of the largest score; bfloat16 roughly."""
    size = float(expected.abs().max())
    rough = [(torch.bfloat16, 0.5)]
    if model.front == "normalised" and model.features == 2:  # which are 1 and −1, or the reverse
        rough = []
    for dtype, tolerance in ((torch.float32, 2e-3), *rough):
        model.to(dtype)
        scores = AdjointDeltaAttribution(model, model.layer).attribute(
            vectors.to(dtype), target=1, per_step=True
        )
        assert scores.dtype == torch.float32
        assert (scores - expected).abs().max() <= tolerance * size + tolerance / 10
    model.double()


def test_the_draws_cover_all_axes():
    """Every value of every axis is drawn, and most pairs of run and head."""
    drawn = [Random(random.Random(seed)) for seed in range(120)]
    assert {model.front for model in drawn} == set(FRONTS)
    assert {model.kind for model in drawn} == set(KINDS)
    pairs = {(model.run, model.readout) for model in drawn}
    assert len(pairs) >= 40
    assert {model.directions for model in drawn} == {1, 2}
