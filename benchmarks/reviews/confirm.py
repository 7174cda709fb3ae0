"""Runs once, at the end: the methods on networks and corpora that no choice was made on.

Eight networks trained the usual way, three corpora from files of one's own, three seeds. Each
method is held against Integrated Gradients from both baselines on the same texts; on texts of at
most 30 words also against the ceiling, the order that a beam search finds best. Every network's
figures are kept in a file of their own in `--work`, so that an interrupted run resumes.

    python benchmarks/reviews/confirm.py
        --corpus cosmetics=FILE.jsonl treebank=FOLDER car-views=FOLDER
        [--texts 200] [--short-texts 60] [--seeds 0 1 2] [--networks NAME …] [--finished]
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).parents[2]))  # where `benchmarks` is

from benchmarks.reviews.confirm_tables import confirm_text
from benchmarks.reviews.corpora import READERS
from benchmarks.reviews.paired import FLOOR, against, share_of_way
from benchmarks.reviews.usual_networks import (
    NETWORKS,
    PADDING,
    UNKNOWN,
    Network,
    Trained,
    batches,
    train_network,
)
from captum_rnn.benchmark.any_model import compare
from captum_rnn.benchmark.comparison import Comparison
from captum_rnn.benchmark.cost import single_thread
from captum_rnn.benchmark.environment import machine, versions
from captum_rnn.benchmark.methods import QUICK_METHODS, ExplainedModel
from captum_rnn.benchmark.methods.ceiling import MOST_TOKENS
from captum_rnn.benchmark.records import to_json
from captum_rnn.files import write_text
from captum_rnn.text.corpus import Corpus

RIVALS = ("integrated-gradients", "integrated-gradients-word")
COMPARED = (*QUICK_METHODS, "recurrent-deep-lift-word", "integrated-gradients-word")
SHORT_METHODS = (
    *(name for name in COMPARED if name not in ("word-lexicon", "recurrent-deep-lift-word")),
    "recurrent-shapley-converged",
    "ceiling",
    "ceiling-sufficiency",
)
MEASURES = ("comprehensiveness", "sufficiency", "spearman_leave_one_out")


def confirm_network(
    network: Network, corpus: Corpus, seed: int, options: argparse.Namespace
) -> dict[str, Any]:
    """All figures of one network, without those of the single texts."""
    trained = train_network(network, corpus, seed=seed)
    explained = trained.explained[: options.texts]
    whole = _compared(trained, explained, COMPARED)
    return {
        "network": network.name,
        "gated": network.is_gated,
        "corpus": corpus.name,
        "seed": seed,
        "accuracy": trained.accuracy,
        "texts": len(explained),
        "methods": _figures(whole),
        **_on_short_texts(trained, options.short_texts),
    }


def completed(
    record: dict[str, Any], network: Network, corpus: Corpus, seed: int, short_texts: int
) -> dict[str, Any]:
    """The same with the methods on whole texts that it lacks, on the network trained again.

    If it has fewer short texts than are asked for, it is asked about all of them again.

    Raises:
        ValueError: It is not the same network again.
    """
    missing = [name for name in COMPARED if name not in record["methods"]]
    asks_again = record["short_texts"] < short_texts
    if not missing and not asks_again:
        return record
    trained = train_network(network, corpus, seed=seed)
    _check_same("accuracy", trained.accuracy, record["accuracy"], record)
    if asks_again:
        record = {**record, **_on_short_texts(trained, short_texts)}
    if not missing:
        return record
    texts = trained.explained[: record["texts"]]
    found = _figures(_compared(trained, texts, (*missing, *RIVALS, FLOOR)))
    for rival in RIVALS:
        now, before = (
            methods[rival]["comprehensiveness"]["mean"] for methods in (found, record["methods"])
        )
        _check_same(rival, now, before, record)
    known = {**record["methods"], **{name: found[name] for name in missing}}
    return {**record, "methods": {name: known[name] for name in COMPARED}}


def _check_same(what: str, now: float, before: float, record: dict[str, Any]) -> None:
    if abs(now - before) > 1e-4:
        raise ValueError(
            f"{record['network']} on {record['corpus']}, seed {record['seed']}: {what} is "
            f"{now:.5f} where it was {before:.5f}, so that this is another network; delete its "
            "file and run again"
        )


def _on_short_texts(trained: Trained, number: int) -> dict[str, Any]:
    """The methods beside the ceiling, on texts that a search can order."""
    short = [ids for ids in trained.explained if len(ids) <= MOST_TOKENS][:number]
    found = _figures(_compared(trained, short, SHORT_METHODS), "ceiling")
    return {"short_texts": len(short), "short": found}


def _compared(trained: Trained, texts: Sequence[list[int]], methods: Sequence[str]) -> Comparison:
    model = trained.model
    return compare(
        ExplainedModel(
            model,
            model.embedding,
            model.layer,
            pad_id=PADDING,
            neutral_id=UNKNOWN,
            readout="mean" if model.pooling == "mean" else "final",
        ),
        batches(texts),
        methods=methods,
        metrics=["deletion"],
        background=batches(trained.background),
        show_progress=sys.stderr.isatty(),
    )


def _figures(comparison: Comparison, ceiling: str | None = None) -> dict[str, Any]:
    methods = comparison.methods
    return {
        name: {
            "error": method.error,
            "forwards": method.cost.forwards if method.cost else None,
            **{key: to_json(method.measures[key]) for key in MEASURES if key in method.measures},
            "against": {
                rival: against(methods, name, ("comprehensiveness",), 0, rival)
                for rival in (*RIVALS, FLOOR)
            },
            **({} if ceiling is None else _shares(methods, name)),
        }
        for name, method in methods.items()
    }


def _shares(methods: Mapping[str, Any], name: str) -> dict[str, float | None]:
    return {
        "share": share_of_way(methods, name, "comprehensiveness", "ceiling"),
        "share_of_sufficiency": share_of_way(methods, name, "sufficiency", "ceiling-sufficiency"),
    }


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Runs what is not in the folder `--work` yet, and puts all of it together."""
    options.work.mkdir(parents=True, exist_ok=True)
    found = []
    for name, path in options.corpus.items():
        corpus = READERS[name](path)
        for seed in options.seeds:
            for network in (n for n in NETWORKS if n.name in options.networks):
                found.append(_record(network, corpus, seed, options))
    with single_thread():
        measured_on = machine(torch.device("cpu"))
    return {
        "date": date.today().isoformat(),
        "machine": measured_on,
        "versions": versions(),
        "networks": [record for record in found if record is not None],
    }


