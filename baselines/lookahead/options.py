"""How far a policy looks ahead, and the names that say so: `least_cost+lookahead(futures=8,hours=24)`."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, fields
from typing import Any

from regional_dispatch.baselines.rules import BaselineError

SUFFIX = "+lookahead"
_NAME = re.compile(r"(?P<base>.+)\+lookahead(\((?P<options>[^()]*)\))?")


@dataclass(frozen=True)
class Options:
    """How far and how often it looks.

    Raises:
        BaselineError: a number that cannot be.
    """

    futures: int = 128
    """Draws of the orders to come, on which a choice is tried before it is taken."""
    hours: float = math.inf
    """Length of a future; what is under way at its end is valued at standard cost. Unit: simulated hours; inf, to the \
end of the episode."""
    margin: float = 2.0
    """A choice must be cheaper by so many standard errors of the mean difference. Unit: standard errors."""
    lanes: int = 16
    """Held trucks tried per region and tick, the fullest first, and as many sent ones, the emptiest first."""
    lines: int = 32
    """Other candidates tried per region and tick, those nearest in standard route cost first."""
    thorough: int = 0
    """1: every decision is changed by itself, on all futures, and judged by the dollars of all regions; slower."""

    def __post_init__(self) -> None:
        limits = {"futures": (2, 10_000), "hours": (0, math.inf), "margin": (0, math.inf), "thorough": (0, 1)}
        for field in fields(self):
            value, (low, high) = getattr(self, field.name), limits.get(field.name, (0, 10_000))
            if not low <= value <= high:
                raise BaselineError(f"lookahead: {field.name} = {value}: must be {low} to {high}")


def is_lookahead(name: str) -> bool:
    """Does a name ask for looking ahead?"""
    return _NAME.fullmatch(name) is not None


def read_name(name: str) -> tuple[str, Options]:
    """The base policy's name, and the options.

    Raises:
        BaselineError: an option that there is not, or that has no number.
    """
    found = _NAME.fullmatch(name)
    assert found is not None
    types = {field.name: int if field.type == "int" else float for field in fields(Options)}
    given: dict[str, Any] = {}
    for part in filter(None, (found["options"] or "").split(",")):
        key, _, value = (text.strip() for text in part.partition("="))
        if key not in types:
            raise BaselineError(f"policy '{name}': no option '{key}'; lookahead has {', '.join(types)}")
        try:
            given[key] = types[key](value)
        except ValueError:
            raise BaselineError(f"policy '{name}': {key} = '{value}': must be a number") from None
    return found["base"], Options(**given)
