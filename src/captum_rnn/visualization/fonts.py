"""Fonts that draw Chinese, Japanese and Korean in figures."""

import contextlib
import functools
import importlib.util
import re
import warnings
from collections.abc import Iterator
from pathlib import Path

from captum_rnn.extras import install_hint

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


@contextlib.contextmanager
def readable_text(*texts: str) -> Iterator[None]:
    """Lets matplotlib draw Chinese, Japanese and Korean inside a `with` block.

    Make and save figures in it. Latin text keeps matplotlib's own font; for what that lacks,
    matplotlib falls back to Noto Sans SC of the extra `benchmark`, then to such fonts of the
    system, and warns of each character that none of them has. The font of the extra has no Korean
    syllables.

    Args:
        texts: What the figure will show.

    Warns:
        UserWarning: A text holds such characters, and none of the fonts is installed.
    """
    import matplotlib as mpl

    with mpl.rc_context({"font.family": font_family(*texts)}):
        yield


def font_family(*texts: str) -> list[str]:
    """The fonts that draw these texts: matplotlib's own, then what `readable_text` names.

    For texts on Axes that somebody else made, and will save outside `readable_text`.

    Args:
        texts: What will be shown.

    Returns:
        Names for a matplotlib text's `fontfamily`.

    Warns:
        UserWarning: As `readable_text`.
    """
    import matplotlib as mpl

    family = list(mpl.rcParams["font.family"])
    if _CJK.search("".join(texts)):
        family += [font for font in cjk_fonts() if font not in family]
        if not cjk_fonts():
            warnings.warn(
                "no font for Chinese, Japanese or Korean is installed; "
                + install_hint("benchmark"),
                stacklevel=3,
            )
    return family


@functools.cache
def cjk_fonts() -> tuple[str, ...]:
    """Names of the fonts for Chinese, Japanese or Korean that matplotlib can use.

    Returns:
        The fonts' family names, that of the extra `benchmark` first; none if neither the extra nor
        the system has one.
    """
    from matplotlib import font_manager

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
