"""Raw text into words: Chinese with jieba's default dictionary, English by its whitespace."""

import functools
import logging
import re
import tempfile
import warnings
from collections.abc import Callable
from typing import Literal, get_args

Language = Literal["chinese", "english"]

_LONGEST_RUN = 1_000
# What jieba segments in one go: its own `re_han_default`. All other characters end a run.
_RUN_CHARACTERS = r"\u4E00-\u9FD5a-zA-Z0-9+#&._%\-"
_PIECES = re.compile(rf"[{_RUN_CHARACTERS}]{{1,{_LONGEST_RUN}}}|[^{_RUN_CHARACTERS}]+")
# A number, a word with the apostrophes inside it ("don't"), or one character that is neither.
_ENGLISH_WORDS = re.compile(r"\d+(?:[.,]\d+)+|[^\W_]+(?:'[^\W_]+)*|\S")
_SCRIPTS = {
    "chinese": re.compile("[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"),
    "english": re.compile("[a-zA-Z]"),
}


def is_foreign(text: str, language: Language) -> bool:
    """Whether a text has letters, but none of the language's script.

    Example:
        >>> is_foreign("a good book", "chinese"), is_foreign("5 stars!", "english")
        (True, False)
    """
    script = _SCRIPTS[language]
    return any(map(str.isalpha, text)) and not script.search(text)


def tokenize(text: str, language: Language = "chinese") -> list[str]:
    """Splits a text into words, in reading order.

    Chinese: the words are those of `jieba.lcut(text)` in its default mode, whatever dictionary the
    calling program has loaded into jieba. Punctuation and whitespace are words too, nothing is
    cleaned: joined, the words are the text again. Only a run of more than 1,000 characters without
    punctuation or whitespace is segmented in pieces of 1,000, since jieba's time grows with the
    square of such a run. The first call reads jieba's dictionary, which takes about a second.

    English: words in small letters, split at whitespace, hyphens and other punctuation. An
    apostrophe inside a word stays, so that "don't" is one word; every other sign is a word of its
    own, and whitespace is none.

    Args:
        text: Any text, in any script.
        language: ``"chinese"``, also right for Chinese mixed with others, or ``"english"``.

    Returns:
        The words.

    Raises:
        TypeError: `text` is not a string.
        ValueError: An unknown language.

    Source: jieba 0.42.1, https://github.com/fxsjy/jieba

    Example:
        >>> tokenize("非常好的热水器！")
        ['非常', '好', '的', '热水器', '！']
        >>> tokenize("Don't miss this well-made film.", "english")
        ["don't", 'miss', 'this', 'well', '-', 'made', 'film', '.']
    """
    if not isinstance(text, str):
        raise TypeError(
            f"the text to tokenize is of type {type(text).__name__}; expected one str, such as "
            "one row of a corpus"
        )
    if language not in get_args(Language):
        raise ValueError(
            f"language is {language!r}; expected one of {', '.join(get_args(Language))}"
        )
    if language == "english":
        return _ENGLISH_WORDS.findall(text.replace("’", "'").lower())
    cut = _segmenter()
    return [word for piece in _PIECES.findall(text) for word in cut(piece)]


@functools.cache
def _segmenter() -> Callable[[str], list[str]]:
    """The `lcut` of a jieba segmenter of our own.

    Its dictionary is read afresh: jieba's cache in the shared temporary folder may stem from
    another version or another user.
    """
    with warnings.catch_warnings():
        # jieba's source has invalid escape sequences, and it imports the deprecated pkg_resources.
        warnings.simplefilter("ignore")
        import jieba

    logger = logging.getLogger("jieba")
    was_disabled, logger.disabled = logger.disabled, True
    try:
        segmenter = jieba.Tokenizer()
        with tempfile.TemporaryDirectory() as folder:
            segmenter.tmp_dir = folder
            segmenter.initialize()
    finally:
        logger.disabled = was_disabled
    cut: Callable[[str], list[str]] = segmenter.lcut
    return cut
