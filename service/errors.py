"""Requests that cannot be carried out, and services that cannot start."""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches
from typing import Any

UNKNOWN, CONFLICT, INVALID = 404, 409, 422  # HTTP statuses


class ServiceError(ValueError):
    """A service that cannot start; the text names the option or file, its value, and how to correct it."""


class RefusedError(ValueError):
    """A request that cannot be carried out. Nothing of it has been.

    Args:
        field: path in the request, such as `lines.0.sku`.
        value: what it said.
        problem: what is wrong.
        mend: what to change.
        status: HTTP status.
    """

    def __init__(self, field: str, value: Any, problem: str, mend: str, status: int = INVALID) -> None:
        super().__init__(f"{field} = {value!r}: {problem}; {mend}")
        self.field, self.value, self.problem, self.mend, self.status = field, value, problem, mend, status

    def within(self, path: str) -> RefusedError:
        """The same, of a request that is part of a larger one."""
        return RefusedError(f"{path}.{self.field}", self.value, self.problem, self.mend, self.status)

    def body(self) -> dict[str, Any]:
        """What is answered."""
        return {"field": self.field, "value": self.value, "problem": self.problem, "mend": self.mend}


def closest(name: str, known: Collection[str]) -> str:
    """A hint at the known name that looks most like this one."""
    near = get_close_matches(name, known, 1, cutoff=0.0)
    return f"the closest name is '{near[0]}'" if near else "there is none"
