import base64
import hashlib
import random
import re
import shutil
import subprocess
from collections import Counter

import numpy as np
import pytest

from captum_rnn.jobs.explaining import ExplainedRow
from captum_rnn.jobs.folder import JobFolder
from captum_rnn.jobs.formats import to_json_lines
from captum_rnn.jobs.inputs import InputFile, Part
from captum_rnn.jobs.manifest import describe
from captum_rnn.jobs.report import report_html
from captum_rnn.jobs.work import FinishedPart, WorkSettings
from captum_rnn.visualization.tokens import visible
from hostile_strings import Structure, hostile

ATTACK = "<script>document.title='run'</script>"


def job(path, texts, error_rows=0):
    """A finished job of texts, each a predicted class, tokens and scores."""
    rows = [
        ExplainedRow(None, n, tokens, np.array(scores, np.float32), predicted, 0.9)
        for n, (predicted, tokens, scores) in enumerate(texts)
    ]
    rows += [ExplainedRow(None, len(rows) + n, error="empty") for n in range(error_rows)]
    folder = JobFolder(path)
    manifest = describe(
        [InputFile(f"{ATTACK}.csv", 1, "0", len(rows))], WorkSettings("/", format="jsonl"), 99
    )
    part = Part(0, "a.csv", 0, len(rows), 0, "")
    content = to_json_lines(rows, f"{ATTACK}.csv")
    with folder.held():
        folder.begin(manifest, restart=True)
        folder.keep(part, FinishedPart(0, len(rows), Counter(), {}, content))
    return path


TEXTS = [
    ("positive", ["房间", "很", "干净", "！"], [0.1, 0.05, 0.8, 0.05]),
    ("positive", ["早餐", "干净", "干净"], [-0.2, 0.6, 0.4]),
    ("negative", ["房间", ATTACK, "差"], [0.1, 0.2, 0.7]),
]


def words(html, name):
    """The numbers of each word of a class, as the page shows them."""
    section = html.split(f"<h2>{name}</h2>")[1].split("<h2>")[0]
    summaries = re.findall(r"<summary>(.*?)</summary>", section, re.DOTALL)
    lines = [re.sub(r"<[^>]+>", " ", summary).split() for summary in summaries]
    return {line[0]: line[1:] for line in lines}


def test_the_numbers_of_a_word(tmp_path):
    shown = words(report_html(job(tmp_path, TEXTS, error_rows=2)), "positive")
    # 干净: 0.8 in one text, 1.0 by two occurrences in another; residuals ±0.2 around 0.6.
    assert shown["干净"] == ["+1.80", "+0.600", "[-1.094,", "+2.294]", "2", "3"]
    assert shown["早餐"] == ["-0.20", "-0.200", "1", "1"]
    assert list(shown) == ["干净", "早餐", "房间", "很", "！"]


def test_the_number_of_words_is_bounded(tmp_path):
    html = report_html(job(tmp_path, TEXTS), words=1)
    assert list(words(html, "positive")) == ["干净"]
    assert "1 of 5 words" in html


def test_the_texts_of_a_word_with_their_place(tmp_path):
    html = report_html(job(tmp_path, TEXTS))
    assert "<li>房间很<mark>干净</mark>！ <small>+0.800" in html
    assert '<li><mark class="against">早餐</mark>干净干净 <small>-0.200' in html


def test_errors_are_counted(tmp_path):
    assert "<dd>empty 2</dd>" in report_html(job(tmp_path, TEXTS, error_rows=2))


def test_a_corpus_without_any_score(tmp_path):
    assert "No text has a score." in report_html(job(tmp_path, [], error_rows=1))


def test_nothing_of_a_text_is_markup(tmp_path):
    html = report_html(job(tmp_path, TEXTS))
    assert ATTACK not in html
    assert html.count("<script") == 1
    assert "&lt;script&gt;" in html


def test_the_policy_of_the_page_allows_its_own_script_only(tmp_path):
    html = report_html(job(tmp_path, TEXTS))
    (script,) = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    (policy,) = re.findall(r'Content-Security-Policy" content="(.*?)"', html)
    assert policy == (
        f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    )


@pytest.mark.skipif(not shutil.which("chromium"), reason="needs chromium")
def test_in_a_browser_the_pages_own_script_runs_and_no_other(tmp_path):
    page = tmp_path / "page.html"
    page.write_text(report_html(job(tmp_path / "job", TEXTS)), encoding="utf-8")
    browser = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
    ended = subprocess.run(
        [*browser, f"file://{page}"], capture_output=True, timeout=120, check=True
    )
    dom = ended.stdout.decode("utf-8")
    assert "<title>What the scores say about words</title>" in dom
    assert '<div class="controls">' in dom  # shown by the script alone
    assert dom.count("<script") == 1
    assert "&lt;script&gt;" in dom


def test_no_string_of_a_corpus_adds_an_element(tmp_path, fuzz_seeds):
    """The page has the elements that it has with harmless words, classes and file names."""
    for seed in fuzz_seeds(25):
        draw = random.Random(seed)
        names = hostile(draw, 9)
        texts = [
            (names[draw.randrange(2)], draw.choices(names, k=4), [draw.uniform(-1, 1)] * 4)
            for _ in range(6)
        ]
        plain = {name: f"w{number}" for number, name in enumerate(names)}
        harmless = [(plain[p], [plain[t] for t in tokens], scores) for p, tokens, scores in texts]
        try:
            html = report_html(job(tmp_path / "hostile", texts))
        except UnicodeEncodeError:
            assert any("\ud800" in name for name in names)  # no row of a job holds such a text
            continue
        expected = Structure(report_html(job(tmp_path / "harmless", harmless))).elements
        found = Structure(html)
        assert sorted(map(str, found.elements)) == sorted(map(str, expected)), seed
        for _, tokens, _ in texts:
            assert all(visible(token) in found.text for token in tokens), seed
