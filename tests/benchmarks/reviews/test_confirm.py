import argparse
import json
from pathlib import Path

import pytest
import torch

from benchmarks.reviews import confirm
from benchmarks.reviews.confirm_tables import ceiling_table, claims, confirm_text, overview
from benchmarks.reviews.paired import against, share_of_way
from benchmarks.reviews.usual_networks import NETWORKS, Classifier, Network, train_network
from captum_rnn.benchmark.results import MeasuredMean, MethodScores
from captum_rnn.text.corpus import Corpus, Review

CORPUS = Corpus(
    "treebank",
    tuple(
        Review(f"the film number {number} is {word} to see", label)
        for number in range(60)
        for word, label in (("good", 1), ("bad", 0))
    ),
    language="english",
)


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.name)
def test_padding_says_nothing_to_any_network(network):
    torch.manual_seed(0)
    model = Classifier(12, network).eval()
    alone = model(torch.tensor([[3, 4, 5]]))
    beside = model(torch.tensor([[3, 4, 5, 0, 0], [6, 7, 8, 9, 10]]))[:1]
    torch.testing.assert_close(alone, beside)


def test_networks_have_names_of_their_own_and_cover_what_they_should():
    assert len({network.name for network in NETWORKS}) == len(NETWORKS)
    assert {network.pooling for network in NETWORKS} == {"last", "mean", "attention"}
    assert {network.kind for network in NETWORKS} == {"lstm", "gru", "rnn"}


def test_a_network_learns_what_decides_and_the_same_with_the_same_seed():
    network = Network("gru", 8)
    first, second = (train_network(network, CORPUS, seed=1, epochs=12) for _ in range(2))
    assert first.accuracy == 1
    assert first.explained == second.explained
    for name, weights in first.model.state_dict().items():
        assert torch.equal(weights, second.model.state_dict()[name])


def scores(values):
    mean = sum(values) / len(values)
    measured = {"comprehensiveness": MeasuredMean(mean, mean, mean, len(values), 0)}
    return MethodScores(measures=measured, per_text={"comprehensiveness": values})


def test_differences_are_paired_and_shares_are_of_the_way_from_random():
    methods = {"random": scores([0.1, 0.3]), "one": scores([0.4, 0.4]), "top": scores([0.5, 0.7])}
    found = against(methods, "one", ("comprehensiveness",), 0, "top")["comprehensiveness"]
    assert found["mean"] == pytest.approx(-0.2)
    assert share_of_way(methods, "one", end="top") == pytest.approx(0.5)
    assert share_of_way(methods, "one", end="missing") is None
    assert against(methods, "one", ("sufficiency",), 0, "top") == {}


