"""The study of the calibrated delta on many networks, on two small ones."""

import json

import pytest
import torch

from benchmarks.calibration import networks
from benchmarks.reviews.usual_networks import Network
from captum_rnn.text.corpus import Corpus, Review

WORDS = (*("good", "fine", "nice", "well"), *("bad", "poor", "dull", "sad"), *"abcdefgh")


def reviews(number):
    generator = torch.Generator().manual_seed(0)
    for index in range(number):
        drawn = torch.randint(8, 16, (12,), generator=generator).tolist()
        drawn[index % 12] = torch.randint(4, (1,), generator=generator).item() + 4 * (index % 2)
        yield Review(" ".join(WORDS[word] for word in drawn), index % 2)


def test_every_variant_is_judged_on_every_network(monkeypatch, tmp_path):
    corpus = Corpus("films", tuple(reviews(120)), language="english")
    monkeypatch.setattr(networks, "named_corpus", lambda given: corpus)
    monkeypatch.setattr(networks, "NETWORKS", (Network("gru", 4), Network("lstm", 4)))
    output = tmp_path / "networks.json"
    arguments = ["--corpus", "films", "--texts", "4", "--work", str(tmp_path / "work")]
    networks.main([*arguments, "--output", str(output)])
    records = json.loads(output.read_text(encoding="utf-8"))["networks"]
    assert [record["network"] for record in records] == ["gru-4-last", "lstm-4-last"]
    for record in records:
        judged = {entry["name"]: entry for entry in record["methods"]}
        assert set(networks.VARIANTS) < set(judged)
        first = judged["Integrated Gradients, 50 points"]["comprehensiveness"]["mean"]
        for entry in judged.values():
            less = entry["comprehensiveness_minus_first"]["mean"]
            assert less == pytest.approx(entry["comprehensiveness"]["mean"] - first)


def entry(name, low, high):
    return {
        "name": name,
        "comprehensiveness_minus_first": {"mean": (low + high) / 2} | {"low": low, "high": high},
    }


def test_what_is_measurable_is_counted():
    intervals = [(-0.03, -0.01), (-0.01, 0.01), (0.01, 0.03), (0.01, 0.05)]
    methods = [entry(n, *i) for n, i in zip(networks.VARIANTS, intervals, strict=True)]
    record = {"network": "gru", "corpus": "films", "methods": methods}
    lines = networks.networks_text([record, record]).splitlines()
    assert "| gru | films | −0.020* | +0.000 | +0.020* | +0.030* |" in lines
    assert "| mean | | −0.020 | +0.000 | +0.020 | +0.030 |" in lines
    assert "| measurably below | | 2 of 2 | 0 of 2 | 0 of 2 | 0 of 2 |" in lines
    assert "| measurably above | | 0 of 2 | 0 of 2 | 2 of 2 | 2 of 2 |" in lines
