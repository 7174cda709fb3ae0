import json

import numpy as np
import pytest
import torch

from benchmarks.targets import own_sentences
from benchmarks.targets.storage import load_finder, save_finder


@pytest.fixture
def folder(finder, tmp_path):
    save_finder(finder, tmp_path / "new" / "finder")
    return tmp_path / "new" / "finder"


def test_what_is_read_finds_the_same(finder, folder):
    again = load_finder(folder)
    texts = [sentence.text for sentence in own_sentences().sentences]
    assert again.find(texts) == finder.find(texts)
    assert again.vocabulary == finder.vocabulary
    assert again.trained_on == dict(finder.trained_on)
    np.testing.assert_array_equal(again.transitions, finder.transitions)
    assert not again.tagger.training
    assert sorted(file.name for file in folder.iterdir()) == [
        "config.json",
        "model.safetensors",
        "vocabulary.txt",
    ]
    assert [entry.name for entry in folder.parent.iterdir()] == ["finder"]


def test_nothing_is_replaced(finder, folder):
    with pytest.raises(FileExistsError, match="not empty"):
        save_finder(finder, folder)
    empty = folder.parent / "empty"
    empty.mkdir()
    save_finder(finder, empty)
    load_finder(empty)


def test_says_what_is_wrong_with_a_folder(folder):
    config = folder / "config.json"
    content = json.loads(config.read_text(encoding="utf-8"))
    smaller = {**content, "model": {**content["model"], "hidden_size": 3}}
    for damaged in ("{", "[]", json.dumps(smaller), json.dumps({**content, "transitions": [[0]]})):
        config.write_text(damaged, encoding="utf-8")
        with pytest.raises(ValueError, match="copy the whole folder"):
            load_finder(folder)
    config.unlink()
    with pytest.raises(FileNotFoundError, match=r"lacks config.json"):
        load_finder(folder)


def test_pickled_weights_are_not_read(folder):
    torch.save({"head.bias": torch.zeros(4)}, folder / "model.safetensors")
    with pytest.raises(ValueError, match="holds no sound finder"):
        load_finder(folder)
