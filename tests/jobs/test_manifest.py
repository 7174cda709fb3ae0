import dataclasses
import json
import os

import pytest

from captum_rnn.jobs.inputs import Columns, InputFile
from captum_rnn.jobs.manifest import Manifest, describe
from captum_rnn.jobs.sealed import sealed, unsealed
from captum_rnn.jobs.work import WorkSettings

FILE = InputFile("a.csv", 10, "0" * 64, 3)


def described(inputs=(FILE,), rows_per_part=5, **settings):
    return describe(inputs, WorkSettings(os.getcwd(), **settings), rows_per_part)


def test_a_manifest_is_read_as_it_was_written(tmp_path):
    manifest = described(columns=Columns("review", "id"))
    (tmp_path / "manifest.json").write_bytes(manifest.to_json())
    read = Manifest.load(tmp_path / "manifest.json")
    assert read == manifest
    assert read.differences(manifest) == []


@pytest.mark.parametrize(
    ("now", "phrase"),
    [
        ({"method": "logit-delta"}, "method was hidden-state-delta-l2 and is logit-delta"),
        ({"columns": Columns("review")}, "text column was text and is review"),
        ({"columns": Columns("text", "key")}, "id column was None and is key"),
        ({"format": "jsonl"}, "format was parquet and is jsonl"),
        ({"rows_per_part": 6}, "rows per part was 5 and is 6"),
        ({"inputs": ()}, "the inputs were a.csv and are "),
        (
            {"inputs": (dataclasses.replace(FILE, sha256="1" * 64),)},
            "a.csv has changed (10 bytes with digest 000000000000 then, 10 bytes with digest "
            "111111111111 now)",
        ),
    ],
)
def test_every_change_is_named(now, phrase):
    assert described().differences(described(**now)) == [phrase]


def test_another_model_and_another_version(classifier, model_folder):
    then = described(model=str(model_folder))
    assert described().differences(then) == ["the model or the calibration differs"]
    classifier.model.head.bias.data[0] += 1
    classifier.save(model_folder)
    assert then.differences(described(model=str(model_folder))) == [
        "the model or the calibration differs"
    ]
    upgraded = dataclasses.replace(then, versions=then.versions | {"jieba": "9"})
    assert then.differences(upgraded) == [f"jieba was {then.versions['jieba']} and is 9"]


def test_where_the_job_runs_is_no_difference():
    assert described(device="cuda") == described()


@pytest.mark.parametrize(
    "content", ["", "[]", "5", '{"format": "other"}', '{"inputs": []}', "[" * 100_000]
)
def test_what_is_no_manifest(content, tmp_path):
    (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(ValueError, match="no manifest of captum-rnn attribute"):
        Manifest.load(tmp_path / "manifest.json")


@pytest.mark.parametrize(
    "changed",
    [
        {"inputs": [{}]},
        {"inputs": [{"path": 1, "size": 1, "sha256": "", "rows": 3}]},
        {"inputs": [{"path": "a", "size": 1, "sha256": "", "rows": "3"}]},
        {"options": {}},
        {"options": {"format": "xml", "rows per part": 1}},
        {"options": {"format": "jsonl", "rows per part": 0}},
        {"options": 5},
        {"versions": None},
        {"more": 1},
    ],
)
def test_what_was_sealed_again_is_still_looked_at(changed, tmp_path):
    content = unsealed(described().to_json()) | changed
    (tmp_path / "manifest.json").write_text(json.dumps(sealed(content)))
    with pytest.raises(ValueError, match="no manifest of captum-rnn attribute"):
        Manifest.load(tmp_path / "manifest.json")


def test_the_parts_of_a_job_follow_from_its_rows():
    inputs = [dataclasses.replace(FILE, rows=rows) for rows in (3, 0, 10)]
    assert described(inputs).parts() == [3, 5, 5]
