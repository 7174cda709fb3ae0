"""The report in a browser, which alone knows whether it renders and sorts."""

import re
import shutil
import subprocess
from html import unescape

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


def test_the_policy_refuses_every_script_but_the_page_s_own(full_comparison, tmp_path):
    page = report_html(full_comparison)
    title = re.search(r"<title>.*?</title>", page)[0]
    dom = run(page.replace("</body>", "<script>document.title = 1</script></body>"), tmp_path)
    assert title in dom
