"""Which classes are right on recurrent modules of released packages, and what the others say.

    python benchmarks/modules/run_study.py [--only ncps]

Packages that are not installed are left out. See README.md for how to install them.
"""

import argparse
import importlib.metadata
import platform
import sys
import textwrap
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parents[2]))  # where `benchmarks` is

from benchmarks.modules import right_scores
from benchmarks.modules.catalogue import FEATURES, RELEASED, Released
from benchmarks.modules.right_scores import Reading, Right
from captum_rnn import (
    AdjointDeltaAttribution,
    HiddenStateDeltaAttribution,
    LeaveOneOutAttribution,
    LocalDeltaAttribution,
    LogitDeltaAttribution,
    RecurrentDeepLiftAttribution,
    RecurrentLRPAttribution,
)

RESULTS = Path(__file__).parent / "results.txt"
BATCH, TIME, CLASS, EPSILON = 3, 5, 1, 1e-5
Scored = Callable[[Reading, Tensor], Tensor]


@dataclass(frozen=True)
class Asked:
    """A class, how it is called and what it has to answer.

    Attributes:
        name: In the table.
        scores: Calls it: scores (batch, time).
        right: What it has to answer; None: it has to refuse what is no layer of torch.
        readout: What the model reads.
        tolerance: Largest error, as a share of the largest score, in float64 and in float32.
    """

    name: str
    scores: Scored
    right: Right | None
    readout: str = "mean"
    tolerance: tuple[float, float] = (1e-7, 1e-3)


def _adjoint(model: Reading, tokens: Tensor) -> Tensor:
    """Against tokens a little smaller, divided by how much: the derivative by the input."""
    method = AdjointDeltaAttribution(model, model.explained)
    little = EPSILON if tokens.dtype == torch.float64 else 1e3 * EPSILON
    found = method.attribute(tokens, (1 - little) * tokens, target=CLASS, per_step=True)
    return found / little


ASKED = [
    Asked(
        "hidden-state delta",
        lambda model, tokens: HiddenStateDeltaAttribution(model, model.explained).attribute(
            tokens, per_step=True
        ),
        right_scores.hidden_state_delta,
        readout="last",
    ),
    Asked(
        "logit delta",
        lambda model, tokens: LogitDeltaAttribution(model, model.explained).attribute(
            tokens, target=CLASS, per_step=True
        ),
        right_scores.logit_delta,
    ),
    Asked(
        "local delta",
        lambda model, tokens: LocalDeltaAttribution(model, model.explained).attribute(
            tokens, 0.0, target=CLASS, per_step=True
        ),
        right_scores.local_delta,
    ),
    Asked(
        "adjoint delta",
        _adjoint,
        right_scores.derivative_times_input,
        tolerance=(1e-3, 5e-2),
    ),
    Asked(
        "leave one out",
        lambda model, tokens: LeaveOneOutAttribution(model, model.explained).attribute(
            tokens, target=CLASS, per_step=True
        ),
        right_scores.leave_one_out,
    ),
    Asked(
        "relevance",
        lambda model, tokens: RecurrentLRPAttribution(model, model.explained).attribute(
            tokens, target=CLASS, per_step=True
        ),
        None,
    ),
    Asked(
        "DeepLIFT",
        lambda model, tokens: RecurrentDeepLiftAttribution(model, model.explained).attribute(
            tokens, target=CLASS, per_step=True
        ),
        None,
    ),
]


def outcome(released: Released, asked: Asked) -> str:
    """What a class makes of a module: "right", how far it is off, or the error's sentence."""
    torch.manual_seed(0)
    model = Reading(released, asked.readout).eval()
    tokens = torch.randn(BATCH, TIME, FEATURES)
    if released.double:
        model, tokens = model.double(), tokens.double()
    with torch.no_grad(), warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            found = asked.scores(model, tokens)
        except (TypeError, ValueError, RuntimeError) as error:
            return f"{type(error).__name__}: {error}"
        said = "".join(f" (warns: {one.message})" for one in warned[:1])
        if asked.right is None:
            return "scores" + said
        expected = asked.right(model, tokens)
    off = float((found - expected).abs().max() / expected.abs().max())
    is_right = off <= asked.tolerance[0 if released.double else 1]
    return f"{'right' if is_right else 'WRONG'}, {off:.0e}{said}"


def table(modules: list[Released]) -> str:
    """Module by module, what each class makes of it."""
    lines = []
    for released in modules:
        version = importlib.metadata.version(released.package)
        lines.append(f"{released.package} {version}: {released.name}")
        outcomes: dict[str, list[str]] = {}
        for asked in ASKED:
            outcomes.setdefault(outcome(released, asked), []).append(asked.name)
        for said, names in outcomes.items():
            text = f"{', '.join(names)}: {' '.join(said.split())}"
            lines += textwrap.wrap(text, 100, initial_indent="  ", subsequent_indent="      ")
        lines.append("")
    return "\n".join(lines)


def main() -> None:
    """Prints the table, and writes it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--only", help="a package")
    only = parser.parse_args().only
    modules = [one for one in RELEASED if only in (None, one.package) and _is_installed(one)]
    head = f"torch {torch.__version__}, Python {platform.python_version()}, {date.today()}"
    printed = f"{head}\n\n{table(modules)}"
    sys.stdout.write(printed)
    if only is None:
        RESULTS.write_text(printed)


def _is_installed(released: Released) -> bool:
    try:
        importlib.metadata.version(released.package)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


if __name__ == "__main__":
    main()
