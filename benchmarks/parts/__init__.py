"""The parts of the performance page, in its order: modules with TITLE, `measure`, `targets` and `section`."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Protocol

from benchmarks.measure import Settings, Target

PARTS = (
    "rates",
    "day",
    "environments",
    "training",
    "startup",
    "scaling",
    "overload",
    "prices",
    "tables",
    "audit",
    "peers",
)


class Part(Protocol):
    """What a module of PARTS offers."""

    TITLE: str

    def measure(self, settings: Settings) -> dict[str, Any]:
        """Measures; the result is JSON."""
        ...

    def targets(self, result: dict[str, Any]) -> list[Target]:
        """What is asked, beside what was measured."""
        ...

    def section(self, result: dict[str, Any]) -> list[str]:
        """The result as lines of Markdown."""
        ...


def load_part(name: str) -> Part:
    """A part by name."""
    part: Any = import_module(f"{__name__}.{name}")
    return part
