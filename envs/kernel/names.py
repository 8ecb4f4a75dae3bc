"""Names for the entries of an array, declared once: what an entry is, and where it stands.

A table of entries is a dict from name to what it means; `positions` makes constants of it that compiled code reads, as
in `count[N.orders] += 1`.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Iterable
from typing import Any, NamedTuple

from regional_dispatch.envs.world.linehaul.lane_kinds import KINDS


class Feature(NamedTuple):
    """One entry of what a policy sees.

    A feature whose value changes its meaning gets the next revision. Policies name the features they were trained on by
    `label`, so that a policy which knows the old meaning is refused instead of misread.
    """

    unit: str  # of the value 1
    text: str
    revision: int = 1


# One feature per kind of lane, in the order of their numbers.
KIND_FEATURES = {f"is_{kind.name}": Feature("yes", f"the lane's kind: {kind.title}") for kind in KINDS}


def positions(names: Iterable[str]) -> Any:
    """A named tuple that holds the position of each name; numba compiles its fields to constants."""
    listed = tuple(names)
    return namedtuple("Positions", listed)(*range(len(listed)))


def labels(features: dict[str, Feature]) -> tuple[str, ...]:
    """What a policy calls each feature: its name, and from the second revision on `name@revision`."""
    return tuple(name if x.revision == 1 else f"{name}@{x.revision}" for name, x in features.items())
