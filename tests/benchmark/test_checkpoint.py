import math
from dataclasses import replace

import pytest
import torch

from captum_rnn.benchmark.checkpoint import UNFINISHED, Checkpoint, fingerprint, remove_checkpoint
from captum_rnn.benchmark.dataset import explained_model
from captum_rnn.benchmark.methods import METHODS

PART = {"scores": [[0.1, -1 / 3]], "error": None, "value": math.inf}


@pytest.mark.parametrize("on_disk", [True, False])
def test_a_part_comes_back_as_it_was(tmp_path, on_disk):
    checkpoint = Checkpoint(tmp_path if on_disk else None, "a")
    assert checkpoint.get("0000-random") is None
    assert checkpoint.put("0000-random", PART) == PART
    assert checkpoint.get("0000-random") == PART
    assert Checkpoint(tmp_path if on_disk else None, "a").get("0000-random") == (
        PART if on_disk else None
    )


def test_parts_of_another_run_are_not_read(tmp_path):
    Checkpoint(tmp_path, "a").put("0000-random", PART)
    assert Checkpoint(tmp_path, "b").get("0000-random") is None


def test_an_interrupted_part_is_not_read_as_whole(tmp_path):
    checkpoint = Checkpoint(tmp_path, "a")
    checkpoint.put("0000-random", PART)
    file = tmp_path / UNFINISHED / "a" / "0000-random.json"
    file.write_text(file.read_text()[:-4])
    assert checkpoint.get("0000-random") is None


def test_removed_parts_leave_the_results(tmp_path):
    Checkpoint(tmp_path, "a").put("0000-random", PART)
    Checkpoint(tmp_path, "b").put("0000-random", PART)
    (tmp_path / "results.json").write_text("{}")
    remove_checkpoint(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["results.json"]


def test_the_fingerprint_changes_with_all_that_decides(classifier):
    model = explained_model(classifier.model)
    methods, ids = [METHODS["random"]], [torch.tensor([[1, 2]])]
    first = fingerprint(model, methods, 0, ids, "deletion")
    assert fingerprint(model, list(methods), 0, [ids[0].clone()], "deletion") == first

    others = [
        fingerprint(replace(model, neutral_id=2), methods, 0, ids, "deletion"),
        fingerprint(model, [METHODS["random"].seeded(1)], 0, ids, "deletion"),
        fingerprint(model, [METHODS["saliency"]], 0, ids, "deletion"),
        fingerprint(model, methods, 1, ids, "deletion"),
        fingerprint(model, methods, 0, [torch.tensor([[1, 3]])], "deletion"),
        fingerprint(model, methods, 0, [torch.tensor([[1], [2]])], "deletion"),
        fingerprint(model, methods, 0, ids, "replacement"),
    ]
    with torch.no_grad():
        classifier.model.head.bias[0] += 1
    others.append(fingerprint(model, methods, 0, ids, "deletion"))
    assert len({first, *others}) == 9


@pytest.mark.parametrize("damaged", [b"", b"{", b"\xff\xfe\x00", b"\x00" * 40])
def test_a_part_that_cannot_be_read_is_not_there(tmp_path, damaged):
    checkpoint = Checkpoint(tmp_path, "a")
    checkpoint.put("0000-random", PART)
    (file,) = tmp_path.rglob("*.json")
    file.write_bytes(damaged)
    assert checkpoint.get("0000-random") is None
    assert checkpoint.put("0000-random", PART) == checkpoint.get("0000-random") == PART
