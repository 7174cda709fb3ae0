"""Which state each of a model's predictions reads, where they read several."""

from dataclasses import replace

from torch import Tensor

from captum_rnn.attr.claimed_readout import reads_of, top_of
from captum_rnn.attr.records import Record
from captum_rnn.states.read_at import own_position
from captum_rnn.states.recording import ReadGradient


def reads_one_state(record: Record) -> bool:
    """Whether all that is read of each row and direction is one state."""
    for read in reads_of(record):
        number = int(read.final is not None)
        if read.outputs is not None:
            number += int((read.outputs != 0).any(2).sum(1).max())
        if number > 1:
            return False
    return True


def own_state(record: Record, gradient: ReadGradient, number: int) -> tuple[Record, Tensor | None]:
    """A record without the rows of which a prediction reads nothing, and the step that it reads.

    Args:
        record: What the layer did.
        gradient: What the prediction reads of it.
        number: The number of the prediction.

    Returns:
        The record with that gradient, and the one step of each row (rows,); None: others too.

    Raises:
        ValueError: It reads nothing of a row that has a step of its number.
    """
    record = replace(record, gradient=gradient)
    position = own_position(top_of(record), reads_of(record))
    if position is None:
        return record, None
    unread, lengths = position < 0, record.path.lengths
    within = unread if lengths is None else unread & (lengths > number)
    if within.any():
        row = int(record.rows[within][0])
        raise ValueError(
            f"prediction {number} reads no state of row {row}, as behind a mask or a ReLU that is "
            "at rest, so that it is not known which one its steps lead to; leave it out with "
            "predictions, or explain that row alone"
        )
    return replace(record, path=record.path.without_rows(unread)), position.clamp(min=0)
