"""Checks of what recorders take over from a checkpoint, before compiled code reads it."""

from __future__ import annotations

import numpy as np


def checked(
    name: str, array: np.ndarray, dtype: type, shape: tuple[int, ...], low: int | None = None, below: int | None = None
) -> np.ndarray:
    """The array, if it is of this kind.

    Args:
        name: for the message.
        array: to check.
        dtype: of its numbers.
        shape: its shape.
        low: its least number; None for any.
        below: its numbers are below this; None for any.

    Raises:
        ValueError: it is of another kind or size, not finite, or out of these bounds.
    """
    if array.dtype != np.dtype(dtype) or array.shape != shape:
        raise ValueError(f"{name} is {array.dtype} {array.shape}, not {np.dtype(dtype)} {shape}")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ValueError(f"{name} is not finite")
    if array.size and ((low is not None and array.min() < low) or (below is not None and array.max() >= below)):
        raise ValueError(f"{name} is out of its bounds")
    return array
