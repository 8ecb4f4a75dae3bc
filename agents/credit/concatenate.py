"""One record of decisions from several."""

from __future__ import annotations

from typing import TypeVar

import numpy as np

Decisions = TypeVar("Decisions", bound=tuple[np.ndarray, ...])


def concatenate(parts: list[Decisions]) -> Decisions:
    """Concatenates records of the same kind (`Lines` or `Lanes`), array by array. A single part is not copied."""
    if len(parts) == 1:
        return parts[0]
    return type(parts[0])(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))
