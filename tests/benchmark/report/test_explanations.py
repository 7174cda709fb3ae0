from captum_rnn.benchmark.measures import MEASURES
from captum_rnn.benchmark.report.explanations import how_to_read
from made_up_results import made_up_results


def test_every_measure_of_the_results_is_explained_and_no_other(read):
    text = read(how_to_read(made_up_results())).text
    for key in ("comprehensiveness", "sufficiency", "spearman_leave_one_out", "last_fifth"):
        assert MEASURES[key].explanation in text
    assert MEASURES["infidelity"].explanation not in text


def test_limits_are_said(read):
    text = " ".join(read(how_to_read(made_up_results())).text.split())
    for limit in ("never looks at the class", "hardly separates good methods", "One classifier"):
        assert limit in text
