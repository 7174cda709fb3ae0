"""Packages that only an extra installs, and the sentence that says how to install it."""

import importlib
from typing import Any


def import_extra(module: str, extra: str, purpose: str) -> Any:
    """Imports what only an extra installs.

    Args:
        module: Such as `"scipy.stats"`.
        extra: The extra of captum-rnn that it belongs to.
        purpose: What needs it, to begin the message with.

    Raises:
        ImportError: It is not installed, or broken; the message says how to install it.

    Example:
        >>> import_extra("no_such_package.part", "benchmark", "a test")
        Traceback (most recent call last):
        ...
        ImportError: a test needs the package no_such_package, which is not installed; run pip
        install '.[benchmark]' in a clone, else pip install 'captum-rnn[benchmark]'
    """
    package = module.partition(".")[0]
    try:
        return importlib.import_module(module)
    except Exception as error:  # whatever a damaged installation does
        if isinstance(error, ModuleNotFoundError) and f"{module}.".startswith(f"{error.name}."):
            raise missing_extra(package, extra, purpose) from error
        raise ImportError(
            f"{purpose} needs the package {package}, which is installed but cannot be imported "
            f"({type(error).__name__}: {error}); uninstall it, then {install_hint(extra)}"
        ) from error


def missing_extra(package: str, extra: str, purpose: str) -> ImportError:
    """The error that says that a package of an extra is not installed; see `import_extra`."""
    return ImportError(
        f"{purpose} needs the package {package}, which is not installed; {install_hint(extra)}"
    )


def install_hint(extra: str) -> str:
    """How an extra is installed, from a clone and from an index."""
    return f"run pip install '.[{extra}]' in a clone, else pip install 'captum-rnn[{extra}]'"
