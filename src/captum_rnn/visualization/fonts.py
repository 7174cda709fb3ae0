"""Fonts that draw Chinese, Japanese and Korean in figures."""

import contextlib
import functools
import importlib.util
import re
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib import font_manager

_HANGUL = re.compile("[\u1100-\u11ff\u3130-\u318f\ua960-\ua97f\uac00-\ud7ff]")
_CJK = re.compile(
    "[\u1100-\u11ff\u2e80-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\uff00-\uffef"
    "\U00020000-\U0003ffff]"
)
_PACKAGE = "zhplot"
_IN_PACKAGE = Path("fonts", "NotoSansSC-Regular.ttf")
# matplotlib before 3.11 knows the fonts of one file by the name of the first, here JP.
_INSTALLED = (
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",
    "Noto Sans SC",
    "Source Han Sans SC",
    "WenQuanYi Micro Hei",
    "PingFang SC",
    "Microsoft YaHei",
    "SimHei",
    "Noto Sans KR",
    "NanumGothic",
    "Apple SD Gothic Neo",
    "Malgun Gothic",
)
_SIGNS_IN_WARNING = 10


@contextlib.contextmanager
def readable_text(*texts: str) -> Iterator[None]:
    """Lets matplotlib draw what the texts hold inside a `with` block; make and save figures in it.

    Latin text keeps matplotlib's own font. Chinese characters and Japanese kana are drawn with Noto
    Sans SC from the extra `fonts`, or with such a font of the system. The font of the extra has no
    Korean syllables: those need a font of the system, such as Noto Sans CJK.

    Args:
        texts: What the figure will show.

    Warns:
        UserWarning: A text holds such characters and none of the fonts has them: they are drawn as
            empty boxes. The warning names them and says what to install.
    """
    family = list(mpl.rcParams["font.family"])
    missing = set(_CJK.findall("".join(texts)))
    for font in (*family, *cjk_fonts()) if missing else ():
        drawn = {sign for sign in missing if _draws(font, sign)}
        missing -= drawn
        if drawn and font not in family:
            family.append(font)
    if missing:
        warnings.warn(_boxes(sorted(missing)), stacklevel=3)
    with mpl.rc_context({"font.family": family}):
        yield


@functools.cache
def cjk_fonts() -> tuple[str, ...]:
    """Names of the fonts for Chinese, Japanese or Korean that matplotlib can use.

    Returns:
        The fonts' family names, that of the extra `fonts` first; none if neither the extra nor the
        system has one.
    """
    installed = set(font_manager.get_font_names())
    of_system = tuple(name for name in _INSTALLED if name in installed)
    # Importing the package would change matplotlib's settings.
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is not None and spec.origin is not None:
        file = Path(spec.origin).parent / _IN_PACKAGE
        if file.is_file():
            font_manager.fontManager.addfont(file)
            return (font_manager.FontProperties(fname=file).get_name(), *of_system)
    return of_system


def _draws(font: str, sign: str) -> bool:
    file = font_manager.findfont(font_manager.FontProperties(family=[font]))
    return font_manager.get_font(file).get_char_index(ord(sign)) != 0


def _boxes(missing: Sequence[str]) -> str:
    """The warning that no font has these characters."""
    shown = "".join(missing[:_SIGNS_IN_WARNING]) + ("…" if missing[_SIGNS_IN_WARNING:] else "")
    advice = 'name a font that has them in matplotlib.rcParams["font.family"]'
    if any(map(_HANGUL.match, missing)):
        advice = (
            'the extra "fonts" has no Korean; install a Korean font on the system, such as Noto '
            f"Sans CJK, or {advice}"
        )
    elif not cjk_fonts():
        advice = 'install one with: pip install "captum-rnn[fonts]"'
    return f"No font has {shown}, so the figure shows empty boxes instead; {advice}"
