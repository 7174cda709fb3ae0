"""The options of a recurrent layer and its batch, and a small set that covers their pairs."""

import itertools
from collections.abc import Iterator

import reference

OPTIONS = {
    "kind": reference.KINDS,
    "num_layers": [1, 2, 3],
    "bidirectional": [False, True],
    "batch_first": [False, True],
    "packed": [False, True],
    "with_initial_state": [False, True],
}
NAMES = {
    "num_layers": {1: "one-layer", 2: "two-layer", 3: "three-layer"},
    "bidirectional": {False: "one-way", True: "two-way"},
    "batch_first": {False: "time-first", True: "batch-first"},
    "packed": {False: "padded", True: "packed"},
    "with_initial_state": {False: "zero", True: "initial"},
}
CONFIGURATIONS = 24


def product(names: list[str]) -> list[tuple]:
    """Every configuration of the named options."""
    return list(itertools.product(*(OPTIONS[name] for name in names)))


def covering(names: list[str]) -> list[tuple]:
    """Some configurations that hold every pair of options, and as many triples as find room.

    Each time the one is taken that holds most pairs not held so far, then most such triples.
    """
    left, taken = product(names), []
    seen: set[tuple] = set()
    while left and len(taken) < CONFIGURATIONS:
        best = max(left, key=lambda each: tuple(len(set(parts(each, k)) - seen) for k in (2, 3)))
        taken.append(best)
        left.remove(best)
        seen.update(parts(best, 2), parts(best, 3))
    return taken


def parts(configuration: tuple, size: int) -> Iterator[tuple]:
    """The configuration's pairs (size 2) or triples (size 3) of options."""
    return itertools.combinations(enumerate(configuration), size)


def identifier(names: list[str], configuration: tuple) -> str:
    """A configuration's name in a test's."""
    return "-".join(
        NAMES.get(name, {}).get(option, str(option))
        for name, option in zip(names, configuration, strict=True)
    )
