"""The tables of the report, read from its page."""

from dataclasses import replace

from captum_rnn.benchmark.report import notebook_html, report_html
from captum_rnn.benchmark.results import GroundTruth, MethodScores
from made_up_results import LOSING, made_up_mean, with_answers, with_shuffled_labels

ANSWERS, DELETION = "Where the right answer is known", "When words are removed"


def test_rows_stand_in_the_order_of_the_first_column(full_comparison, read, section):
    ((head, *rows),) = read(section(report_html(full_comparison), DELETION)).tables
    assert head[1].replace("\xad", "") == "comprehensivenesshigher is better"
    assert [row[0] for row in rows] == [
        "Integrated Gradients",
        "hidden-state delta, projection",
        "hidden-state delta",
        "Saliency",
        "random",
        "DeepLift",
    ]
    assert rows[0][1:] == ["0.354[.341, .367]", "0.046[.026, .066]", "0.71", "54.0"]
    assert rows[-1] == ["DeepLift", "RuntimeError: no <rule> for this layer"]


def test_the_sorted_heading_says_so_and_knows_where_to_begin(full_comparison, read, section):
    elements = read(section(report_html(full_comparison), DELETION)).elements
    sorts = [a.get("aria-sort") for tag, a in elements if tag == "th" and a["scope"] == "col"]
    assert sorts == [None, "descending", None, None, None]
    firsts = [attributes["data-first"] for tag, attributes in elements if tag == "button"]
    assert firsts == ["ascending", "descending", "ascending", "descending", "ascending"]


def test_the_best_is_bold_and_what_ties_with_it_is_marked(full_comparison, section):
    rows = section(report_html(full_comparison), ANSWERS).split("<tr")[2:]
    top = [row.split("<td")[1] for row in rows[:3]]
    assert ['class="best"' in cell for cell in top] == [True, False, False]
    assert ["≈" in cell for cell in top] == [False, True, False]


def test_both_tables_stand_in_one_pair_at_equal_rank(full_comparison, read):
    html = report_html(full_comparison)
    pair = html.split('<div class="pair">')[1].split("<details")[0]
    assert pair.count("<section><h2>") == 2
    answers, deletion = read(pair).tables
    assert [cell[:6] for cell in answers[0]] == ["method", "hybrid", "hybrid", "reseth"]
    assert len(deletion) == len(answers) == 1 + 6


def test_a_task_that_its_model_did_not_solve_is_said_to_be_left_out(full_comparison, section):
    html = section(report_html(full_comparison), ANSWERS)
    assert "the model did not solve the task: negation (LSTM, accuracy 0.500)." in html


def test_a_comparison_without_known_answers_says_so(deletion_comparison, section):
    html = report_html(deletion_comparison)
    assert ANSWERS not in html
    assert "holds no texts whose right answer is known" in section(html, DELETION)


def test_what_is_special_of_a_bag_of_vectors_is_said(deletion_comparison):
    top, note = dict.fromkeys(LOSING, 0.5), "a model that adds up the vectors of its words"
    for tasks, told in (({"reset": LOSING}, False), ({"bag-of-vectors": LOSING}, True)):
        html = report_html(with_answers(deletion_comparison, top=top, tasks=tasks))
        assert (note in html) is told


def test_shuffled_labels_are_one_of_the_sanity_checks(deletion_comparison, read, section):
    comparison = with_shuffled_labels(deletion_comparison, {"saliency": 0.75})
    html = section(report_html(comparison), "Sanity")
    ((head, *rows),) = read(html).tables
    assert head == ["method", "score on the last fifth", "rank correlation, shuffled labels"]
    assert {row[0]: row[-1] for row in rows}["Saliency"] == "0.75[.73, .77]"
    assert "trained on permuted labels" in html
    assert "permuted labels" not in report_html(deletion_comparison)


def test_why_a_cell_is_empty(full_comparison):
    full_comparison.hybrids.methods["saliency"] = MethodScores("<broke>")
    html = report_html(full_comparison)
    assert html.count('<td title="&lt;broke&gt;">–</td>') == 2
    assert "Saliency (hybrid, top word; hybrid, bottom word): &lt;broke&gt;" in html


def test_long_names_may_break_at_a_new_word(full_comparison):
    full_comparison.methods["saliency"].label = "ShapleyValueSampling"
    assert "Shapley<wbr>Value<wbr>Sampling" in report_html(full_comparison)


def test_agreement_names_its_sources(deletion_comparison, read, section):
    judged = MethodScores(None, {"pointing": made_up_mean(0.5)})
    marks = GroundTruth(12, {"saliency": judged})
    html = section(report_html(replace(deletion_comparison, marks=marks)), "Plausibility")
    assert "On 12 texts with words marked by people. It says" in html
    ((head, first, *_),) = read(html).tables
    assert head == ["method", "marked words: pointinghigher is better"]
    assert first == ["Saliency", "0.50[.48, .52]"]
    assert "Plausibility" not in report_html(deletion_comparison)


def test_differences_are_signed(deletion_comparison, read):
    html = report_html(deletion_comparison).split("compared with the best other one</summary>")[1]
    assert "from Integrated Gradients, text by text" in html
    _, first, second = read(html.split("</details>")[0]).tables[0]
    assert first[0] == "hidden-state delta, projection"
    assert first[1].startswith("-0.054[-")
    assert first[2] == second[2] == "worse"


def test_there_is_no_table_without_columns(deletion_comparison):
    assert "More measures" not in report_html(deletion_comparison)


def test_a_notebook_shows_the_tables_and_runs_nothing(full_comparison, read):
    full_comparison.methods["saliency"].label = "<script>alert(1)</script>"
    html = notebook_html(full_comparison)
    assert html == full_comparison._repr_html_()
    answers, deletion = read(html).tables
    assert answers[1][:2] == ["<script>alert(1)</script>", "0.90[.88, .92]"]
    assert deletion[1][1] == "0.354[.341, .367]"
    assert not read(html).tags & {"script", "button"}
