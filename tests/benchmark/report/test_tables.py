from captum_rnn.benchmark.report.columns import DELETION_KEYS, hybrid_columns, measure_columns
from captum_rnn.benchmark.report.tables import (
    agreement_section,
    differences_section,
    further_section,
    sanity_section,
    side_by_side,
    sortable_table,
)
from made_up_results import LOSING, made_up_summary, with_answers, with_shuffled_labels


def test_rows_stand_in_the_order_of_the_first_column(full_results, read):
    html = sortable_table(full_results, measure_columns(full_results, DELETION_KEYS))
    ((head, *rows),) = read(html).tables
    assert head[1].replace("\xad", "") == "comprehensivenesshigher is better"
    assert [row[0] for row in rows] == [
        "Integrated Gradients",
        "hidden-state delta, projection",
        "hidden-state delta",
        "Saliency",
        "random",
        "DeepLift",
    ]
    assert rows[0][1:] == ["0.354[.341, .367]", "0.046[.026, .066]", "0.71"]
    assert rows[-1] == ["DeepLift", "RuntimeError: no <rule> for this layer"]


def test_the_sorted_heading_says_so_and_knows_where_to_begin(full_results, read):
    html = sortable_table(full_results, measure_columns(full_results, DELETION_KEYS))
    elements = read(html).elements
    sorts = [a.get("aria-sort") for tag, a in elements if tag == "th" and a["scope"] == "col"]
    assert sorts == [None, "descending", None, None]
    firsts = [attributes["data-first"] for tag, attributes in elements if tag == "button"]
    assert firsts == ["ascending", "descending", "ascending", "descending"]


def test_the_best_is_bold_and_what_ties_with_it_is_marked(full_results):
    rows = sortable_table(full_results, hybrid_columns(full_results)[:1]).split("<tr")[2:]
    assert ['class="best"' in row for row in rows[:3]] == [True, False, False]
    assert ["≈" in row for row in rows[:3]] == [False, True, False]


def test_both_tables_stand_in_one_pair_at_equal_rank(full_results, read):
    html = side_by_side(full_results)
    pair = html.split('<div class="pair">')[1]
    assert pair.count("<section><h2>") == 2
    answers, deletion = read(html).tables
    assert [cell[:6] for cell in answers[0]] == ["method", "hybrid", "hybrid", "reseth"]
    assert len(deletion) == len(answers) == 1 + 6
    assert "Not solved by its net, so left out: negation (LSTM, accuracy 0.500)." in html


def test_a_comparison_without_known_answers_says_so(deletion_results, read):
    html = side_by_side(deletion_results)
    assert len(read(html).tables) == 1
    assert "holds no texts whose right answer is known" in html


def test_what_is_special_of_a_bag_of_vectors_is_said(deletion_results):
    top, note = dict.fromkeys(LOSING, 0.5), "a net that adds up the vectors of its words"
    for tasks, told in (({"reset": LOSING}, False), ({"bag-of-vectors": LOSING}, True)):
        html = side_by_side(with_answers(deletion_results, top=top, tasks=tasks))
        assert (note in html) is told


def test_shuffled_labels_stand_beside_the_other_sanity_checks(deletion_results, read):
    results = with_shuffled_labels(deletion_results, {"saliency": 0.75})
    html = sanity_section(results)
    ((head, *rows),) = read(html).tables
    assert head == ["method", "score on the last fifth", "rank correlation, shuffled labels"]
    assert {row[0]: row[-1] for row in rows}["Saliency"] == "0.75[.73, .77]"
    assert "trained on permuted labels" in html
    assert "permuted labels" not in sanity_section(deletion_results)


def test_why_a_cell_is_empty(full_results):
    full_results["hybrids"]["methods"]["saliency"] = {
        "error": "<broke>",
        "measures": {},
        "per_text": {},
    }
    html = side_by_side(full_results)
    assert html.count('<td title="&lt;broke&gt;">–</td>') == 2
    assert "Saliency (hybrid, top word; hybrid, bottom word): &lt;broke&gt;" in html


def test_long_names_may_break_at_a_new_word(full_results):
    full_results["methods"][0]["label"] = "ShapleyValueSampling"
    html = sortable_table(full_results, measure_columns(full_results, DELETION_KEYS))
    assert "Shapley<wbr>Value<wbr>Sampling" in html


def test_agreement_names_its_sources(deletion_results, read):
    judged = {"error": None, "measures": {"pointing": made_up_summary(0.5)}, "per_text": {}}
    marks = {"texts": 12, "methods": {"saliency": judged}}
    html = agreement_section(deletion_results | {"marks": marks, "lexicon": None})
    assert "On 12 texts with words marked by people. It says" in html
    ((head, first, *_),) = read(html).tables
    assert head == ["method", "marked words: pointinghigher is better"]
    assert first == ["Saliency", "0.50[.48, .52]"]
    assert agreement_section(deletion_results) == ""


def test_differences_are_signed(deletion_results, read):
    ((_, first, second),) = read(differences_section(deletion_results)).tables
    assert first[:2] == ["hidden-state delta, projection", "Integrated Gradients"]
    assert first[2].startswith("-0.054[-")
    assert first[3] == second[3] == "worse"


def test_there_is_no_table_without_columns(deletion_results):
    assert further_section(deletion_results) == ""
