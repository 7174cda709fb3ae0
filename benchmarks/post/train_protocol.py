"""Trains a classifier by the protocol of the post that introduced hidden-state delta.

Copies stay in, the vocabulary counts all rows, 15,000 random rows train an LSTM for 5 epochs and
the rest validates it. More than a quarter of the validation rows then stand in the training rows
too, so the same is done once more after all copies were dropped.

    python benchmarks/post/train_protocol.py FOLDER [--seed 0]

FOLDER holds neg.xls and pos.xls, the post's corpus, which is not part of this repository.
"""

import argparse
import json
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

import torch

from captum_rnn.benchmark.environment import machine, versions
from captum_rnn.text import Corpus, TrainingSettings, Vocabulary, load_corpus
from captum_rnn.text.training import tokenize_all, train_on

TRAINING_ROWS = 15_000
SOURCE = 'Su Jianlin (2017), "RNN模型中输入的重要性的评估", Scientific Spaces, archives/4582'


def measure(corpus: Corpus, settings: TrainingSettings) -> dict[str, Any]:
    """Trains on 15,000 random rows of the corpus and validates on the others."""
    order = torch.randperm(
        len(corpus), generator=torch.Generator().manual_seed(settings.seed)
    ).tolist()
    rows = [corpus.reviews[position] for position in order]
    training, validation = rows[:TRAINING_ROWS], rows[TRAINING_ROWS:]
    vocabulary = Vocabulary.from_texts(
        tokenize_all(corpus.reviews, show_progress=True), minimum_count=settings.minimum_count
    )
    classifier = train_on(
        training, corpus.classes, settings, vocabulary=vocabulary, show_progress=True
    )
    accuracy = classifier.accuracy(validation)
    seen = {review.text for review in training}
    return {
        "rows": len(corpus),
        "training_rows": len(training),
        "validation_rows": len(validation),
        "validation_rows_seen_in_training": sum(review.text in seen for review in validation),
        "vocabulary": len(vocabulary),
        **accuracy.to_dict(),
        "printed": str(accuracy),
    }


def main() -> None:
    """Measures both ways, prints and saves them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=Path(__file__).with_name("results.json"))
    options = parser.parse_args()
    corpus, settings = load_corpus(options.folder), TrainingSettings(seed=options.seed)
    results = {
        "copies kept, as in the post": measure(corpus, settings),
        "copies dropped before the split": measure(corpus.distinct(), settings),
    }
    for name, result in results.items():
        print(f"validation accuracy, {name}: {result.pop('printed')}")
    content = {
        "source": SOURCE,
        "date": date.today().isoformat(),
        "machine": machine(torch.device("cpu")),
        "versions": versions(),
        "settings": asdict(settings),
        "results": results,
    }
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(
        json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8"
    )
    print(f"saved to {options.output}")


if __name__ == "__main__":
    main()
