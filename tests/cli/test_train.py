import json

from captum_rnn.cli import main
from captum_rnn.text.pipeline import TextClassifier


def test_train_prints_the_recorded_accuracy_and_the_folder(trained):
    folder, printed = trained
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    held_out = config["trained_on"]["held_out"]
    first, second = printed.splitlines()
    assert first == (
        f"held-out accuracy {held_out['accuracy']:.3f} (95 % interval {held_out['low']:.3f}-"
        f"{held_out['high']:.3f}, 9 texts)"
    )
    assert second == f"written: {folder}"


def test_train_passes_its_options_on(trained):
    classifier = TextClassifier.load(trained[0])
    settings = classifier.trained_on["settings"]
    assert (settings["kind"], settings["epochs"], settings["seed"]) == ("gru", 20, 3)
    assert classifier.trained_on["corpus"] == "hotels.csv"


def test_a_corpus_that_is_not_there(tmp_path, capsys):
    argv = ["train", "--corpus", str(tmp_path / "no.csv"), "--output", str(tmp_path / "model")]
    assert main(argv) == 2
    assert "no.csv does not exist" in capsys.readouterr().err
    assert not (tmp_path / "model").exists()
