import re
from dataclasses import replace

import pytest

from captum_rnn.benchmark.report.findings import headline
from made_up_results import LOSING, failed, made_up_comparison, with_answers


def changed(**means):
    return LOSING | {name.replace("_", "-"): mean for name, mean in means.items()}


def test_a_result_against_our_method_is_said():
    """.300 of random .032 and best .354: (.300 - .032) / (.354 - .032) = 83 %; L2: 33 %."""
    assert headline(made_up_comparison()) == (
        "Integrated Gradients explains this classifier better than the methods of this package, "
        "at the cost of 54 forward passes: of its gain over random, hidden-state delta "
        "(projection) reaches 83 % at 1.1 forward passes and hidden-state delta 33 % at 1.1 "
        "forward passes."
    )


def test_a_result_for_our_method_is_said():
    text = headline(made_up_comparison(changed(hidden_state_delta_projection=0.420)))
    assert text.startswith(
        "Hidden-state delta (projection) explains this classifier better than every method "
        "compared that is not of this package, at 1.1 forward passes: its comprehensiveness is "
        "0.420, that of Integrated Gradients 0.354 at 54 forward passes"
    )
    share = (0.139 - 0.032) / (0.420 - 0.032)
    assert f"hidden-state delta reaches {100 * share:.0f} % of the best gain over random" in text


def test_a_tie_is_called_a_tie():
    text = headline(made_up_comparison(changed(hidden_state_delta_projection=0.350)))
    assert "are not significantly different on these texts" in text
    assert "0.350 and 0.354" in text


def test_the_same_gap_is_no_tie_where_texts_agree():
    text = headline(made_up_comparison(changed(hidden_state_delta_projection=0.350), spread=0.001))
    assert text.startswith("Integrated Gradients explains this classifier better")


def test_nothing_better_than_random_is_said():
    means = dict.fromkeys(LOSING, 0.03) | {"saliency": 0.032}
    text = headline(made_up_comparison(means))
    assert text.startswith("No method explains this classifier measurably better than random")
    assert "Saliency, has a comprehensiveness of 0.032 against 0.030" in text


def test_a_score_below_random_reaches_nothing():
    assert "and hidden-state delta nothing at" in headline(
        made_up_comparison(changed(hidden_state_delta_l2=0.01))
    )


def test_without_random_shares_are_of_the_whole():
    means = {name: mean for name, mean in LOSING.items() if name != "random"}
    share = 0.300 / 0.354
    text = headline(made_up_comparison(means))
    assert f"of its comprehensiveness, hidden-state delta (projection) reaches {share:.0%}" in (
        text.replace(" %", "%")
    )


@pytest.mark.parametrize(
    ("names", "best"),
    [
        (["hidden-state-delta-l2", "hidden-state-delta-projection"], "hidden-state delta (proj"),
        (["saliency", "integrated-gradients", "random"], "Integrated Gradients"),
        (["random"], "random"),
    ],
)
def test_without_a_rival_the_best_is_named(names, best):
    text = headline(made_up_comparison({name: LOSING[name] for name in names}))
    assert text.startswith(f"Of the methods compared {best}")


def test_deletion_alone_is_one_sentence():
    for projection in (0.0, 0.300, 0.350, 0.5):
        text = headline(made_up_comparison(changed(hidden_state_delta_projection=projection)))
        assert len(re.findall(r"\.(?:\s|$)", text)) == 1


def test_what_words_without_context_reach_is_said():
    text = headline(made_up_comparison(LOSING | {"word-lexicon": 0.340}))
    share = (0.340 - 0.032) / (0.354 - 0.032)
    assert text.endswith(
        " Per-word scores, without any context, reach "
        f"{100 * share:.0f} % of the best gain over random."
    )


def test_what_is_right_is_said_where_it_is_known():
    """The two best on the task tie; of the hybrid documents one more does not differ."""
    comparison = with_answers(
        made_up_comparison(),
        top={"saliency": 0.97, "integrated-gradients": 0.96, "hidden-state-delta-l2": 0.66},
        tasks={
            "reset": {"saliency": 0.75, "integrated-gradients": 0.74, "hidden-state-delta-l2": 0.1},
            "negation": {
                "saliency": 0.5,
                "integrated-gradients": 0.9,
                "hidden-state-delta-l2": 0.9,
            },
            "additive": {},
        },
    )
    second = headline(comparison).split(" forward passes. ")[1]
    assert second == (
        "In documents mixed from both classes, the top word of Saliency lies in a review of the "
        "predicted class in 97 % (1 more are not significantly different), that of hidden-state "
        "delta in 66 %; of the 2 tasks with known answers, Integrated Gradients is best or not "
        "significantly different from the best in 2, hidden-state delta in 1."
    )


def test_no_method_without_deletion():
    comparison = made_up_comparison()
    for method in comparison.methods.values():
        method.measures = {}
    assert headline(comparison) == "No method's scores were tested by removing words."
    assert headline(replace(comparison, methods={"deep-lift": failed()})) == headline(comparison)


def test_a_failed_method_changes_nothing():
    comparison = made_up_comparison()
    before = headline(comparison)
    comparison.methods = {"deep-lift": failed(), **comparison.methods}
    assert headline(comparison) == before
