"""Recorded series: how they are read, and that a network learns them."""

import pytest
import torch

from captum_rnn.benchmark.cache import CACHE_VARIABLE
from captum_rnn.benchmark.series.vowels import japanese_vowels, read_ts, vowel_net

HEADER = "#a comment: 1,2\n@problemName JapaneseVowels\n@classLabel true 1 2\n@data\n"


def write(folder, train: str, test: str):
    (folder / "JapaneseVowels_TRAIN.ts").write_text(HEADER + train)
    (folder / "JapaneseVowels_TEST.ts").write_text(HEADER + test)
    return folder


def test_series_of_different_length_are_padded(tmp_path):
    folder = write(tmp_path, "1,2,3:4,5,6:1\n7,8:9,10:2\n", "")
    read = read_ts(folder / "JapaneseVowels_TRAIN.ts")
    assert read.values.tolist() == [[[1, 4], [2, 5], [3, 6]], [[7, 9], [8, 10], [0, 0]]]
    assert read.lengths.tolist() == [3, 2]
    assert read.labels.tolist() == [0, 1]
    assert read.present.tolist() == [[True] * 3, [True, True, False]]


def test_the_learnt_series_standardise_both_parts(tmp_path):
    train, test = japanese_vowels(write(tmp_path, "1,2,3:4,5,6:1\n7,8:9,10:2\n", "1:4:1\n"))
    steps = train.values[train.present]
    assert torch.allclose(steps.mean(0), torch.zeros(2), atol=1e-6)
    assert torch.allclose(steps.std(0), torch.ones(2), atol=1e-6)
    assert train.values[1, 2].tolist() == [0, 0]
    assert torch.allclose(test.values[0, 0], train.values[0, 0])


@pytest.mark.parametrize("line", ["1,2:3:1", "1,x:3,4:1", "1,2:3,4:speaker"])
def test_a_line_that_holds_something_else_is_named(tmp_path, line):
    folder = write(tmp_path, f"1:2:1\n{line}\n", "")
    with pytest.raises(ValueError, match=r"series 2 of JapaneseVowels_TRAIN\.ts"):
        read_ts(folder / "JapaneseVowels_TRAIN.ts")


def test_a_network_learns_the_speakers(tmp_path, monkeypatch):
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    lines = "".join(
        f"{a},{a}.5,{a}:{b},{b},{b}.25:{label}\n"
        for label, a, b in [(1, 0, 1), (2, 1, 0)]
        for _ in range(8)
    )
    trained = vowel_net("gru", folder=write(tmp_path, lines, lines), show_progress=False)
    assert trained.accuracy == 1.0
    assert trained.model.head.out_features == 2
