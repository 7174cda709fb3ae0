import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from captum_rnn.benchmark.cache import cache_folder, cached_folder, load_or_train
from captum_rnn.text.pipeline import TextClassifier


@pytest.fixture(autouse=True)
def _cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CAPTUM_RNN_CACHE", str(tmp_path / "cache"))


def never() -> TextClassifier:
    raise AssertionError("trained again")


def test_where_the_cache_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert cache_folder() == tmp_path / "cache"
    monkeypatch.delenv("CAPTUM_RNN_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "captum-rnn"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache_folder() == tmp_path / "home" / ".cache" / "captum-rnn"


def test_the_cache_is_made_for_its_owner_alone() -> None:
    assert stat.S_IMODE(cache_folder().stat().st_mode) == 0o700


def test_a_cache_of_another_user_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    owner = cache_folder().stat().st_uid
    monkeypatch.setattr("captum_rnn.files._ROOT", -1)
    monkeypatch.setattr(os, "getuid", lambda: owner + 1)
    with pytest.raises(OSError, match=rf"uid {owner}\).*CAPTUM_RNN_CACHE"):
        cached_folder("subjects", "lstm", {"epochs": 5})


def test_the_recipe_decides_the_folder_not_the_order_of_its_entries() -> None:
    folder = cached_folder("subjects", "lstm", {"epochs": 5, "seed": 0})
    assert folder == cached_folder("subjects", "lstm", {"seed": 0, "epochs": 5})
    assert folder != cached_folder("subjects", "lstm", {"epochs": 5, "seed": 1})
    assert folder.parent == cache_folder() / "subjects"


def test_trained_once_then_read(
    classifier: TextClassifier, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "deep" / "model"
    first = load_or_train(folder, lambda: classifier, "training it")
    said = capsys.readouterr()
    assert said.out == ""
    assert f"training it; kept in {folder}\n" in said.err
    second = load_or_train(folder, never, "training it")
    assert capsys.readouterr().err == ""
    ids = torch.tensor([[1, 4, 0]])
    expected = classifier.model.eval()(ids)
    assert torch.equal(first.model(ids), expected)
    assert torch.equal(second.model(ids), expected)
    assert second.trained_on == classifier.trained_on


def test_an_interrupted_training_leaves_nothing(classifier: TextClassifier, tmp_path: Path) -> None:
    def interrupted() -> TextClassifier:
        raise KeyboardInterrupt

    def with_a_record_that_cannot_be_written() -> TextClassifier:
        return replace(classifier, trained_on={"loss": float("nan")})

    with pytest.raises(KeyboardInterrupt):
        load_or_train(tmp_path / "model", interrupted)
    with pytest.raises(ValueError, match="JSON"):
        load_or_train(tmp_path / "model", with_a_record_that_cannot_be_written)
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_classifier_is_named_with_the_remedy(
    classifier: TextClassifier, tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    load_or_train(folder, lambda: classifier)
    (folder / "model.safetensors").write_bytes(b"cut")
    with pytest.raises(ValueError, match=r"delete .*model, and it is trained again"):
        load_or_train(folder, never)


def test_a_place_that_cannot_be_written_is_found_out_before_the_training(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OSError, match="cannot write"):
        load_or_train(tmp_path / "file" / "model", never)
