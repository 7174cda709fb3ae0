"""How every page of this package is filled in: Jinja2 templates that escape what they are given."""

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from captum_rnn.visualization.tokens import visible

if TYPE_CHECKING:
    from jinja2 import Environment

_FOLDER = "templates"


@cache
def template_environment(package: str) -> "Environment":
    """The templates of a package, with autoescape; a name that a template is not given is an error.

    There is one for each package; filters and globals that are added to it stay.

    Strings that are not `Markup` are shown with signs for what does not print. Of a blank string
    only the filter `visible` makes signs, for there are blank strings that are meant.

    Args:
        package: Full name of the package, with a folder `templates`.
    """
    # Imported with the first page, for most commands write none.
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader(package, _FOLDER),
        autoescape=True,
        finalize=_shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["visible"] = visible
    return environment


def template_file(package: str, name: str) -> str:
    """The text of a style sheet or script in a package's folder `templates`.

    Args:
        package: Full name of the package.
        name: Name of the file.
    """
    return (files(package) / _FOLDER / name).read_text(encoding="utf-8")


def _shown(value: Any) -> Any:
    is_text = isinstance(value, str) and not hasattr(value, "__html__") and value.strip()
    return visible(value) if is_text else value
