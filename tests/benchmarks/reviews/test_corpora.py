import pytest

from benchmarks.reviews.corpora import READERS, car_views, cosmetics, treebank
from captum_rnn.text.corpus import Review


def write(path, *lines):
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_opinions_on_cosmetics_without_those_of_no_class(tmp_path):
    lines = ('{"text": "很好", "label": 1}', '{"text": "一般", "label": null}', "")
    corpus = cosmetics(write(tmp_path / "a.jsonl", *lines, '{"text": "差", "label": 0}'))
    assert corpus.reviews == (Review("很好", 1), Review("差", 0))
    assert corpus.language == "chinese"


@pytest.mark.parametrize("line", ['{"text": "好"}', "[1]", "{", '{"text": "好", "label": 2}'])
def test_a_line_that_is_no_opinion_is_named(line, tmp_path):
    with pytest.raises(ValueError, match=r"line 2 of .*a\.jsonl"):
        cosmetics(write(tmp_path / "a.jsonl", '{"text": "好", "label": 1}', line))


def test_sentences_of_a_treebank_by_their_roots(tmp_path):
    write(tmp_path / "dev.txt", "(0 (1 No) (2 one))", "(2 (2 So) (2 what))")
    write(tmp_path / "train.txt", "(4 (3 Very) (4 (3 good) (2 .)))", "(1 (1 bad))")
    write(tmp_path / "test.txt", "(2 (2 Well))")
    write(tmp_path / "another.txt", "(4", "(4 good))")
    corpus = treebank(tmp_path)
    assert corpus.reviews == (Review("Very good .", 1), Review("bad", 0), Review("No one", 0))
    assert corpus.language == "english"
    assert treebank(tmp_path / "train.txt").reviews == corpus.reviews[:2]


def test_a_line_that_is_no_tree_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"tree 2 of .*a\.txt"):
        treebank(write(tmp_path / "a.txt", "(1 (1 bad))", "good"))


def test_sentences_with_one_opinion_of_all_their_cars(tmp_path):
    write(
        tmp_path / "Train.csv",
        "SentenceId\tContent",
        '1\t"好车，',
        "2\t差车",
        "3\t甲比乙好",
        "4\t车",
        "5\t没有",
    )
    write(
        tmp_path / "Label.csv",
        "SentenceId\tView\tOpinion",
        "1\t甲\tpos",
        "1\t乙\tpos",
        "2\t甲\tneg",
        "3\t甲\tpos",
        "3\t乙\tneg",
        "4\t甲\tneu",
    )
    assert car_views(tmp_path).reviews == (Review('"好车，', 1), Review("差车", 0))


def test_a_column_that_is_missing_is_named(tmp_path):
    write(tmp_path / "Label.csv", "SentenceId,Opinion", "1,pos")
    with pytest.raises(ValueError, match=r"Label\.csv has no column Opinion, SentenceId"):
        car_views(tmp_path)


def test_corpora_are_called_as_they_are_asked_for(tmp_path):
    lines = ('{"text": "很好", "label": 1}', '{"text": "差", "label": 0}')
    assert READERS["cosmetics"](write(tmp_path / "a.jsonl", *lines)).name == "cosmetics"
