import json
import os
import pickle

import pytest
import torch
from safetensors.torch import load_file, save_file

from captum_rnn.text import storage
from captum_rnn.text.classifier import RecurrentClassifier
from captum_rnn.text.config import ModelConfig
from captum_rnn.text.storage import load_folder, save_folder
from captum_rnn.text.vocabulary import Vocabulary

WORDS = Vocabulary(("很", "好", "差"))
IDS = torch.tensor([[1, 2, 0], [3, 0, 0]])


def parts(kind="lstm", **shape):
    model = RecurrentClassifier(3, 2, kind, embedding_dim=4, hidden_size=5, **shape).eval()
    return model, WORDS, ModelConfig(model.architecture, ("差评", "好评"), 7, {"corpus": "tiny"})


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "model"
    save_folder(path, *parts())
    return path


@pytest.mark.parametrize(
    "shape",
    [
        *({"kind": kind} for kind in ("lstm", "gru", "rnn")),
        {"kind": "gru", "bidirectional": True, "layers": 2, "pooling": "mean"},
    ],
)
def test_what_was_saved_comes_back(tmp_path, shape):
    model, vocabulary, config = parts(**shape)
    save_folder(tmp_path / "deep" / "model", model, vocabulary, config)
    assert os.listdir(tmp_path / "deep") == ["model"]
    loaded, *rest = load_folder(tmp_path / "deep" / "model")
    assert rest == [vocabulary, config]
    assert torch.equal(loaded(IDS), model(IDS))
    assert not loaded.training
    assert all(weights.requires_grad for weights in loaded.parameters())


def test_half_precision_halves_the_file_and_rounds_the_weights(tmp_path):
    model, vocabulary, config = parts()
    save_folder(tmp_path / "half", model, vocabulary, config, half_precision=True)
    stored = load_file(tmp_path / "half" / "model.safetensors")
    assert {weights.dtype for weights in stored.values()} == {torch.float16}
    loaded, _, _ = load_folder(tmp_path / "half")
    for name, weights in loaded.state_dict().items():
        assert torch.equal(weights, model.state_dict()[name].half().float())


def test_a_loaded_model_can_be_trained_on(folder):
    model, _, _ = load_folder(folder)
    before = model.rnn.weight_ih_l0.clone()
    model(IDS).sum().backward()
    torch.optim.SGD(model.parameters(), lr=1.0).step()
    assert not torch.equal(model.rnn.weight_ih_l0, before)


def test_an_older_model_is_replaced(folder):
    model, vocabulary, config = parts("gru")
    save_folder(folder, model, vocabulary, config)
    loaded, _, _ = load_folder(folder)
    assert loaded.architecture["kind"] == "gru"
    assert os.listdir(folder.parent) == ["model"]


def test_other_files_are_never_replaced(folder):
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(FileExistsError, match=r"other files than a model's \(notes\.txt\)"):
        save_folder(folder, *parts("gru"))
    assert (folder / "notes.txt").read_text() == "mine"
    assert load_folder(folder)[0].architecture["kind"] == "lstm"


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(FileExistsError, match="file is a file"):
        save_folder(tmp_path / "file", *parts())
    with pytest.raises(OSError, match=r"the model cannot be written to .*model .*name a folder"):
        save_folder(tmp_path / "file" / "model", *parts())
    assert (tmp_path / "file").read_text() == "mine"


def test_a_failure_on_the_way_leaves_nothing_and_the_old_model_whole(folder, monkeypatch):
    def full_disk(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(storage, "save_file", full_disk)
    for target in (folder, folder.parent / "new"):
        with pytest.raises(OSError, match=r"cannot be written .*No space left"):
            save_folder(target, *parts("gru"))
    assert os.listdir(folder.parent) == ["model"]
    assert load_folder(folder)[0].architecture["kind"] == "lstm"


def test_a_failure_at_the_last_step_brings_the_old_model_back(folder, monkeypatch):
    rename = os.replace

    def fails_on_the_new_one(source, target):
        if source.name == "new":
            raise PermissionError(13, "Permission denied")
        rename(source, target)

    monkeypatch.setattr(os, "replace", fails_on_the_new_one)
    with pytest.raises(OSError, match="Permission denied"):
        save_folder(folder, *parts("gru"))
    assert os.listdir(folder.parent) == ["model"]
    assert load_folder(folder)[0].architecture["kind"] == "lstm"


@pytest.mark.parametrize("name", storage.MODEL_FILES)
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(FileNotFoundError, match=rf"is no model folder: {name} missing"):
        load_folder(folder)


def test_a_missing_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match="no is no model folder"):
        load_folder(tmp_path / "no")


