"""Trains the classifier that comes with the package, and prints its held-out accuracy.

The accuracy is measured on the weights as they are stored, in half precision, and recorded with
the machine and the date in the model's config.json. Two runs on one machine with as many threads
give the same file.

    python benchmarks/post/train_shipped_model.py [--output src/captum_rnn/text/shipped]
"""

import argparse
import shutil
import tempfile
from dataclasses import replace
from datetime import date
from pathlib import Path

import torch

from captum_rnn.benchmark.environment import machine, versions
from captum_rnn.text import TextClassifier, held_out_reviews, load_corpus, train

SHIPPED = Path(__file__).resolve().parents[2] / "src" / "captum_rnn" / "text" / "shipped"


def main() -> None:
    """Trains, stores, measures what was stored, and puts it in place."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--output", type=Path, default=SHIPPED)
    options = parser.parse_args()
    corpus = load_corpus()
    with tempfile.TemporaryDirectory() as folder:
        train(corpus, show_progress=True).save(folder, half_precision=True)
        stored = TextClassifier.load(folder)
        accuracy = stored.accuracy(held_out_reviews(stored.trained_on, corpus))
        record = {
            **stored.trained_on,
            "held_out": accuracy.to_dict(),
            "date": date.today().isoformat(),
            "machine": machine(torch.device("cpu")),
            "versions": versions(),
        }
        replace(stored, trained_on=record).save(folder, half_precision=True)
        options.output.mkdir(parents=True, exist_ok=True)
        # File by file: the output folder also holds a README.
        for file in Path(folder).iterdir():
            shutil.copyfile(file, options.output / file.name)
    print(f"held-out accuracy {accuracy}")
    print(f"{record['machine']}, {record['date']}\nwritten: {options.output}")


if __name__ == "__main__":
    main()
