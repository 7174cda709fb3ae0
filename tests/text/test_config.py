import json
import math

import pytest

from captum_rnn.text.config import ModelConfig

ARCHITECTURE = {
    "vocabulary_size": 9,
    "classes": 2,
    "kind": "gru",
    "embedding_dim": 4,
    "hidden_size": 5,
    "dropout": 0.5,
    "bidirectional": True,
    "layers": 2,
    "pooling": "mean",
}
CONFIG = ModelConfig(
    ARCHITECTURE, ("差评", "好评"), 100, {"corpus": "by hand", "seed": 3}, "english"
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "config.json"


def test_what_was_saved_comes_back_and_is_plain_json(path):
    CONFIG.save(path)
    assert ModelConfig.load(path) == CONFIG
    content = json.loads(path.read_text(encoding="utf-8"))
    assert content["model"] == ARCHITECTURE
    assert content["classes"] == ["差评", "好评"]
    assert (content["max_length"], content["trained_on"]["seed"]) == (100, 3)
    assert content["language"] == "english"


def test_a_config_from_before_there_was_a_choice_is_of_the_one_kind_there_was(path):
    CONFIG.save(path)
    content = json.loads(path.read_text(encoding="utf-8"))
    for name in ("bidirectional", "layers", "pooling"):
        del content["model"][name]
    del content["language"]
    path.write_text(json.dumps(content), encoding="utf-8")
    loaded = ModelConfig.load(path)
    assert loaded.language == "chinese"
    assert loaded.architecture == ARCHITECTURE | {
        "bidirectional": False,
        "layers": 1,
        "pooling": "last",
    }


@pytest.mark.parametrize(
    ("place", "value", "reason"),
    [
        (("model",), None, "None as model; expected dict"),
        (("model", "vocabulary_size"), "9", "'9' as vocabulary_size; expected int"),
        (("model", "hidden_size"), True, "True as hidden_size; expected int"),
        (("model", "kind"), 1, "1 as kind; expected str"),
        (("model", "layers"), 1.0, "1.0 as layers; expected int"),
        (("model", "bidirectional"), 0, "0 as bidirectional; expected bool"),
        (("language",), "latin", "'latin' as language; expected one of chinese, english"),
        (("language",), ["chinese"], "as language"),
        (("model", "colour"), "red", "the model entries .*colour"),
        (("classes",), ["a"], "expected 2 strings"),
        (("classes",), ["a", 2], "expected 2 strings"),
        (("classes",), "ab", "'ab' as classes; expected list"),
        (("max_length",), 0, "max_length 0"),
        (("max_length",), 2.5, "2.5 as max_length; expected int"),
        (("trained_on",), [], r"\[\] as trained_on; expected dict"),
    ],
)
def test_a_wrong_entry_is_named(path, place, value, reason):
    CONFIG.save(path)
    content = json.loads(path.read_text(encoding="utf-8"))
    part = content
    for name in place[:-1]:
        part = part[name]
    part[place[-1]] = value
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(ValueError, match=reason) as caught:
        ModelConfig.load(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"{", b"\x80\x02}q\x00.", b"[" * 100_000])
def test_no_json(path, content):
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"is not JSON .*copy the model folder again"):
        ModelConfig.load(path)


@pytest.mark.parametrize("content", ["[]", "3", "null", "{}"])
def test_json_of_another_kind(path, content):
    path.write_text(content)
    with pytest.raises(ValueError, match="None as model"):
        ModelConfig.load(path)


def test_numbers_that_json_has_not_are_refused(path):
    with pytest.raises(ValueError, match="JSON"):
        ModelConfig(ARCHITECTURE, ("a", "b"), 100, {"loss": math.nan}).save(path)
