"""The report in a browser, which alone knows whether it renders and sorts."""

import re
import shutil
import subprocess
from dataclasses import replace
from html import escape, unescape

import pytest

from captum_rnn.benchmark.report import report_html

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs the browser chromium")

# What a driver reports, it leaves in the page's title.
HELPERS = """
const table = document.querySelectorAll("table.sortable")[1];
const order = () => [...table.tBodies[0].rows].map((row) => row.cells[0].textContent).join("|");
const click = (column) => {
  const heading = table.tHead.rows[0].cells[column];
  heading.querySelector("button").click();
  return `${heading.getAttribute("aria-sort")}: ${order()}`;
};
"""
RANKED = "Integrated Gradients|hidden-state delta, projection|hidden-state delta|Saliency|random"


def run(page, tmp_path):
    """Opens a page and returns what it has become."""
    file = tmp_path / "report.html"
    file.write_text(page, encoding="utf-8")
    profile = f"--user-data-dir={tmp_path / 'profile'}"
    quiet = ["--no-first-run", "--disable-background-networking"]
    arguments = ["--headless", "--no-sandbox", "--disable-gpu", *quiet, profile, "--dump-dom"]
    done = subprocess.run(
        [CHROMIUM, *arguments, file.as_uri()], capture_output=True, timeout=120, check=True
    )
    return done.stdout.decode("utf-8")


def driven(comparison, driver, tmp_path):
    """Opens the report, runs a driver in it and returns the title that it set, and the page."""
    page = report_html(comparison)
    # The page's own policy forbids every other script, so that the driver needs another policy.
    page = re.sub(r"script-src '[^']*'", "script-src 'unsafe-inline'", page, count=1)
    dom = run(page.replace("</body>", f"<script>{HELPERS}{driver}</script></body>"), tmp_path)
    return unescape(re.search(r"<title>(.*?)</title>", dom, flags=re.DOTALL)[1]), dom


def driven_on_a_phone(comparison, driver, tmp_path):
    """The same in a frame, since a window cannot be as narrow as a phone: the title alone."""
    frame = f'<iframe width="390" height="844" srcdoc="{escape(report_html(comparison))}"></iframe>'
    script = f"<script>onload = () => {{{driver}}}</script>"
    return re.search(r"<title>(.*?)</title>", run(f"<title></title>{frame}{script}", tmp_path))[1]


@pytest.fixture
def sortable(full_comparison):
    """The methods in another order than that of any measure."""
    full_comparison.methods = dict(reversed(full_comparison.methods.items()))
    return full_comparison


def test_headings_sort_and_what_has_no_value_stays_last(sortable, tmp_path):
    del sortable.methods["integrated-gradients"].measures["spearman_leave_one_out"]
    driver = """
    const seen = [order(), click(1), click(1), click(0), click(2), click(3), click(3)];
    seen.push(table.querySelectorAll("[aria-sort]").length);
    document.title = seen.join("\\n");
    """
    seen = driven(sortable, driver, tmp_path)[0].split("\n")
    best = RANKED.split("|")
    first, up, down, names, sufficiency, spearman, spearman_up, marked = seen
    assert first == f"{RANKED}|DeepLift"
    assert up == f"ascending: {'|'.join(reversed(best))}|DeepLift"
    assert down == f"descending: {RANKED}|DeepLift"
    assert names == (
        "ascending: hidden-state delta|hidden-state delta, projection|Integrated Gradients|random|"
        "Saliency|DeepLift"
    )
    # The lowest sufficiency is the best: 0.4 - comprehensiveness.
    assert sufficiency == f"ascending: {RANKED}|DeepLift"
    assert spearman == f"descending: {'|'.join(best[1:])}|Integrated Gradients|DeepLift"
    assert spearman_up == (
        f"ascending: {'|'.join(reversed(best[1:]))}|Integrated Gradients|DeepLift"
    )
    assert marked == "1"


def test_it_renders_and_a_script_in_a_text_stays_text(full_comparison, tmp_path):
    driver = """
    const shown = [...document.querySelectorAll(".tokens span")].map((word) => word.textContent);
    const sizes = [...document.querySelectorAll("svg")].map((svg) => svg.getBoundingClientRect());
    document.title = JSON.stringify([
      shown.includes("\\u003cscript>alert(1)\\u003c/script>"),
      document.scripts.length,
      sizes.length,
      sizes.every((size) => size.width > 300 && size.height > 200),
      document.documentElement.scrollWidth <= window.innerWidth,
    ]);
    """
    title, dom = driven(full_comparison, driver, tmp_path)
    # The page's script and the driver, none of the text's.
    assert title == "[true,2,3,true,true]"
    assert "<script>alert" not in dom


def test_a_long_table_shows_its_first_rows_until_all_are_asked_for(full_comparison, tmp_path):
    template = full_comparison.methods["saliency"]
    for number in range(6):
        name = f"other-{number}"
        full_comparison.methods[name] = replace(template, name=name, label=name)
    driver = """
    const seen = () => [...table.tBodies[0].rows].filter((row) => row.getClientRects().length);
    const labels = () => seen().map((row) => row.cells[0].textContent);
    const found = [labels().length];
    click(0);
    click(0);
    found.push(labels().length, labels().includes("hidden-state delta"));
    table.closest("section").querySelector("input").click();
    found.push(labels().length);
    document.title = JSON.stringify(found);
    """
    title, _ = driven(full_comparison, driver, tmp_path)
    # By name from the last: six others, Saliency, random; then all 12.
    assert title == "[8,8,false,12]"


def test_a_short_table_hides_nothing(full_comparison):
    assert 'type="checkbox"' not in report_html(full_comparison)


def test_a_phone_shows_three_screens_before_the_folds(full_comparison, tmp_path):
    template = full_comparison.methods["saliency"]
    for number in range(12):
        name = f"other-{number}"
        full_comparison.methods[name] = replace(template, name=name, label=f"another one, {number}")
    drive = """
    const page = document.querySelector("iframe").contentDocument;
    const fold = page.querySelector("details.part").getBoundingClientRect().top;
    const fits = fold <= 3 * 844 && page.documentElement.scrollWidth <= 390;
    const cards = [...page.querySelectorAll(".first article")];
    const shown = cards.filter((card) => card.getClientRects().length);
    document.title = JSON.stringify([fits, fold > 844, cards.length, shown.length]);
    """
    assert driven_on_a_phone(full_comparison, drive, tmp_path) == "[true,true,2,1]"


def test_a_phone_is_told_of_all_that_is_wider(full_comparison, tmp_path):
    drive = """
    const page = document.querySelector("iframe").contentDocument;
    page.querySelectorAll("details").forEach((part) => part.open = true);
    const wide = [...page.querySelectorAll(".scroll")].filter((e) => e.scrollWidth > e.clientWidth);
    const told = wide.filter((e) => e.previousElementSibling?.matches(".swipe"));
    const bottom = (e) => e.previousElementSibling.getBoundingClientRect().bottom;
    const covered = told.filter((e) => bottom(e) > e.getBoundingClientRect().top + 1);
    document.title = JSON.stringify([told.length == wide.length, wide.length >= 4, covered.length]);
    """
    assert driven_on_a_phone(full_comparison, drive, tmp_path) == "[true,true,0]"


def test_the_policy_refuses_every_script_but_the_page_s_own(full_comparison, tmp_path):
    page = report_html(full_comparison)
    title = re.search(r"<title>.*?</title>", page)[0]
    dom = run(page.replace("</body>", "<script>document.title = 1</script></body>"), tmp_path)
    assert title in dom
