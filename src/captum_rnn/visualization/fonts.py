"""A font that draws Chinese, Japanese and Korean in figures."""

import contextlib
import functools
import importlib.util
import re
import warnings
from collections.abc import Iterator
from pathlib import Path

import matplotlib as mpl
from matplotlib import font_manager

_CJK = re.compile("[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff]")
_PACKAGE = "zhplot"
_IN_PACKAGE = Path("fonts", "NotoSansSC-Regular.ttf")
_INSTALLED = (
    "Noto Sans CJK SC",
    "Noto Sans SC",
    "Source Han Sans SC",
    "WenQuanYi Micro Hei",
    "PingFang SC",
    "Microsoft YaHei",
    "SimHei",
)


@contextlib.contextmanager
def readable_text(*texts: str) -> Iterator[None]:
    """Lets matplotlib draw what the texts hold inside a `with` block; make and save figures in it.

    Latin text keeps matplotlib's own font. Chinese, Japanese and Korean characters are drawn with
    Noto Sans SC from the extra `fonts`, or with such a font of the system.

    Args:
        texts: What the figure will show.

    Warns:
        UserWarning: A text holds such characters and there is no font for them: they are drawn as
            empty boxes.
    """
    family = list(mpl.rcParams["font.family"])
    if _CJK.search("".join(texts)):
        font = cjk_font()
        if font is None:
            warnings.warn(
                "No font for Chinese, Japanese or Korean text was found, so the figure shows empty "
                'boxes instead; install one with: pip install "captum-rnn[fonts]"',
                stacklevel=3,
            )
        else:
            family.append(font)
    with mpl.rc_context({"font.family": family}):
        yield


@functools.cache
def cjk_font() -> str | None:
    """Name of a font for Chinese, Japanese and Korean that matplotlib can use.

    Returns:
        The font's family name; None if neither the extra `fonts` nor the system has one.
    """
    # Importing the package would change matplotlib's settings.
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is not None and spec.origin is not None:
        file = Path(spec.origin).parent / _IN_PACKAGE
        if file.is_file():
            font_manager.fontManager.addfont(file)
            return str(font_manager.FontProperties(fname=file).get_name())
    installed = set(font_manager.get_font_names())
    return next((name for name in _INSTALLED if name in installed), None)
