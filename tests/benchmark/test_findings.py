import re

import numpy as np
import pytest

from captum_rnn.benchmark.findings import differences, headline, paired_difference
from made_up_results import LOSING, made_up_results


def changed(**means):
    return LOSING | {name.replace("_", "-"): mean for name, mean in means.items()}


def test_a_result_against_our_method_is_said():
    """.300 of random .032 and best .354: (.300 - .032) / (.354 - .032) = 83 %; L2: 33 %."""
    assert headline(made_up_results()) == (
        "Integrated Gradients explains this classifier better than the methods of this package, "
        "at the cost of 54 forward passes: of its gain over random, hidden-state delta "
        "(projection) reaches 83 % at 1.1 forward passes and hidden-state delta 33 % at 1.1 "
        "forward passes."
    )


def test_a_result_for_our_method_is_said():
    text = headline(made_up_results(changed(hidden_state_delta_projection=0.420)))
    assert text.startswith(
        "Hidden-state delta (projection) explains this classifier better than every method of "
        "Captum compared, at 1.1 forward passes: its comprehensiveness is 0.420, that of "
        "Integrated Gradients 0.354 at 54 forward passes"
    )
    share = (0.139 - 0.032) / (0.420 - 0.032)
    assert f"hidden-state delta reaches {100 * share:.0f} % of the best gain over random" in text


def test_a_tie_is_called_a_tie():
    text = headline(made_up_results(changed(hidden_state_delta_projection=0.350)))
    assert "equally well, as far as these texts can tell" in text
    assert "0.350 and 0.354" in text


def test_the_same_gap_is_no_tie_where_texts_agree():
    text = headline(made_up_results(changed(hidden_state_delta_projection=0.350), spread=0.001))
    assert text.startswith("Integrated Gradients explains this classifier better")


def test_nothing_better_than_random_is_said():
    means = dict.fromkeys(LOSING, 0.03) | {"saliency": 0.032}
    text = headline(made_up_results(means))
    assert text.startswith("No method explains this classifier measurably better than random")
    assert "Saliency, has a comprehensiveness of 0.032 against 0.030" in text


def test_a_score_below_random_reaches_nothing():
    assert "and hidden-state delta nothing at" in headline(
        made_up_results(changed(hidden_state_delta_l2=0.01))
    )


def test_without_random_shares_are_of_the_whole():
    means = {name: mean for name, mean in LOSING.items() if name != "random"}
    share = 0.300 / 0.354
    text = headline(made_up_results(means))
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
    text = headline(made_up_results({name: LOSING[name] for name in names}))
    assert text.startswith(f"Of the methods compared {best}")


def test_it_is_one_sentence():
    for projection in (0.0, 0.300, 0.350, 0.5):
        text = headline(made_up_results(changed(hidden_state_delta_projection=projection)))
        assert len(re.findall(r"\.(?:\s|$)", text)) == 1


def test_difference_is_paired():
    """Means of ten texts that differ by exactly 0.1 each, however much the texts differ."""
    results = made_up_results(texts=10)
    method, other = results["methods"][:2]
    values = np.linspace(0, 1, 10)
    method["per_text"]["comprehensiveness"] = (values + 0.1).tolist()
    other["per_text"]["comprehensiveness"] = values.tolist()
    gain = paired_difference(results, method, other)
    assert (gain.mean, gain.low, gain.high) == pytest.approx((0.1, 0.1, 0.1))


def test_texts_without_a_value_are_left_out():
    results = made_up_results(texts=4)
    method, other = results["methods"][:2]
    method["per_text"]["comprehensiveness"] = [0.5, None, 0.25, 0.25]
    other["per_text"]["comprehensiveness"] = [0.25, 0.9, 0.0, None]
    gain = paired_difference(results, method, other)
    assert (gain.mean, gain.texts, gain.left_out) == (0.25, 2, 2)


def test_each_of_ours_is_held_against_the_best_other_method():
    pairs = {(d.method, d.other): d for d in differences(made_up_results())}
    ours = ["hidden-state delta, projection", "hidden-state delta"]
    assert list(pairs) == [(method, "Integrated Gradients") for method in ours]
    lost = pairs["hidden-state delta, projection", "Integrated Gradients"]
    assert lost.gain.mean == pytest.approx(0.300 - 0.354)
    assert lost.verdict == "worse"


def test_an_interval_over_zero_shows_nothing():
    results = made_up_results(changed(hidden_state_delta_projection=0.354))
    assert differences(results)[0].verdict == "no difference shown"
