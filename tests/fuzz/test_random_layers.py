"""Random layers of a user's own, and random circumstances of a run, against independent values.

The axes: peepholes, masks that carry or reset the state, zoneout, dilation, minimal GRU, layer
normalisation, SRU, state spaces; tokens that are reversed or scaled before; baselines; the readout
that is named; `no_grad`, `inference_mode`, autocast, compiled models, another thread's gradients.
"""

import random

import pytest
import torch

from captum_rnn import (
    AdjointDeltaAttribution,
    HiddenStateDeltaAttribution,
    LogitDeltaAttribution,
    RecurrentLRPAttribution,
)
from models import hooks
from oracle import scores_of
from other_layers import OTHERS, ReadingOthers, adjoint_by_hand
from random_models import Random

HANDED_ON = {"peephole": 2, "zoneout": 2, "normed_lstm": 2, "dilated": 2}
FRONTS = {"plain": lambda x: x, "reversed": lambda x: x.flip(1), "scaled": lambda x: 3 * x}


@pytest.mark.filterwarnings("ignore:the outputs of")  # of few steps
def test_random_layers(fuzz_seeds):
    for seed in fuzz_seeds(80):
        try:
            check_a_random_layer(seed)
        except Exception as error:
            raise AssertionError(f"seed {seed}") from error


def check_a_random_layer(seed):
    draw = random.Random(seed)
    torch.manual_seed(seed)
    kind, front = draw.choice(list(OTHERS)), draw.choice(list(FRONTS))
    features, batch, time = (draw.randint(1, most) for most in (4, 4, 6))
    hidden = draw.randint(2, 4)  # the norm of a single unit is nothing
    readout = draw.choice(["mean", "last"])
    model = ReadingOthers(OTHERS[kind](features, hidden), hidden, readout).double().eval()
    tokens = torch.randn(batch, time, features).double()
    masked = kind in ("masked", "resetting")
    others = ((torch.rand(batch, time) > 0.4).double(),) if masked else ()
    widths = [2 * hidden] if kind == "state_space" else [hidden] * HANDED_ON.get(kind, 1)
    move = FRONTS[front]
    forward = lambda *args: model(move(args[0]), *args[1:])  # noqa: E731
    token = torch.randn(features).double() if draw.random() < 0.5 else None
    instead = token if token is None or front != "scaled" else 3 * token
    expected = adjoint_by_hand(model, widths, move(tokens), others, instead)
    expected = expected.flip(1) if front == "reversed" else expected
    given = {"target": 1, "additional_forward_args": others or None, "per_step": True}
    if not read_by(model, move(tokens), others):  # tanh of a state that has grown without a bound
        with pytest.raises(ValueError, match="does not depend"):
            AdjointDeltaAttribution(forward, model.layer).attribute(tokens, token, **given)
        return
    found = AdjointDeltaAttribution(forward, model.layer).attribute(tokens, token, **given)
    close(found, expected)
    outputs = model.layer(move(tokens), **({"mask": others[0]} if others else {}))[0].detach()
    check_states(model, forward, outputs, tokens, given, front == "reversed")


def read_by(model, tokens, others):
    """Whether the head has any derivative."""
    leaf = model.layer(tokens, **({"mask": others[0]} if others else {}))[0].detach()
    leaf.requires_grad_()
    (read,) = torch.autograd.grad(model.read(leaf)[:, 1].sum(), leaf)
    return bool(read.any())


