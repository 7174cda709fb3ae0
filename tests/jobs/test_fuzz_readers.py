"""Random files, read by this project's readers and by those of Python and pyarrow."""

import csv
import gzip
import io
import itertools
import json
import random

import pytest

from captum_rnn.jobs.inputs import Columns, open_rows, plan
from captum_rnn.jobs.rows import MALFORMED, NOT_TEXT, row_of, rows_digest

CHARACTERS = ["a", "好", " ", '"', "'", ",", ";", "\\", "é", "\u2028", "\x85", "\x0b", "\ufeff"]


def text(draw, more=""):
    return "".join(draw.choices([*CHARACTERS, *more], k=draw.randrange(12)))


def read(path, content, columns=Columns("text", "id")):  # noqa: B008
    """The rows of a file as one iteration gives them, and as the parts of a job do."""
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    rows = list(open_rows(path, columns).rows())
    draw = random.Random(len(content))
    _, parts = plan([str(path)], columns, draw.randrange(1, 5))
    draw.shuffle(parts)
    reader = open_rows(path, columns)
    for part in parts:
        again = list(itertools.islice(reader.rows(part.first, part.offset), part.rows))
        assert again == rows[part.first : part.first + part.rows]
        assert rows_digest(again) == part.sha256
    assert sum(part.rows for part in parts) == len(rows)
    return rows


def test_csv_as_pythons_own_reader_reads_it(tmp_path, fuzz_seeds):
    for seed in fuzz_seeds(120):
        draw = random.Random(seed)
        end = draw.choice(["\n", "\r\n"])
        quoting = draw.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC])
        names = draw.sample(["id", "text", "more", "列"], 4)
        buffer = io.StringIO(newline="")
        writer = csv.writer(buffer, lineterminator=end, quoting=quoting)
        # Some versions of Python write a lone CR without quotes where lines end with LF.
        more = ["\n", "\t"] if end == "\n" else ["\n", "\r", "\r\n", "\t"]
        table = [[text(draw, more) for _ in names] for _ in range(9)]
        writer.writerows([names, *table])
        content = buffer.getvalue()
        content = content.removesuffix(end) if draw.random() < 0.3 and table[-1][-1] else content
        mark = "\ufeff" if draw.random() < 0.3 else ""
        path = tmp_path / draw.choice(["a.csv", "a.csv.gz"])
        found = read(path, (mark + content).encode())
        expected = csv.DictReader(io.StringIO(content, newline=""))
        rows = [row_of(n, row["id"], row["text"]) for n, row in enumerate(expected)]
        assert found == rows, seed


def test_tsv_as_pythons_own_reader_reads_it(tmp_path, fuzz_seeds):
    for seed in fuzz_seeds(60):
        draw = random.Random(seed)
        names = draw.sample(["id", "text", "more"], 3)
        lines = ["\t".join(names), *("\t".join(text(draw) for _ in names) for _ in range(9))]
        lines = [line + draw.choice(["\n", "\r\n"]) for line in lines]
        lines.insert(draw.randrange(1, 9), draw.choice(["", "\n", "only one field\n"]))
        expected = csv.reader(lines[1:], delimiter="\t", quoting=csv.QUOTE_NONE)
        rows = [record for record in expected if record]
        found = read(tmp_path / draw.choice(["a.tsv", "a.tsv.gz"]), "".join(lines).encode())
        for number, (row, record) in enumerate(zip(found, rows, strict=True)):
            if len(record) == 3:
                fields = dict(zip(names, record, strict=True))
                assert row == row_of(number, fields["id"], fields["text"]), seed
            else:
                assert row.problem == MALFORMED, seed


