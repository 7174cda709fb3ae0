import pytest

from benchmarks.targets.data import (
    Sentence,
    copies,
    own_sentences,
    read_contest,
    split_sentences,
)
from benchmarks.targets.tags import Tag, Target


@pytest.fixture
def contest(tmp_path):
    """A folder of the contest's form, as its files come: a mark at the start, CRLF, raw quotes."""
    files = {
        "Train.csv": '\ufeffSentenceId\tContent\r\n01\t他说"A4好\r\n02\tA4\u2028差\r\n03\t无\r\n',
        "Label.csv": "SentenceId\tView\tOpinion\r\n01\tA4\tpos\r\n02\tA4\tneg\r\n02\tQ5\tneu\r\n",
        "View.csv": "ViedId\tView\r\n1\tA4\r\n2\tRAV4 荣放\r\n",
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content.encode())
    return tmp_path


def test_reads_the_contests_files(contest):
    corpus = read_contest(contest)
    assert corpus.sentences == (
        Sentence('他说"A4好', (Target("A4", Tag.POSITIVE),)),
        Sentence("A4\u2028差", (Target("A4", Tag.NEGATIVE), Target("Q5", Tag.NEUTRAL))),
        Sentence("无", ()),
    )
    assert corpus.names == {"A4", "RAV4 荣放"}
    assert [sentence.is_mixed for sentence in corpus.sentences] == [False, True, False]


def test_says_what_is_wrong_with_a_file(contest):
    label = contest / "Label.csv"
    for row, message in (
        ("01\tA4\tgood", "'good' of 'A4' in sentence 01"),
        ("09\tA4\tpos", "in sentence 09; expected .* a sentence of Train.csv"),
        ("01\tA4", "line 2, does not have 3 fields"),
    ):
        label.write_text(f"SentenceId\tView\tOpinion\n{row}\n", encoding="utf-8")
        with pytest.raises(ValueError, match=message):
            read_contest(contest)
    label.write_bytes("甲".encode("gbk"))
    with pytest.raises(ValueError, match="is not UTF-8 at byte 0"):
        read_contest(contest)
    label.unlink()
    with pytest.raises(FileNotFoundError, match=r"lacks Label.csv; give the folder"):
        read_contest(contest)


def test_our_own_sentences_hold_their_targets():
    corpus = own_sentences()
    texts = [sentence.text for sentence in corpus.sentences]
    assert len(set(texts)) == len(texts) >= 30
    for sentence in corpus.sentences:
        assert all(target.name in sentence.text for target in sentence.targets)
    polarities = {target.polarity for s in corpus.sentences for target in s.targets}
    assert polarities == {Tag.POSITIVE, Tag.NEUTRAL, Tag.NEGATIVE}
    assert sum(sentence.is_mixed for sentence in corpus.sentences) >= 10


def made_up(number):
    return [Sentence(f"句子{i}", ()) for i in range(number)]


def test_copies_are_equal_but_for_blanks_and_signs():
    first, same, other = (Sentence(text, ()) for text in ("甲 乙！", " 「甲乙」\n", "甲"))
    assert copies([first, other, same]) == [[first, same], [other]]
    question, shout = Sentence("？", ()), Sentence("！", ())
    assert copies([question, shout]) == [[question], [shout]]


def test_the_split_is_disjoint_whole_and_does_not_depend_on_the_order():
    sentences = made_up(100)
    spaced = [Sentence(f" {sentence.text}。", ()) for sentence in sentences[:30]]
    split = split_sentences(sentences + spaced, seed=3)
    parts = (split.train, split.validation, split.held_out)
    assert [len(part) for part in parts] == [70, 10, 20]
    texts = [sentence.text for part in parts for sentence in part]
    assert sorted(texts) == sorted(sentence.text for sentence in sentences)
    assert split_sentences(sentences[::-1], seed=3) == split
    assert split_sentences(sentences, seed=4) != split


def test_too_few_to_split():
    with pytest.raises(ValueError, match="9 distinct sentences; expected at least 10"):
        split_sentences(made_up(9) * 2, seed=0)
