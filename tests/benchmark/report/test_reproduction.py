import math

import pytest

from captum_rnn.benchmark.post_examples import load_post_examples
from captum_rnn.benchmark.report.reproduction import reproduction
from made_up_results import made_up_example

L2 = "hidden-state-delta-l2"


def as_printed(example, scores=None, correlation=1.0):
    return made_up_example(
        example.tokens,
        {L2: list(scores or example.scores)},
        printed=(list(example.tokens), list(example.scores)),
        correlation={L2: correlation},
    )


def test_the_printed_scores_reproduce_themselves():
    findings = reproduction([as_printed(example) for example in load_post_examples()])
    assert findings[0] == "Reproduced: the scores of each sentence sum to 1 (9 of 9)."
    repeats = [finding for finding in findings if "every later one" in finding]
    assert [finding.split(" sentence ")[0] for finding in repeats] == [
        "Reproduced: of 糟糕 in",
        "Reproduced: of 快乐 in",
    ]
    assert "in sentence 8" in repeats[0]
    assert "(printed +0.36, +0.20, -0.05; here +0.36, +0.20, -0.05)" in repeats[0]
    assert "The word with the highest score is the printed one in 9 of the 9 sentences." in findings
    assert not any("Not comparable" in finding for finding in findings)


def test_what_does_not_reproduce_is_said():
    eighth = load_post_examples()[7]
    reversed_scores = [-score for score in eighth.scores]
    findings = reproduction([as_printed(eighth, reversed_scores, correlation=-1.0)])
    assert findings[0] == "Not reproduced: the scores of only 0 of 1 sentences sum to 1."
    assert findings[1].startswith("Not reproduced: of 糟糕 in sentence 1 every later one")
    assert "-1.00 on average" in findings[2]
    assert "below 0.5 in 1" in findings[2]
    assert "is the printed one in 0 of the 1 sentences" in findings[3]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (
            [0.2, 0.5, 0.8],
            "0.50 on average, from 0.20 to 0.80, over 3 of the 3 sentences; below 0.5 in 1.",
        ),
        (
            [math.nan, 0.6],
            "0.60 on average, from 0.60 to 0.60, over 1 of the 2 sentences; below 0.5 in 0.",
        ),
    ],
)
def test_rank_correlations_are_summed_up(values, said):
    examples = load_post_examples()
    findings = reproduction(
        [as_printed(e, correlation=v) for e, v in zip(examples, values, strict=False)]
    )
    assert any(finding.endswith(said) for finding in findings)


def test_other_words_than_the_printed_ones():
    example = made_up_example(
        ["挺好用"],
        {L2: [1.0]},
        printed=(["挺", "好", "用"], [0.2, 0.5, 0.3]),
    )
    findings = reproduction([example, example])
    assert "Not comparable: no sentence is cut into the printed words." in findings
    assert findings[-1].startswith("Not comparable word by word: sentences 1 and 2, which")


def test_nothing_to_compare():
    assert reproduction([]) == []
    assert reproduction([made_up_example(["好"], {"random": [1.0]}, printed=(["好"], [1.0]))]) == []
