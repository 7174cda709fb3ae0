"""Whether the readout that a user named is what the classifier reads, as its derivatives tell."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeAlias

from torch import Tensor

from captum_rnn.attr.asking import Times
from captum_rnn.attr.records import Record, Run
from captum_rnn.attr.rows import positions_of_rows
from captum_rnn.functional import Readout
from captum_rnn.functional.logit import Reads
from captum_rnn.states.graph import is_read
from captum_rnn.states.layers import form_of
from captum_rnn.states.modes import training_modes
from captum_rnn.states.read_at import fits, pooled_before, readout_of
from captum_rnn.states.selection import StateSelection
from captum_rnn.states.trajectory import Trajectory, read_gradients, trajectory

Asked: TypeAlias = tuple[Any, ...]
"""What the head was asked about: the readout, the classes, and the modes of the model's modules."""


def asked_of(forward_func: Callable[..., Any], readout: object, target: object) -> Asked | None:
    """What would be asked of a model's head; None: the answer is that of one run alone."""
    if not isinstance(readout, str) and not (isinstance(readout, int) and readout == -1):
        return None  # another position may be that of the end in one text, and not in the next
    listed = target.flatten().tolist() if isinstance(target, Tensor) else target
    classes = set(listed) if isinstance(listed, list) else {listed}
    modes = training_modes(forward_func)
    return readout, frozenset(classes), modes


class SettledReadouts:
    """Readouts that fitted a run of a model, and fit later runs too.

    A fixed position may be that of the end in rows of one length, and is not in rows of another; a
    model may read no further than some step. So they hold for rows of the lengths that were asked
    about, and for shorter ones once two lengths were.
    """

    def __init__(self) -> None:
        self._found: dict[Asked, tuple[Readout, frozenset[Times]]] = {}

    def get(self, asked: Asked | None, times: Times) -> Readout | None:
        """The readout for inputs of some numbers of steps; None: the head has to be asked."""
        if asked not in self._found:
            return None
        readout, known = self._found[asked]
        longer = any(all(a <= b for a, b in zip(times, other, strict=True)) for other in known)
        return readout if times in known or (len(known) > 1 and longer) else None

    def add(self, asked: Asked, readout: Readout, times: Times) -> None:
        """Remembers a readout that `is_settled` in a run over inputs of some numbers of steps."""
        before, known = self._found.get(asked, (readout, frozenset[Times]()))
        self._found[asked] = readout, (known if before == readout else frozenset()) | {times}


def is_settled(run: Run, readout: Readout) -> bool:
    """Whether a readout that fits a run fits all later ones, too.

    It does not where rows of one step leave open what is read of them, nor where the model may tell
    by the inputs where each row ends, or which steps it carries on.
    """
    if run.tells_ends and run.is_stepped:
        return False
    return all(_is_settled(record, readout, run.tells_ends) for record in run.records)


def _is_settled(record: Record, readout: Readout, tells_ends: bool) -> bool:
    gradient = record.gradient
    if gradient is None or all(part is None for part in (gradient.output, *gradient.final)):
        return True  # the head cannot be asked
    if not is_read(gradient) or (tells_ends and record.path.lengths is None):
        return False
    names: tuple[Readout, ...] = ("final", "mean", "max")
    fitting = [name for name in names if fits(name, top_of(record), reads_of(record))]
    if isinstance(record.readout, str):
        fitting = [record.readout]
    return fitting in ([], ["final" if readout == -1 else readout])


def check_claimed(record: Record, readout: Readout, selection: StateSelection) -> None:
    """Raises ValueError if the classifier reads another state than the readout.

    What it reads without a name, as by attention, contradicts nothing. Chosen states other than the
    top layer's are the user's own concern, unless padding is read as the end of a row.

    Args:
        record: What the layer did, and what the classifier reads of it.
        readout: The readout, as the user named it.
        selection: The states that are looked at.
    """
    reads, path = reads_of(record), top_of(record)
    if not reads:
        return
    if isinstance(readout, Tensor):
        readout = positions_of_rows(readout, record.rows)
    told = record.readout  # where derivatives alone leave two readouts open
    is_largest = isinstance(readout, str) and readout == "max"
    if fits(readout, path, reads) and (told is None or (told == "max") == is_largest):
        return
    found = readout_of(path, reads) if told is None else told
    chosen = selection != StateSelection()
    at_end = not isinstance(readout, Tensor) and readout not in ("mean", "max")
    if chosen and not (at_end and path.lengths is None and isinstance(found, Tensor)):
        return
    named = f"readout is {readout!r}, but the model reads"
    if found is not None:
        where = str(found)
        if isinstance(found, Tensor):
            has_steps = slice(None) if path.lengths is None else path.lengths > 0
            where = f"position {found[has_steps].tolist()}"
        raise ValueError(
            f"{named} {where}; pass that as readout, lengths of rows that end in padding, or "
            'readout="auto"'
        )
    if (pooled := pooled_before(path, reads)) is not None:
        name, ends = pooled
        raise ValueError(
            f"{named} {name} of the first {ends.tolist()} steps of the rows; pass readout={name!r} "
            "and these numbers as lengths"
        )
    if (other := _one_direction(reads) or _other_state(record)) is not None:
        raise ValueError(f"{named} other states of the layer; pass {other}, which it reads alone")


def reads_of(record: Record) -> list[Reads]:
    """What is read of each direction; nothing where the head could not be asked."""
    gradient = record.gradient
    if gradient is None:
        return []
    return read_gradients(record.layer, record.call, gradient)


def top_of(record: Record) -> Trajectory:
    """The top layer's hidden states, whichever are looked at."""
    directions = trajectory(record.layer, record.call).directions
    return replace(record.path, directions=directions)


def _one_direction(reads: list[Reads]) -> str | None:
    """The option of the one direction that is read of two; None: both are, or neither."""
    parts = [[part for part in read if part is not None and part.any()] for read in reads]
    if len(reads) < 2 or bool(parts[0]) == bool(parts[1]):
        return None
    return f'direction="{"forward" if parts[0] else "backward"}"'


def _other_state(record: Record) -> str | None:
    """The options of the one state that is read instead of the top layer's; None: several."""
    form, gradient = form_of(record.layer), record.gradient
    if gradient is None or not form.has_gates or gradient.output is not None:
        return None
    names = []
    for kind, state in zip(("hidden", "cell"), gradient.final, strict=False):
        if state is not None:
            of_layers = state.view(-1, form.directions, *state.shape[1:])
            names += [(kind, index) for index, part in enumerate(of_layers) if part.any()]
    if len(names) != 1 or names[0] == ("hidden", form.num_layers - 1):
        return None
    kind, index = names[0]
    layer_index = "" if index == form.num_layers - 1 else f"layer_index={index}"
    return ", ".join(part for part in (kind == "cell" and 'state="cell"', layer_index) if part)
