"""Characters as ids: 0 is padding, 1 every character that is not known."""

from collections.abc import Iterable

from torch import Tensor

from captum_rnn.text.batching import pad_ids
from captum_rnn.text.vocabulary import Vocabulary

UNKNOWN_CHARACTER = "\ufffd"
_UNKNOWN_ID = 1


def character_vocabulary(texts: Iterable[str], *, minimum_count: int = 2) -> Vocabulary:
    """Collects the characters that occur often enough, behind one that stands for all others.

    A classifier may skip an unknown word; a tagger cannot, for each character has a tag. Blanks
    count as unknown.

    Args:
        texts: The texts.
        minimum_count: How often a character has to occur over all texts, 1 or more.

    Raises:
        ValueError: `minimum_count` is below 1, or no character occurs that often.

    Example:
        >>> character_vocabulary(["很好", "很差"]).words
        ('�', '很')
    """
    counted = Vocabulary.from_texts(texts, minimum_count=minimum_count)
    known = tuple(word for word in counted.words if word != UNKNOWN_CHARACTER)
    return Vocabulary((UNKNOWN_CHARACTER, *known))


def encode_characters(vocabulary: Vocabulary, texts: Iterable[str]) -> Tensor:
    """The ids of each text's characters (batch, time), zeros after the end of each.

    Args:
        vocabulary: From `character_vocabulary`.
        texts: The texts.

    Example:
        >>> encode_characters(character_vocabulary(["很好", "很差"]), ["很好。", "很"])
        tensor([[2, 1, 1],
                [2, 0, 0]])
    """
    return pad_ids([[vocabulary.ids.get(c, _UNKNOWN_ID) for c in text] for text in texts])
