import pytest

from benchmarks.targets.characters import (
    UNKNOWN_CHARACTER,
    character_vocabulary,
    encode_characters,
)


def test_every_character_of_a_text_has_an_id_but_padding():
    vocabulary = character_vocabulary(["好好", "差差 \n", "  "])
    ids = encode_characters(vocabulary, ["好 罕\n差", "差"])
    assert ids.tolist() == [[2, 1, 1, 1, 3], [3, 0, 0, 0, 0]]


def test_the_unknown_character_in_a_text_is_not_counted_twice():
    vocabulary = character_vocabulary(["好好", UNKNOWN_CHARACTER * 5])
    assert vocabulary.words == (UNKNOWN_CHARACTER, "好")


def test_rare_characters_are_left_out():
    assert "差" not in character_vocabulary(["好好好", "差差"], minimum_count=3).words
    with pytest.raises(ValueError, match="occurs 4 times"):
        character_vocabulary(["好好好", "差差"], minimum_count=4)