@pytest.mark.parametrize("name", storage.MODEL_FILES)
@pytest.mark.parametrize("share", [0.0, 0.3, 0.95])
def test_a_truncated_file_is_named(folder, name, share):
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: int(share * len(content))])
    with pytest.raises(ValueError, match=name):
        load_folder(folder)


class Trap:
    """Touches a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def pickled(path, trap):
    path.write_bytes(pickle.dumps(trap))


def torch_saved(path, trap):
    torch.save({"head.weight": trap}, path)


@pytest.mark.parametrize("name", storage.MODEL_FILES)
@pytest.mark.parametrize("write", [pickled, torch_saved])
def test_nothing_is_unpickled(folder, name, write):
    write(folder / name, Trap(folder / "sprung"))
    with pytest.raises(ValueError, match=name):
        load_folder(folder)
    assert not (folder / "sprung").exists()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"hidden_size": 6}, r"\(20, 4\) as rnn\.weight_ih_l0 where config\.json says \(24, 4\)"),
        ({"kind": "gru"}, r"\(20, 4\) as rnn\.weight_ih_l0 where config\.json says \(15, 4\)"),
        ({"hidden_size": 10**6}, r"where config\.json says \(4000000, 4\)"),
        ({"hidden_size": 10**9}, r"config\.json describes no classifier"),
        ({"hidden_size": 0}, r"config\.json describes no classifier .*\(3, 4, 0, 1\)"),
        ({"embedding_dim": 2**62}, r"config\.json"),
        ({"layers": 2}, r"says 2 layers, which model\.safetensors has not"),
        ({"layers": 10**9}, r"says 1000000000 layers"),
        ({"layers": 0}, r"config\.json describes no classifier"),
        ({"bidirectional": True}, r"no weights as rnn\.weight_ih_l0_reverse"),
        ({"pooling": "sum"}, r"config\.json describes no classifier .*'sum'"),
        ({"kind": "transformer"}, r"config\.json describes no classifier .*'transformer'"),
        ({"dropout": 2.0}, r"config\.json describes no classifier"),
        ({"vocabulary_size": 4}, r"vocabulary\.txt has 3 words where config\.json says 4"),
    ],
)
def test_a_config_that_does_not_fit_the_weights(folder, change, reason):
    content = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    content["model"] |= change
    (folder / "config.json").write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(ValueError, match=reason):
        load_folder(folder)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda weights: weights.pop("head.bias"), "no weights as head.bias"),
        (lambda weights: weights.update(more=torch.zeros(2)), r"\(2,\) as more .* says none"),
    ],
)
def test_weights_of_another_model(folder, change, reason):
    weights = load_file(folder / "model.safetensors")
    change(weights)
    save_file(weights, folder / "model.safetensors")
    with pytest.raises(ValueError, match=reason):
        load_folder(folder)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_neither_read_nor_written(folder, value):
    weights = load_file(folder / "model.safetensors")
    weights["head.weight"][0, 0] = value
    save_file(weights, folder / "model.safetensors")
    with pytest.raises(ValueError, match=r"head\.weight of .* hold NaN or infinity"):
        load_folder(folder)
    model, vocabulary, config = parts()
    with torch.no_grad():
        model.head.weight[0, 0] = 1e5  # beyond float16
    save_folder(folder, model, vocabulary, config)
    with pytest.raises(ValueError, match=r"head\.weight of .* hold NaN or infinity"):
        save_folder(folder, model, vocabulary, config, half_precision=True)
    assert load_folder(folder)[0].head.weight[0, 0] == 1e5
