"""The form of a lower bound on an episode's cost, and the error where none can be given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


class BoundError(ValueError):
    """No bound can be given for this episode; the text says why."""


@dataclass(frozen=True)
class HindsightBound:
    """A proven lower bound on the dollars of one episode, warm-up and settlement included."""

    usd: float  # the bound
    orders: int
    kind: str  # "exact" | "time limit" | "relaxation"; only "exact" may be called optimal
    seconds: float
    details: dict[str, float | str]
    plan: Any | None = None
