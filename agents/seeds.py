"""Seeds of any size, for libraries that take 32 bits."""

from __future__ import annotations

import numpy as np

_BELOW = 2**32  # numpy's legacy generator, which stable-baselines3 seeds, takes no larger seed


def library_seed(seed: int) -> int:
    """The seed itself if it has 32 bits, else 32 bits drawn from it.

    Args:
        seed: 0 or more, of any size.

    Raises:
        ValueError: it is negative.
    """
    if seed < 0:
        raise ValueError(f"seed = {seed}: must be 0 or more")
    return seed if seed < _BELOW else int(np.random.SeedSequence(seed).generate_state(1)[0])
