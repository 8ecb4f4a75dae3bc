"""The space of a region's padded actions, and the check of what is handed in: compiled code checks no index."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.error import InvalidAction


class MaskedMultiDiscrete(spaces.MultiDiscrete):
    """A `MultiDiscrete` whose `sample` also takes a mask as one flat array, as `action_masks()` gives it.

    Gymnasium's own form, a tuple of one int8 array per entry, is taken as well.
    """

    def sample(self, mask: Any = None, probability: Any = None) -> np.ndarray:
        """A random action.

        Args:
            mask: legal values, bool or of 0 and 1. With `nvec` of shape (n,): (nvec.sum(),), the values of the first
                entry, then those of the second, and so on. With a batch, (rows, n): (rows, nvec[0].sum()).
            probability: as Gymnasium takes it.

        Raises:
            ValueError: the mask has another shape, or an entry has no legal value.
        """
        if not isinstance(mask, np.ndarray) or probability is not None:
            return super().sample(mask, probability)
        options = self.nvec.reshape(-1, self.nvec.shape[-1])[0]
        expected = (*self.nvec.shape[:-1], int(options.sum()))
        if mask.shape != expected:
            raise ValueError(f"mask of shape {mask.shape}: must be {expected}, the values of one entry after the other")
        first = np.cumsum(options) - options
        legal = mask.astype(bool)
        if not np.logical_or.reduceat(legal, first, axis=-1).all():
            raise ValueError("mask: an entry has no legal value")
        drawn = np.where(legal, self.np_random.random(legal.shape), -1.0)
        largest = np.repeat(np.maximum.reduceat(drawn, first, axis=-1), options, axis=-1)
        values = np.arange(options.sum()) - np.repeat(first, options)
        return np.add.reduceat(np.where(drawn == largest, values, 0), first, axis=-1).astype(self.dtype)


def checked_actions(actions: Any, rows: int | None, slots: int, candidates: int, lanes: int) -> np.ndarray:
    """Actions as the kernel reads them: (rows, M + L) int64.

    Args:
        actions: what a caller handed in.
        rows: how many regions act; None for any number.
        slots: M, order slots, each of which takes 0…K−1.
        candidates: K.
        lanes: L, lane slots, each of which takes 0 or 1.

    Raises:
        gymnasium.error.InvalidAction: they are not whole numbers in these ranges and of this shape.
    """
    given = as_array(actions)
    expected = (f"({slots + lanes},), a candidate for each of {slots} order slots, then hold (0) or go (1) for each of "
                f"{lanes} lane slots")  # fmt: skip
    if given.ndim == 0 or (rows is not None and len(given) != rows):
        raise InvalidAction(f"actions of shape {given.shape}: must be {rows or 'some'} rows, one per region that acts")
    if given.ndim != 2 or given.shape[1] != slots + lanes:
        raise InvalidAction(f"action of shape {given.shape[1:]}: must be {expected}")
    if given.dtype.kind not in "iub":
        raise InvalidAction(f"action of dtype {given.dtype}: must be integers")
    checked = np.ascontiguousarray(given, dtype=np.int64)
    below = _first_too_large(slots, candidates, lanes)
    outside = checked.view(np.uint64) >= below  # a negative number is a huge one here
    if outside.any():
        row, at = np.argwhere(outside)[0].tolist()
        slot = f"order slot {at}" if at < slots else f"lane slot {at - slots}"
        raise InvalidAction(f"action[{at}] = {given[row, at]}: the {slot} takes 0…{int(below[at]) - 1}")
    return checked


@lru_cache
def _first_too_large(slots: int, candidates: int, lanes: int) -> np.ndarray:
    """The first value that each entry of a row does not take: (M + L,) uint64."""
    return np.repeat(np.array([candidates, 2], np.uint64), [slots, lanes])


def as_array(actions: Any) -> np.ndarray:
    """What a caller handed in as an array, or InvalidAction."""
    try:
        return np.asarray(actions)
    except Exception as error:  # ragged lists, tensors that want gradients: each library has its own
        raise InvalidAction(f"action of type {type(actions).__name__}: is no array of integers ({error})") from None