def _record(
    network: Network, corpus: Corpus, seed: int, options: argparse.Namespace
) -> dict[str, Any] | None:
    """A network's figures, as far as they stand in `--work`; None: there are none to be had."""
    file = options.work / f"{corpus.name}-{network.name}-{seed}-{options.texts}.json"
    known = json.loads(file.read_text(encoding="utf-8")) if file.exists() else None
    if options.finished:
        return known
    with single_thread():
        if known is None:
            record = confirm_network(network, corpus, seed, options)
        else:
            record = completed(known, network, corpus, seed, options.short_texts)
    if record != known:
        write_text(json.dumps(record), file)
        print(f"{file.stem}: accuracy {record['accuracy']:.3f}", flush=True)
    return record


def _rounded(value: Any) -> Any:
    """The same with five decimals of each number: a quarter of the file."""
    if isinstance(value, float):
        return round(value, 5)
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    return [_rounded(inner) for inner in value] if isinstance(value, list) else value


def _named_path(given: str) -> tuple[str, Path]:
    corpus, _, path = given.partition("=")
    if corpus not in READERS or not path:
        raise argparse.ArgumentTypeError(
            f"{given!r} is not CORPUS=PATH with one of {', '.join(READERS)}"
        )
    return corpus, Path(path)


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the networks and writes confirm.json and confirm.txt."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--corpus", nargs="+", type=_named_path, required=True, metavar="CORPUS=PATH"
    )
    names = [network.name for network in NETWORKS]
    parser.add_argument("--networks", nargs="+", default=names, choices=names, metavar="NAME")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--texts", type=int, default=200)
    parser.add_argument("--short-texts", type=int, default=60)
    parser.add_argument("--work", type=Path, default=Path("confirm-work"))
    parser.add_argument(
        "--finished", action="store_true", help="run nothing; put together what is in --work"
    )
    parser.add_argument("--output", type=Path, default=Path(__file__).with_name("confirm.json"))
    options = parser.parse_args(arguments)
    options.corpus = dict(options.corpus)
    results = _rounded(run(options))
    text = confirm_text(results)
    write_text(json.dumps(results, separators=(",", ":")) + "\n", options.output)
    write_text(text, options.output.with_suffix(".txt"))
    print(text)


if __name__ == "__main__":
    main()