def check_states(model, forward, outputs, tokens, given, is_reversed):
    """The logit delta and the hidden-state delta, by what they are defined as."""
    order = (lambda scores: scores.flip(1)) if is_reversed else (lambda scores: scores)
    before = torch.cat([torch.zeros_like(outputs[:, :1]), outputs[:, :-1]], 1)
    leaf = outputs.clone().requires_grad_()
    (read,) = torch.autograd.grad(model.read(leaf)[:, 1].sum(), leaf)
    still_read = read.flip(1).cumsum(1).flip(1)
    found = LogitDeltaAttribution(forward, model.layer).attribute(tokens, **given)
    close(found, order(((outputs - before) * still_read).sum(2)))
    right, wrong = ("final", "mean") if model.readout == "last" else ("mean", "final")
    path = outputs
    if right == "mean":
        path = outputs.cumsum(1) / torch.arange(1, outputs.shape[1] + 1).view(1, -1, 1)
    path = torch.cat([torch.zeros_like(path[:, :1]), path], 1)
    away = torch.linalg.vector_norm(path[:, -1:] - path, dim=2)
    of_states = {name: value for name, value in given.items() if name != "target"}
    for readout in (right, "auto"):
        delta = HiddenStateDeltaAttribution(forward, model.layer, readout=readout, normalize=False)
        if readout == "auto" and outputs.shape[1] == 1:
            continue
        found = delta.attribute(tokens, **of_states)
        close(found, order(away[:, :-1] - away[:, 1:]))
    if outputs.shape[1] > 1:
        with pytest.raises(ValueError, match="readout is"):
            HiddenStateDeltaAttribution(forward, model.layer, readout=wrong).attribute(
                tokens, **of_states
            )


def close(found, expected):
    size = float(expected.abs().max().clamp(min=1e-3))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-7 * size)


def test_random_circumstances(fuzz_seeds):
    for seed in fuzz_seeds(60):
        try:
            check_random_circumstances(seed)
        except Exception as error:
            raise AssertionError(f"seed {seed}") from error


def check_random_circumstances(seed):
    """Scores under a random context are those without any, and none is left behind."""
    draw = random.Random(seed)
    torch.manual_seed(seed)
    model = Random(draw)
    vectors = torch.randn(draw.randint(1, 4), draw.randint(2, 6), model.features).double()
    if model.readout == "everything":  # lower layers in the midst of parts are refused
        model.readout = "mean"
    leaf, before = vectors.clone().requires_grad_(), hooks(model)
    expected = scores_of(lambda: model(leaf)[:, 1], [model.layer], leaf)["adjoint"]
    made = draw.choice([AdjointDeltaAttribution, RecurrentLRPAttribution])
    plain = made(model, model.layer).attribute(vectors, target=1, per_step=True)
    if made is AdjointDeltaAttribution:
        close(plain, expected)
    circumstance = draw.choice(["no_grad", "inference", "autocast", "grads", "compiled", "args"])
    if circumstance == "inference":
        check_inference(model, vectors)
    elif circumstance == "autocast":
        check_autocast(model, vectors, expected)
    elif circumstance == "compiled" and draw.random() < 0.1:
        compiled = torch.compile(model, backend="eager")
        close(made(compiled, model.layer).attribute(vectors, target=1, per_step=True), plain)
    else:
        with torch.set_grad_enabled(circumstance == "grads"):
            given = vectors.clone().requires_grad_(circumstance == "grads")
            close(made(model, model.layer).attribute(given, target=1, per_step=True), plain)
            assert given.grad is None
    assert hooks(model) == before
    assert all(weight.grad is None and weight.requires_grad for weight in model.parameters())


def check_inference(model, vectors):
    """States can be scored and asked for in inference mode, derivatives cannot be asked for."""
    with torch.inference_mode(), pytest.raises(ValueError, match="no_grad"):
        AdjointDeltaAttribution(model, model.layer).attribute(vectors, target=1)
    outcomes = []
    for inferring in (False, True):
        delta = HiddenStateDeltaAttribution(model, model.layer, readout="auto")
        with torch.inference_mode(inferring):
            try:
                outcomes.append(delta.attribute(vectors, per_step=True).clone())
            except ValueError as error:
                outcomes.append(str(error))
    if isinstance(outcomes[0], str):
        assert outcomes[0] == outcomes[1]
    else:
        close(outcomes[1], outcomes[0])


def check_autocast(model, vectors, expected):
    """bfloat16 of the matrix products: roughly the same scores, in float32."""
    model.float()
    size = float(expected.abs().max())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        scores = AdjointDeltaAttribution(model, model.layer).attribute(
            vectors.float(), target=1, per_step=True
        )
    assert scores.dtype == torch.float32
    assert (scores - expected).abs().max() <= 0.5 * size + 0.05
    model.double()


def test_the_layers_are_all_drawn():
    drawn = {random.Random(seed).choice(list(OTHERS)) for seed in range(80)}
    assert drawn == set(OTHERS)
