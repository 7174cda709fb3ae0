"""How many texts a classifier gets right, and how sure that figure is."""

import math
from dataclasses import dataclass
from statistics import NormalDist


@dataclass(frozen=True)
class Accuracy:
    """A share of right answers.

    Attributes:
        correct: Number of texts classified right.
        total: Number of texts, 1 or more.

    Raises:
        ValueError: No texts, or more right ones than texts.

    Example:
        >>> print(Accuracy(correct=90, total=100))
        0.900 (95 % interval 0.826-0.945, 100 texts)
    """

    correct: int
    total: int

    def __post_init__(self) -> None:
        if not 0 <= self.correct <= self.total or self.total < 1:
            raise ValueError(
                f"{self.correct} of {self.total} texts are right; expected at least one text and "
                "no more right ones than texts"
            )

    @property
    def value(self) -> float:
        """The share, in [0, 1]."""
        return self.correct / self.total

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval of the share.

        Source: Wilson (1927), "Probable Inference, the Law of Succession, and Statistical
        Inference", Journal of the American Statistical Association 22.
        """
        z = NormalDist().inv_cdf(0.975)
        share, widening = self.value, z**2 / self.total
        centre = (share + widening / 2) / (1 + widening)
        half = math.sqrt(share * (1 - share) * widening + widening**2 / 4) / (1 + widening)
        return max(centre - half, 0.0), min(centre + half, 1.0)

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.value:.3f} (95 % interval {low:.3f}-{high:.3f}, {self.total} texts)"

    def to_dict(self) -> dict[str, float]:
        """The figures for JSON: accuracy, low, high, texts."""
        low, high = self.interval
        return {"accuracy": self.value, "low": low, "high": high, "texts": self.total}
