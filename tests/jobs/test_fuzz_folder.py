"""Random damage to every file of a job's folder: the finished job is the same, or one sentence."""

import random
import shutil

import pytest

from captum_rnn.jobs import Columns, Engine, attribute_files
from captum_rnn.jobs.report import report_html
from corpus_jobs import parts_of, write_csv

FILES = ["manifest.json", "finished.jsonl", "parts/part-000001", ".lock"]


@pytest.fixture(params=["jsonl", "parquet"])
def job(request, tmp_path, model_folder, in_this_process):
    """A finished job's folder, the options that it was made with, and what it counted."""
    if request.param == "parquet":
        pytest.importorskip("pyarrow")
    options = {
        "inputs": [write_csv(tmp_path / "in.csv", 30)],
        "model": model_folder,
        "columns": Columns("text", "id"),
        "format": request.param,
        "rows_per_part": 8,
        "engine": Engine(workers=1),
    }
    summary = attribute_files(output=tmp_path / "whole", **options)
    return tmp_path / "whole", options, summary.counts


def damaged(draw, content):
    """The content with some bytes changed, cut off, or doubled."""
    changed = bytearray(content)
    kind = draw.choice(["flip", "flip", "flip", "cut", "insert", "double", "empty"])
    if kind == "flip" and changed:
        for _ in range(draw.randrange(1, 4)):
            changed[draw.randrange(len(changed))] ^= 1 << draw.randrange(8)
    elif kind == "cut":
        del changed[draw.randrange(len(changed) + 1) :]
    elif kind == "insert":
        place = draw.randrange(len(changed) + 1)
        changed[place:place] = draw.randbytes(draw.randrange(1, 9))
    elif kind == "double":
        changed += content
    else:
        changed.clear()
    return bytes(changed)


def is_one_sentence(error):
    return type(error) in (ValueError, OSError, FileNotFoundError) and "\n" not in str(error)


def test_a_damaged_folder_ends_the_same_or_says_one_sentence(job, tmp_path, fuzz_seeds):
    whole, options, counts = job
    expected, page = parts_of(whole), report_html(whole)
    suffix = ".jsonl" if options["format"] == "jsonl" else ".parquet"
    shown = finished = 0
    for seed in fuzz_seeds(60):
        draw = random.Random(seed)
        folder = tmp_path / "damaged"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(whole, folder)
        for name in draw.sample(FILES, draw.randrange(1, 3)):
            file = folder / (name + suffix if name.startswith("parts") else name)
            file.write_bytes(damaged(draw, file.read_bytes()))
        try:
            assert report_html(folder) == page, seed
            shown += 1
        except (OSError, ValueError) as error:
            sentence = is_one_sentence(error)
            assert sentence, (seed, error)  # noqa: PT017
        try:
            summary = attribute_files(output=folder, **options)
            assert (summary.rows_out, summary.counts) == (30, counts), seed
            assert parts_of(folder) == expected, seed
            assert report_html(folder) == page, seed
            finished += 1
        except (OSError, ValueError) as error:
            sentence = is_one_sentence(error)
            assert sentence, (seed, error)  # noqa: PT017
    assert shown
    assert finished > shown
