import io
import itertools

import pytest

from captum_rnn.cli import main
from made_classifier import made_classifier

GOOD, BAD = "这家酒店非常好", "这家酒店太差了"
ENDS = ["，推荐", "，下次再来", "，服务员", "，早餐", "。", "！", "，房间", "，价格"]
STARTS = ["", "总之", "朋友说", "我觉得", "个人认为", "这次"]


@pytest.fixture(scope="session")
def corpus(tmp_path_factory):
    """A CSV file of 96 distinct reviews: good hotels and bad ones."""
    rows = ["text,label"]
    for start, end in itertools.product(STARTS, ENDS):
        rows += [f"{start}{GOOD}{end},pos", f"{start}{BAD}{end},neg"]
    path = tmp_path_factory.mktemp("corpus") / "hotels.csv"
    path.write_text("\n".join(rows), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def trained(corpus, tmp_path_factory):
    """A model folder written by the command, and what it printed."""
    folder = tmp_path_factory.mktemp("trained") / "model"
    with pytest.MonkeyPatch.context() as patch:
        printed = io.StringIO()
        patch.setattr("sys.stdout", printed)
        options = ["--corpus", str(corpus), "--kind", "gru", "--epochs", "20", "--seed", "3"]
        assert main(["train", *options, "--output", str(folder)]) == 0
    return folder, printed.getvalue()


@pytest.fixture
def classifier():
    """A small classifier made by hand."""
    return made_classifier()


@pytest.fixture
def model_folder(classifier, tmp_path):
    """The same classifier as a folder."""
    folder = tmp_path / "model"
    classifier.save(folder)
    return folder
