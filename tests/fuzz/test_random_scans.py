"""Adjoint, DeepLIFT and relevance of one random layer together, each against its definition.

The axes: every kind of layer, and relu with units that are dead, weights and tokens of quarters so
that sums are exactly 0, whole rows and directions of zeros; one to three layers, directions, bias,
packing, initial states, layout, readout, ε, baselines.
"""

import random
import warnings
from itertools import chain

import numpy as np
import torch

import deep_lift_reference
import lrp_reference
from captum_rnn import (
    AdjointDeltaAttribution,
    RecurrentDeepLiftAttribution,
    RecurrentLRPAttribution,
)
from random_layers import LINEAR, RandomLayer, close
from unrolled import Unrolled


def test_random_scans(fuzz_seeds):
    for seed in fuzz_seeds(150):
        try:
            check_random_scans(seed)
        except (AssertionError, ValueError, RuntimeError) as error:
            raise AssertionError(f"seed {seed}") from error


def check_random_scans(seed):
    case = RandomLayer(seed)
    made = AdjointDeltaAttribution(case.model, case.layer)
    baseline = random.Random(seed).choice([None, case.baseline])
    expected = torch.zeros(case.tokens.shape[:2]).double()
    for row, tokens, initial in case.rows():
        expected[row, : len(tokens)] = Unrolled(case.model, tokens, initial).adjoint_scores(
            baseline
        )
    close(made.attribute(case.tokens, baseline, **case.given, per_step=True), expected)
    check_relevance(case)
    if case.readout in LINEAR:
        check_deep_lift(case)


def check_relevance(case):
    method = RecurrentLRPAttribution(case.model, case.layer, epsilon=case.epsilon)
    expected = torch.zeros_like(case.tokens)
    for row, tokens, initial in case.rows():
        read, ends = case.read(tokens, initial)
        scores = lrp_reference.bounded_scores(case.layer, tokens, read, case.epsilon, ends, initial)
        expected[row, : len(tokens)] = torch.from_numpy(scores)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what is lost, and of ε that was raised
        close(method.attribute(case.tokens, **case.given), expected)


def check_deep_lift(case):
    expected, base = torch.zeros_like(case.tokens), case.baseline.expand_as(case.tokens)
    for row, tokens, initial in case.rows():
        read, ends = case.read(tokens, initial)
        scores = deep_lift_reference.feature_scores(
            case.layer, tokens, base[row, : len(tokens)], read, ends, initial
        )
        expected[row, : len(tokens)] = torch.from_numpy(scores)
    method = RecurrentDeepLiftAttribution(case.model, case.layer)
    close(method.attribute(case.tokens, case.baseline, **case.given), expected)
    case.model.float()
    found = method.attribute(case.tokens.float(), case.baseline.float(), **case.in_float32)
    close(found.double(), expected, 1e-3)


def test_the_draws_hold_dead_units_and_sums_of_0():
    """Of relu: dead units, dead directions, and sums that are exactly 0."""
    counts = [0, 0, 0]
    for seed in range(150):
        case = RandomLayer(seed)
        if case.kind != "rnn_relu":
            continue
        for _, tokens, initial in case.rows():
            for one in chain.from_iterable(lrp_reference.passes_of(case.layer, tokens, initial)):
                sums = np.stack([made["pre"] for made in one.steps])
                found = (sums <= 0).any(), (sums <= 0).all(), (sums == 0).any()
                counts = [count + bool(now) for count, now in zip(counts, found, strict=True)]
    assert min(counts) > 20
