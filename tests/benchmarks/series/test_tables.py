"""The tables of the grid: claims are read off the seeds that no choice was made on."""

from benchmarks.series.tables import (
    means_table,
    networks_table,
    prototypes_table,
    summary_table,
)
from captum_rnn.benchmark.results import MeasuredMean
from captum_rnn.benchmark.series import SeriesComparison, SeriesResult
from captum_rnn.benchmark.series.results import SeriesMethodResult


def method(name: str, numbers: list[float], forwards: float) -> SeriesMethodResult:
    mean = sum(numbers) / len(numbers)
    return SeriesMethodResult(
        name=name,
        label=name,
        passes="1",
        ours=False,
        forwards=forwards,
        per_text={"auprc": numbers},
        measures={"auprc": MeasuredMean(mean, mean, mean, len(numbers), 0)},
    )


def network(seed: int, gain: float) -> SeriesResult:
    ours = method("deep_lift", [0.5 + gain, 0.7 + gain], 4.0)
    other = method("integrated_gradients", [0.5, 0.7], 80.0)
    methods = {"deep_lift": ours, "integrated_gradients": other}
    return SeriesResult("spike", "gru", seed, 0.99, 1.0, 2, methods)


def test_seed_0_is_shown_and_not_counted() -> None:
    comparison = SeriesComparison(
        "", {}, {}, 0, [network(0, -0.3), network(1, 0.1), network(2, -0.2)], ["no vowels"]
    )
    lines = networks_table(comparison).splitlines()
    assert [line.split()[2] for line in lines[2:5]] == ["0", "1", "2"]
    assert "+0.100 (+0.100 to +0.100)" in lines[3]
    assert lines[-1] == "not measured: no vowels"
    (counted,) = [line for line in summary_table(comparison).splitlines() if "spike" in line]
    assert counted.split() == ["spike", "2", "1", "1", "-0.050", "4.0", "80.0"]
    (of_kind,) = [line for line in summary_table(comparison).splitlines() if "gru" in line]
    assert of_kind.split()[1:] == counted.split()[1:]  # the same networks
    (means,) = [line for line in means_table(comparison).splitlines() if "spike" in line]
    # The mean over the networks of each one's mean, 0.6 and the gain.
    assert means.split()[:4] == ["spike", "gru", "(3)", f"{0.6 + (-0.3 + 0.1 - 0.2) / 3:.3f}"]


def test_what_prototypes_were_measured_by_is_a_mean_with_its_lowest_and_highest() -> None:
    comparison = SeriesComparison("", {}, {}, 0, [network(1, 0.1), network(2, -0.2)])
    (line,) = [line for line in prototypes_table(comparison).splitlines() if "spike" in line]
    # DeepLIFT's means are 0.7 and 0.4; of methods that did not run there is a dash.
    assert line.startswith("spike gru, auprc")
    assert "0.550 (0.400–0.700)" in line
    assert line.count("–  ") + line.endswith("–") >= 5
