"""Random numbers of libraries that draw from the global generators."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


@contextmanager
def global_seed(seed: int) -> Iterator[None]:
    """Seeds torch's and NumPy's global generators inside a `with` block, then puts them back.

    Args:
        seed: From 0 to 2**32 − 1.
    """
    numpy_state = np.random.get_state()
    try:
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            np.random.seed(seed)
            yield
    finally:
        np.random.set_state(numpy_state)
