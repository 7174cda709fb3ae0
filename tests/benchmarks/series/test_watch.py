"""The watch's recordings: read without running what a pickle holds, cut and split by person."""

import pickle

import numpy as np
import pytest
import torch

from benchmarks.series.watch import read_recordings, watch_network, watch_windows
from captum_rnn.benchmark.cache import CACHE_VARIABLE


def stored(folder, content):
    np.save(folder / "watch_dataset.npy", np.array(content, dtype=object), allow_pickle=True)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Ten people, two exercises: a value that tells which, behind a count of the steps."""
    recordings, labels, people = [], [], []
    for person in range(1, 11):
        for exercise in range(2):
            steps = np.zeros((400 + 4 * person, 6))
            steps[:, 0] = np.arange(len(steps))
            steps[:, 1] = exercise + 0.01 * person
            steps[:, 2:] = np.random.default_rng(person).normal(size=(len(steps), 4))
            recordings.append(steps)
            labels.append(exercise)
            people.append(person)
    content = {"X": recordings, "y": np.array(labels), "subject": np.array(people)}
    return stored(tmp_path_factory.mktemp("watch"), content)


def test_windows_are_means_of_four_samples_and_of_people_apart(folder):
    train, test = watch_windows(folder)
    assert train.values.shape[1:] == (60, 6)
    # Four of each of two exercises of three people; of the seven others, as many as fit.
    assert len(test.values) == 4 * 2 * 3
    assert len(train.values) == sum(
        2 * len(range(0, (400 + 4 * person) // 4 - 60, 15)) for person in range(1, 8)
    )
    assert train.values.mean((0, 1)).abs().max() < 1e-4
    assert torch.allclose(train.values.std((0, 1)), torch.ones(6), atol=1e-3)
    steps = test.values[..., 0]
    assert torch.allclose(steps.diff(dim=1), steps.diff(dim=1)[0, 0].expand(24, 59), atol=1e-4)
    # The value of those held out is that of people 8 to 10, above all others with that exercise.
    own = [part.values[part.labels == 0][:, 0, 1] for part in (train, test)]
    assert own[1].min() > own[0].max()


def test_a_network_learns_and_is_explained_on_people_that_it_has_not_seen(
    folder, tmp_path, monkeypatch
):
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    monkeypatch.setattr("benchmarks.series.watch._STEPS_OF_TRAINING", 60)
    trained, explained = watch_network("gru", 0, 10, 0, folder=folder)
    assert trained.accuracy > 0.9
    assert explained.values.shape == (10, 60, 6)
    again, _ = watch_network("gru", 0, 10, 0, folder=folder)
    assert torch.equal(again.model.head.weight, trained.model.head.weight)


class Runs:
    def __reduce__(self):
        return (print, ("run",))


def test_nothing_but_arrays_is_read(tmp_path, capsys):
    with pytest.raises(ValueError, match="print"):
        read_recordings(stored(tmp_path, {"X": [Runs()]}) / "watch_dataset.npy")
    assert "run" not in capsys.readouterr().out


@pytest.mark.parametrize("content", [{"X": []}, [1, 2]])
def test_another_file_is_refused(tmp_path, content):
    with pytest.raises(ValueError, match="not the file of seglearn"):
        read_recordings(stored(tmp_path, content) / "watch_dataset.npy")


def test_a_file_that_is_cut_off_is_refused(folder, tmp_path):
    whole = (folder / "watch_dataset.npy").read_bytes()
    (tmp_path / "watch_dataset.npy").write_bytes(whole[: len(whole) // 2])
    with pytest.raises((ValueError, pickle.UnpicklingError)):
        read_recordings(tmp_path / "watch_dataset.npy")


def test_what_is_missing_is_said(tmp_path):
    with pytest.raises(FileNotFoundError):
        watch_windows(tmp_path)
