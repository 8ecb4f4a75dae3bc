"""JSON from files that anyone may have written: read with limits, and without what JSON itself does not have."""

from __future__ import annotations

import json
import math
from typing import Any

MOST_CHARACTERS = 4 << 20
MOST_DEPTH = 32  # of lists and objects inside each other
MOST_DIGITS = 1000  # of an integer; a seed may have any size in reason


def read_json(text: str) -> Any:
    """The value of a JSON text.

    Raises:
        ValueError: it is no JSON, or too long or too deep, or has a key twice, a number that is not finite, or an
            integer of too many digits.
    """
    if len(text) > MOST_CHARACTERS:
        raise ValueError(f"JSON of {len(text):,} characters, at most {MOST_CHARACTERS:,} can be")
    try:
        value = json.loads(
            text, parse_int=_integer, parse_float=_finite, parse_constant=_no_number, object_pairs_hook=_object
        )
    except RecursionError:
        raise ValueError(f"JSON more than {MOST_DEPTH} levels deep") from None
    if _depth(value) > MOST_DEPTH:
        raise ValueError(f"JSON more than {MOST_DEPTH} levels deep")
    return value


def printable(text: str, most: int = 200) -> str:
    """A text that is safe to print on one line: control characters are escaped, and a long one is cut."""
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text[:most])
    return shown if len(text) <= most else f"{shown}…"


def _integer(digits: str) -> int:
    if len(digits) > MOST_DIGITS:
        raise ValueError(f"an integer of {len(digits):,} digits, at most {MOST_DIGITS:,} can be")
    return int(digits)


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError(f"{printable(digits, 40)} is not a finite number")
    return value


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is not a finite number")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"key '{printable(twice, 40)}' is there twice")
    return found


def _depth(value: Any) -> int:
    """Levels of lists and objects, counted without recursion."""
    level, depth = [value], -1
    while level:
        depth += 1
        level = [
            inner
            for one in level
            if isinstance(one, dict | list)
            for inner in (one.values() if isinstance(one, dict) else one)
        ]
    return depth