def test_a_run_goes_on_and_its_claims_are_counted(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(confirm, "READERS", {"treebank": lambda path: CORPUS})
    monkeypatch.setattr(confirm, "NETWORKS", (Network("gru", 4), Network("rnn", 4)))
    arguments = ["--corpus", f"treebank={tmp_path}", "--seeds", "0", "--texts", "4"]
    arguments += ["--short-texts", "3", "--work", str(tmp_path / "work")]
    arguments += ["--output", str(tmp_path / "confirm.json")]
    confirm.main(arguments)
    results = json.loads((tmp_path / "confirm.json").read_text(encoding="utf-8"))
    names = [record["network"] for record in results["networks"]]
    assert names == ["gru-4-last", "rnn-4-last"]
    for record in results["networks"]:
        assert not any(method["error"] for method in record["methods"].values())
        short = record["short"]
        assert short["ceiling"]["share"] == pytest.approx(1)
        assert short["random"]["share"] == pytest.approx(0)
        best = short["ceiling"]["comprehensiveness"]["mean"]
        assert all(one["comprehensiveness"]["mean"] <= best + 2e-5 for one in short.values())
    text = (tmp_path / "confirm.txt").read_text(encoding="utf-8")
    assert claims(results["networks"]) in text
    assert ceiling_table(results["networks"]) in text

    monkeypatch.setattr(confirm, "confirm_network", None)  # nothing is run again
    confirm.main(arguments)
    again = json.loads((tmp_path / "confirm.json").read_text(encoding="utf-8"))
    assert again["networks"] == results["networks"]

    next((tmp_path / "work").glob("*rnn-4*")).unlink()
    confirm.main([*arguments, "--finished"])
    finished = json.loads((tmp_path / "confirm.json").read_text(encoding="utf-8"))
    assert finished["networks"] == results["networks"][:1]


def test_a_finished_network_is_asked_about_the_methods_that_it_lacks_and_about_no_other():
    network, added = Network("gru", 4), "recurrent-deep-lift-word"
    options = argparse.Namespace(texts=4, short_texts=3)
    whole = confirm.confirm_network(network, CORPUS, 0, options)
    assert confirm.completed(whole, network, CORPUS, 0, 3) is whole
    lacking = {**whole, "methods": {k: v for k, v in whole["methods"].items() if k != added}}
    found = confirm.completed(lacking, network, CORPUS, 0, 3)
    assert list(found["methods"]) == list(whole["methods"])
    assert found["methods"][added]["against"] == whole["methods"][added]["against"]
    assert all(found["methods"][name] is one for name, one in lacking["methods"].items())

    lacking["methods"]["integrated-gradients"]["comprehensiveness"]["mean"] += 0.01
    with pytest.raises(ValueError, match=r"gru-4-last on treebank, seed 0.*another network"):
        confirm.completed(lacking, network, CORPUS, 0, 3)


def test_a_finished_network_with_fewer_short_texts_is_asked_about_all_that_are_wanted():
    network = Network("gru", 4)
    few, many = (
        confirm.confirm_network(network, CORPUS, 0, argparse.Namespace(texts=4, short_texts=n))
        for n in (2, 3)
    )
    found = confirm.completed(few, network, CORPUS, 0, 3)
    assert (few["short_texts"], found["short_texts"]) == (2, 3)
    assert found["methods"] is few["methods"]
    for name, one in found["short"].items():
        assert one["against"] == many["short"][name]["against"]
    with pytest.raises(ValueError, match=r"gru-4-last on treebank, seed 0: accuracy.*another"):
        confirm.completed({**few, "accuracy": few["accuracy"] - 0.01}, network, CORPUS, 0, 3)


def test_the_committed_tables_are_those_of_the_committed_figures():
    folder = Path(confirm.__file__).parent
    results = json.loads((folder / "confirm.json").read_text(encoding="utf-8"))
    assert (folder / "confirm.txt").read_text(encoding="utf-8") == confirm_text(results)


def record(low, high, *, gated=True, forwards=3.0):
    difference = {"comprehensiveness": {"mean": (low + high) / 2, "low": low, "high": high}}
    rivals = dict.fromkeys(("integrated-gradients", "integrated-gradients-word"), difference)
    method = {"forwards": forwards, "against": rivals, "share": 0.75}
    method["spearman_leave_one_out"] = {"mean": 0.5}
    names = ("recurrent-deep-lift", "recurrent-deep-lift-word", "recurrent-shapley")
    names += ("recurrent-shapley-converged",)
    return {
        "network": "lstm",
        "corpus": "treebank",
        "seed": 0,
        "gated": gated,
        "methods": dict.fromkeys(names, method),
        "short": dict.fromkeys(names, method),
    }


def test_claims_count_networks_and_name_those_that_fail():
    networks = [record(0.01, 0.02), record(-0.01, 0.02), record(-0.2, -0.1)]
    networks.append(record(-0.2, -0.1, gated=False))
    rows = [line.split(" | ") for line in claims(networks).splitlines()[2:]]
    assert [row[1] for row in rows[:2]] == ["2 of 3", "1 of 3"]
    assert "lstm (treebank, 0)" in rows[0][2]
    assert [row[1] for row in rows[6:]] == ["2 of 4", "2 of 4", "1 of 1"]


def test_deep_lift_from_a_word_is_held_against_integrated_gradients_from_that_word():
    one = record(0.01, 0.02)
    of_word = {"mean": -0.015, "low": -0.02, "high": -0.01}
    against_word = {"integrated-gradients-word": {"comprehensiveness": of_word}}
    one["methods"] = {**one["methods"], "recurrent-deep-lift-word": {"against": against_word}}
    held = {row.split(" | ")[0]: row.split(" | ")[1] for row in claims([one]).splitlines()[2:]}
    assert (
        held[
            "| DeepLIFT of the layer, neutral word: not measurably below Integrated Gradients, "
            "neutral word, gated networks"
        ]
        == "0 of 1"
    )
    assert (
        held[
            "| DeepLIFT of the layer: not measurably below Integrated Gradients, neutral word, "
            "gated networks"
        ]
        == "1 of 1"
    )


def test_the_overview_counts_networks_and_takes_medians():
    networks = [record(0.01, 0.02), record(-0.01, 0.02, forwards=4.5), record(-0.2, -0.1)]
    networks.append(record(0.1, 0.3, forwards=9.0))
    rows = {line.split(" | ")[0]: line.split(" | ") for line in overview(networks).splitlines()}
    row = rows["| DeepLIFT of the layer"]
    assert row[1:3] == ["2 / 1", "2 / 1"]
    assert row[3:5] == ["0.75", "0.50"]
    assert row[5] == "3.8 |"  # of 3, 3, 4.5 and 9
