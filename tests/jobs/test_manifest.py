import dataclasses
import os

import pytest

from captum_rnn.jobs.inputs import Columns, InputFile
from captum_rnn.jobs.manifest import Manifest, describe
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
    assert described().differences(then) == ["the model is another one"]
    classifier.model.head.bias.data[0] += 1
    classifier.save(model_folder)
    assert then.differences(described(model=str(model_folder))) == ["the model is another one"]
    upgraded = dataclasses.replace(then, versions=then.versions | {"jieba": "9"})
    assert then.differences(upgraded) == [f"jieba was {then.versions['jieba']} and is 9"]


def test_where_the_job_runs_is_no_difference():
    assert described(device="cuda") == described()


@pytest.mark.parametrize("content", ["", "[]", '{"format": "other"}', '{"inputs": []}'])
def test_what_is_no_manifest(content, tmp_path):
    (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(ValueError, match="no manifest of captum-rnn attribute"):
        Manifest.load(tmp_path / "manifest.json")
