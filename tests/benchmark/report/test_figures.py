from captum_rnn.benchmark.report.figures import (
    correlations_section,
    cost_section,
    curves_section,
)
from made_up_results import FAILED, made_up_results


def test_the_pictures_name_the_methods(full_results):
    for section in (cost_section, curves_section, correlations_section):
        assert "Integrated Gradients" in section(full_results)


def test_what_was_not_measured_is_not_drawn():
    results = made_up_results({"saliency": 0.25})
    results["methods"][0] |= {"measures": {}, "curves": {}}
    assert cost_section(results) == curves_section(results) == correlations_section(results) == ""
    failed = results | {"methods": [FAILED], "correlations": {"methods": [], "spearman": []}}
    assert cost_section(failed) == curves_section(failed) == correlations_section(failed) == ""
