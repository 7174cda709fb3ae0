"""What `confirm.py` found, as Markdown: one table a corpus, the ceiling, and claims by network."""

from collections.abc import Iterable, Sequence
from statistics import median
from typing import Any

from benchmarks.reviews.cells import differences, label_of, mean_of, table
from benchmarks.reviews.summary import between
from captum_rnn.benchmark.methods import METHODS

ZERO, WORD = "integrated-gradients", "integrated-gradients-word"
DEEP_LIFT, DEEP_LIFT_WORD = "recurrent-deep-lift", "recurrent-deep-lift-word"
SHAPLEY = "recurrent-shapley"
CONVERGED = "recurrent-shapley-converged"

Record = dict[str, Any]


def confirm_text(results: Record) -> str:
    """All tables, one below the other."""
    networks = results["networks"]
    parts = ["### All networks", overview(networks), claims(networks), accuracies(networks)]
    for corpus in dict.fromkeys(record["corpus"] for record in networks):
        of_corpus = [record for record in networks if record["corpus"] == corpus]
        parts += [
            f"### {corpus}",
            against_table(of_corpus, ZERO),
            against_table(of_corpus, WORD),
        ]
    parts += ["### The ceiling", ceiling_table(networks)]
    return "\n\n".join(parts) + "\n"


def overview(networks: Sequence[Record]) -> str:
    """One row a method: how often it is measurably above or below each rival, and three medians."""
    rows = []
    for method in networks[0]["methods"]:
        found = [record["methods"][method] for record in networks]
        signs = {
            rival: [_sign(record, method, rival) for record in networks] for rival in (ZERO, WORD)
        }
        rows.append(
            [
                label_of(method, "spearman"),
                *(
                    "–" if method == rival else f"{of.count(1)} / {of.count(-1)}"
                    for rival, of in signs.items()
                ),
                _median((record["short"].get(method, {}).get("share") for record in networks), 2),
                _median((mean_of(one, "spearman_leave_one_out") for one in found), 2),
                _median((one["forwards"] for one in found), 1),
            ]
        )
    head = [
        "method",
        f"above / below {METHODS[ZERO].label}",
        f"above / below {METHODS[WORD].label}",
        "way to the ceiling",
        "Spearman with leave-one-out",
        "× one forward",
    ]
    return (
        f"On how many of {len(networks)} networks a method's comprehensiveness is measurably above "
        "and below that of Integrated Gradients with 50 points, from the zero vector and from the "
        "unknown word; and medians over the networks: the share of the way from random scores to "
        "the best order that a beam search finds (texts of at most 30 words), the rank correlation "
        "with exact leave-one-out, and the cost, measured while other work ran:\n\n"
        f"{table(head, rows)}"
    )


def accuracies(networks: Sequence[Record]) -> str:
    """Accuracy on held-out texts, the mean of both classes' shares, seed by seed."""
    corpora = list(dict.fromkeys(record["corpus"] for record in networks))
    rows = [
        [
            name,
            *(
                ", ".join(f"{r['accuracy']:.3f}" for r in networks if _is_of(r, name, corpus))
                for corpus in corpora
            ),
        ]
        for name in _names(networks)
    ]
    return (
        "Accuracy on held-out texts (mean of both classes), seed by seed:\n\n"
        f"{table(['network', *corpora], rows)}"
    )


def against_table(networks: Sequence[Record], rival: str) -> str:
    """Paired differences of comprehensiveness, one column a network, one figure a seed."""
    names = _names(networks)
    rows = []
    for method in networks[0]["methods"]:
        cells = []
        for name in names:
            found = [
                r["methods"][method]["against"][rival] for r in networks if r["network"] == name
            ]
            cells.append(differences(f["comprehensiveness"] for f in found if f))
        rows.append([METHODS[method].label, *cells])
    return (
        f"Comprehensiveness minus that of {METHODS[rival].label} (50 points), paired, seed by "
        f"seed, * where the 95 % interval leaves out zero:\n\n{table(['method', *names], rows)}"
    )


def ceiling_table(networks: Sequence[Record]) -> str:
    """Each method's share of the way from random scores to the ceiling, over all networks."""
    rows = []
    for method in networks[0]["short"]:
        found = [record["short"][method] for record in networks]
        rows.append(
            [
                METHODS[method].label,
                between((one["share"] for one in found), "{:.0%}"),
                between((one["share_of_sufficiency"] for one in found), "{:.0%}"),
                between((one["forwards"] for one in found), "{:.1f}"),
            ]
        )
    head = ["method", "comprehensiveness", "sufficiency", "× one forward"]
    return (
        "Texts of at most 30 words: the share of the way from random scores to the best order that "
        "a beam search finds, the least and the greatest over all networks, and the cost:\n\n"
        f"{table(head, rows)}"
    )


def claims(networks: Sequence[Record]) -> str:
    """On how many networks each claim holds, measured against both baselines."""
    gated = [record for record in networks if record["gated"]]
    better = [r for r in networks if _sign(r, CONVERGED, ZERO, "short") > 0]
    rows = []
    for method, rival in ((DEEP_LIFT, ZERO), (DEEP_LIFT_WORD, WORD), (DEEP_LIFT, WORD)):
        names = METHODS[method].label, METHODS[rival].label
        signs = [_sign(record, method, rival) for record in gated]
        for words, holds in (
            ("not measurably below", [sign >= 0 for sign in signs]),
            ("measurably above", [sign > 0 for sign in signs]),
        ):
            claim = f"{names[0]}: {words} {names[1]}, gated networks"
            rows.append(_claim(claim, gated, holds))
    for rival in (ZERO, WORD):
        claim = f"Shapley values: not measurably below {METHODS[rival].label}"
        of_all = [_sign(record, SHAPLEY, rival) for record in networks]
        rows.append(_claim(claim, networks, [sign >= 0 for sign in of_all]))
    rows.append(
        _claim(
            "Shapley values: measurably above Integrated Gradients where the converged ones are "
            "(texts of at most 30 words)",
            better,
            [_sign(record, SHAPLEY, ZERO, "short") > 0 for record in better],
        )
    )
    return table(["claim", "holds on", "not on"], rows)


def _claim(claim: str, networks: Sequence[Record], holds: Sequence[bool]) -> list[str]:
    fails = [
        f"{record['network']} ({record['corpus']}, {record['seed']})"
        for record, holds_here in zip(networks, holds, strict=True)
        if not holds_here
    ]
    return [claim, f"{len(networks) - len(fails)} of {len(networks)}", ", ".join(fails) or "–"]


def _sign(record: Record, method: str, rival: str, part: str = "methods") -> int:
    """Whether a method is measurably above (1) or below (−1) another; failing counts as below."""
    found = record[part][method]["against"][rival]
    if not found:
        return -1
    difference = found["comprehensiveness"]
    return int(difference["low"] > 0) - int(difference["high"] < 0)


def _median(given: Iterable[float | None], digits: int) -> str:
    values = [value for value in given if value is not None]
    return f"{median(values):.{digits}f}".replace("-", "−") if values else "–"


def _names(networks: Iterable[Record]) -> list[str]:
    return list(dict.fromkeys(record["network"] for record in networks))


def _is_of(record: Record, name: str, corpus: str) -> bool:
    return (record["network"], record["corpus"]) == (name, corpus)