def test_json_lines_as_pythons_own_reader_reads_them(tmp_path, fuzz_seeds):
    def value(draw):
        return draw.choice([text(draw, ["\n", "\0"]), 5, 1.5, None, True, [], {"text": "inner"}])

    for seed in fuzz_seeds(80):
        draw = random.Random(seed)
        lines = []
        for _ in range(9):
            content = {name: value(draw) for name in draw.sample(["text", "id", "more"], 2)}
            line = json.dumps(content, ensure_ascii=draw.random() < 0.5)
            if draw.random() < 0.3:
                place = draw.randrange(len(line))
                line = line[:place] + draw.choice(["", "}", '"', "[" * 9, "\\"]) + line[place + 1 :]
            lines.append(line)
        content = draw.choice(["\n", "\r\n"]).join(lines)
        found = read(tmp_path / draw.choice(["a.jsonl", "a.ndjson.gz"]), content.encode())
        for number, (row, line) in enumerate(zip(found, lines, strict=True)):
            try:
                pairs = json.loads(line, object_pairs_hook=list)
                entry = dict(pairs) if line.lstrip().startswith("{") else None
            except ValueError:
                entry = None
            if entry is None or len(entry) < len(pairs):
                assert row.problem == MALFORMED, (seed, line)
            else:
                stated = json.loads(line)
                assert row == row_of(number, stated.get("id"), stated.get("text")), (seed, line)


def test_parquet_as_pyarrow_reads_it(tmp_path, fuzz_seeds):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    kinds = [
        pyarrow.string(),
        pyarrow.large_string(),
        pyarrow.string_view(),
        pyarrow.binary(),
        pyarrow.large_binary(),
        pyarrow.dictionary(pyarrow.int32(), pyarrow.string()),
    ]
    for seed in fuzz_seeds(80):
        draw = random.Random(seed)
        count = draw.randrange(40)
        texts = [None if draw.random() < 0.2 else text(draw, ["\n", "\0"]) for _ in range(count)]
        kind = draw.choice(kinds)
        plain = pyarrow.large_string() if pyarrow.types.is_dictionary(kind) else kind
        column = pyarrow.array(texts, pyarrow.string()).cast(plain)
        column = column.dictionary_encode() if plain is not kind else column
        numbers = [draw.randrange(9) for _ in range(count)]
        table = pyarrow.table({"id": numbers, "other": numbers, "text": column})
        file = io.BytesIO()
        size = draw.randrange(1, 20)
        compression = draw.choice(["none", "snappy", "zstd", "gzip"])
        parquet.write_table(table, file, row_group_size=size, compression=compression)
        found = read(tmp_path / "a.parquet", file.getvalue())
        rows = zip(found, numbers, texts, strict=True)
        for number, (row, identity, expected) in enumerate(rows):
            assert row == row_of(number, identity, expected), seed
            assert expected is not None or row.problem == NOT_TEXT


@pytest.mark.parametrize("kind", [".csv", ".tsv", ".jsonl", ".csv.gz", ".parquet"])
def test_a_damaged_file_gives_rows_or_one_sentence(tmp_path, fuzz_seeds, kind):
    """Each row comes once wherever reading begins, or the file is refused as a whole."""
    good = "".join(f'{n},"好 {n}"\n' for n in range(30))
    if kind == ".parquet":
        pyarrow = pytest.importorskip("pyarrow")
        file = io.BytesIO()
        texts = [f"好 {n}" for n in range(30)]
        table = pyarrow.table({"id": texts, "text": texts})
        pytest.importorskip("pyarrow.parquet").write_table(table, file, row_group_size=7)
        whole = file.getvalue()
    elif kind == ".jsonl":
        whole = "".join(f'{{"id": {n}, "text": "好"}}\n' for n in range(30)).encode()
    else:
        whole = ("id,text\n" + good).replace(",", "\t" if kind == ".tsv" else ",").encode()
        whole = gzip.compress(whole, mtime=0) if kind == ".csv.gz" else whole
    path = tmp_path / f"a{kind}"
    refused = accepted = 0
    for seed in fuzz_seeds(40):
        draw = random.Random(seed)
        content = bytearray(whole)
        for _ in range(draw.randrange(1, 4)):
            content[draw.randrange(len(content))] = draw.randrange(256)
        path.write_bytes(content[: draw.choice([None, draw.randrange(len(content))])])
        try:
            rows = list(open_rows(path, Columns("text", "id")).rows())
            _, parts = plan([str(path)], Columns("text", "id"), 4)
        except (OSError, ValueError) as error:
            refused += f"a{kind}" in str(error)
            continue
        reader = open_rows(path, Columns("text", "id"))
        for part in reversed(parts):
            again = itertools.islice(reader.rows(part.first, part.offset), part.rows)
            assert list(again) == rows[part.first : part.first + part.rows], seed
        accepted += 1
    assert refused + accepted == len(fuzz_seeds(40))  # each refusal names the file
