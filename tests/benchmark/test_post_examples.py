import pytest

from captum_rnn.benchmark.post_examples import PostExample, load_post_examples

EXAMPLE = PostExample("甲乙丙丁戊", ("甲", "乙", "丙", "丁", "戊"), (0.4, -0.1, -0.0, 0.2, 0.5))
ALL_KNOWN = [True] * 5


def test_nine_sentences_whose_words_join_to_the_text_and_scores_sum_to_one() -> None:
    examples = load_post_examples()
    assert len(examples) == 9
    for example in examples:
        assert "".join(example.tokens) == example.text
        assert len(example.scores) == len(example.tokens)
        assert sum(example.scores) == pytest.approx(1, abs=1e-6)


def test_figures_of_the_post() -> None:
    """Some printed figures, by what they are known for."""
    examples = load_post_examples()
    scores = [dict(zip(example.tokens, example.scores, strict=True)) for example in examples]
    assert scores[3]["黑心"] == 0.42798662
    assert scores[3]["差评"] == 0
    assert scores[5]["乱七八糟"] == 0.48706663
    happy = [
        score
        for token, score in zip(examples[8].tokens, examples[8].scores, strict=True)
        if token == "快乐"
    ]
    assert happy == [0.27486306, 0.20637855, 0.092637397]


def test_agreement_leaves_out_words_that_one_side_does_not_know() -> None:
    """Without 丙 (-0 in print) and 戊 (unknown here), 甲 乙 丁 have the ranks 3 1 2 and 3 2 1."""
    scores = [0.9, 0.2, 99.0, 0.1, 0.0]
    known = [True, True, True, True, False]
    # 1 - 6 · (0 + 1 + 1) / (3 · 8)
    assert EXAMPLE.agreement(EXAMPLE.tokens, scores, known) == pytest.approx(0.5)


def test_agreement_with_itself_and_its_opposite() -> None:
    opposite = [-score for score in EXAMPLE.scores]
    assert EXAMPLE.agreement(EXAMPLE.tokens, EXAMPLE.scores, ALL_KNOWN) == pytest.approx(1)
    assert EXAMPLE.agreement(EXAMPLE.tokens, opposite, ALL_KNOWN) == pytest.approx(-1)


def test_other_words_have_no_agreement() -> None:
    assert EXAMPLE.agreement(["甲乙", "丙", "丁", "戊"], [0.1, 0.2, 0.3, 0.4], [True] * 4) is None


@pytest.mark.parametrize("known", [[True, True, False, False, False], [False] * 5])
def test_too_few_words_have_no_agreement(known: list[bool]) -> None:
    assert EXAMPLE.agreement(EXAMPLE.tokens, [0.1, 0.2, 0.3, 0.4, 0.5], known) is None


def test_equal_scores_have_no_agreement() -> None:
    assert EXAMPLE.agreement(EXAMPLE.tokens, [0.5] * 5, ALL_KNOWN) is None
