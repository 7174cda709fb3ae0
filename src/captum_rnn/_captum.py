"""Captum's private names, all that the package uses: a release that moves one is mended here.

They exist unchanged in every release from 0.6 to 0.9.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

from captum._utils.common import ExpansionTypes
from captum._utils.common import _expand_target as expand_target
from captum._utils.common import _format_additional_forward_args as format_arguments
from captum._utils.common import _format_output as format_output
from captum._utils.common import _is_tuple as is_tuple
from captum._utils.common import _run_forward as run_forward
from captum._utils.common import _select_targets as select_targets
from captum._utils.models.linear_model import SkLearnRidge
from captum.attr._utils.attribution import InternalAttribution
from captum.log import log_usage

__all__ = [
    "ExpansionTypes",
    "InternalAttribution",
    "SkLearnRidge",
    "expand_target",
    "format_arguments",
    "format_output",
    "is_tuple",
    "logged",
    "run_forward",
    "select_targets",
]

_Method = TypeVar("_Method", bound=Callable[..., Any])


def logged(attribute: _Method) -> _Method:
    """Captum's decorator of every `attribute`; its `NoiseTunnel` asks for the `__wrapped__`."""
    return cast(_Method, log_usage(part_of_slo=True)(attribute))
