"""Arrays of records as plain bytes, which tensor files can hold, and back into records of this version.

Records in memory have gaps that hold anything; they are left out.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.lib.recfunctions import repack_fields


def as_plain(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Arrays of records (…,) as bytes (…, size of a record); all others as they are."""
    return {name: _bytes(array) if array.dtype.names else array for name, array in arrays.items()}


def as_records(arrays: Mapping[str, np.ndarray], like: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The reverse of `as_plain`.

    Args:
        arrays: to change; those that `like` lacks stay as they are.
        like: arrays of the same names and kinds, of any length.

    Raises:
        KeyError: an array is missing.
        ValueError: an array is of another kind.
    """
    records = {name: _as(name, arrays[name], own) for name, own in like.items()}
    return {**arrays, **records}


def _bytes(array: np.ndarray) -> np.ndarray:
    closed = np.ascontiguousarray(array, _closed(array.dtype))
    return closed.view(np.uint8).reshape(*array.shape, closed.dtype.itemsize)


def _closed(dtype: np.dtype) -> np.dtype:
    """The same records without gaps."""
    found: np.dtype = repack_fields(dtype)
    return found


def _as(name: str, array: np.ndarray, own: np.ndarray) -> np.ndarray:
    if own.dtype.names:
        closed = _closed(own.dtype)
        if array.dtype != np.uint8 or array.shape[-1:] != (closed.itemsize,):
            raise ValueError(f"{name} does not hold records of {closed.itemsize} bytes")
        array = np.ascontiguousarray(array).view(closed).reshape(array.shape[:-1]).astype(own.dtype)
    if array.dtype != own.dtype:
        raise ValueError(f"{name} is {array.dtype}, not {own.dtype}")
    return array
