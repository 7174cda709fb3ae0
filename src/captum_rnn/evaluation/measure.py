"""What a measure is called, and which direction is better; it stands next to its function."""

from dataclasses import dataclass
from typing import Literal

Direction = Literal["higher", "lower"]


@dataclass(frozen=True)
class Measure:
    """One number for each text.

    Attributes:
        key: Where it is in results.
        heading: Its name.
        better: Which direction is better; None where neither is.
        explanation: What it says, in one or two sentences.
    """

    key: str
    heading: str
    better: Direction | None
    explanation: str
