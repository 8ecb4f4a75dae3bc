"""The states of the random generators that training draws from, as arrays."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

_NUMPY_WORDS = 624
_PYTHON_WORDS = 625  # with the position


def random_states() -> dict[str, np.ndarray]:
    """The states of PyTorch's, numpy's and Python's generators."""
    _, words, *numpy_rest = np.random.get_state(legacy=True)
    _, python_words, gauss = random.getstate()
    return {
        "torch": torch.get_rng_state().numpy(),
        "numpy": np.asarray(words, np.uint32),
        "numpy_rest": np.array(numpy_rest, float),  # position, whether a normal variate is cached, and its value
        "python": np.array(python_words, np.uint64),
        "python_gauss": np.array([] if gauss is None else [gauss], float),
    }


def set_random_states(arrays: Mapping[str, np.ndarray]) -> None:
    """Sets the generators to states of `random_states`.

    Raises:
        KeyError: an array is missing.
        ValueError: they are no such states. numpy would take some that make it read beyond its memory.
    """
    like = random_states()
    for name, own in like.items():
        found, length = arrays[name], {"python_gauss": (0, 1)}.get(name, (len(own),))
        if found.dtype != own.dtype or found.ndim != 1 or len(found) not in length:
            raise ValueError(f"random.{name} is no state of a random generator")
    position, has_gauss, kept = arrays["numpy_rest"].tolist()
    gauss: list[Any] = arrays["python_gauss"].tolist() or [None]
    if position not in range(_NUMPY_WORDS + 1) or has_gauss not in (0, 1):
        raise ValueError("random.numpy_rest is no state of a random generator")
    words = arrays["python"]
    if len(words) != _PYTHON_WORDS or words.max() >= 2**32 or words[-1] >= _PYTHON_WORDS:
        raise ValueError("random.python is no state of a random generator")
    if not np.isfinite([kept, gauss[0] or 0.0]).all():
        raise ValueError("random states are not finite")
    try:
        torch.set_rng_state(torch.from_numpy(arrays["torch"].copy()))
    except RuntimeError:
        raise ValueError("random.torch is no state of a random generator") from None
    np.random.set_state(("MT19937", arrays["numpy"], int(position), int(has_gauss), kept))
    random.setstate((3, tuple(words.tolist()), gauss[0]))
