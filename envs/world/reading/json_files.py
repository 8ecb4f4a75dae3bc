"""JSON with limits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from regional_dispatch.envs.world.errors import ScenarioError
from regional_dispatch.envs.world.reading.files import MIB, read_text
from regional_dispatch.envs.world.reading.plain import plain

MOST_BYTES = 16 * MIB
_MOST_VALUES = 2_000_000
_LONGEST_INTEGER = 1000  # digits; a seed may have any size in reason
_DEEPEST = 64


def read_json(path: str | Path, most: int = MOST_BYTES) -> Any:
    """What a JSON file holds.

    Raises:
        ScenarioError: it cannot be read, has more than `most` bytes, or `parse_json` refuses it.
    """
    return parse_json(read_text(path, most, "a JSON file"), path)


def parse_json(text: str, where: str | Path, finite: bool = False) -> Any:
    """What a JSON text holds.

    Args:
        text: the JSON.
        where: it comes from, for errors.
        finite: refuse NaN and Infinity, which Python's own `json` writes but JSON does not have.

    Raises:
        ScenarioError: it is no JSON, has a key twice, too many values, too deep nesting, or numbers out of range.
    """
    where = plain(str(where))
    if text.count(",") + text.count("[") + text.count("{") > _MOST_VALUES:
        raise ScenarioError(f"{where}: holds more than {_MOST_VALUES:,} values; give a smaller file")
    try:
        constant = _not_finite if finite else None
        found = json.loads(
            text, object_pairs_hook=_once, parse_int=_integer, parse_float=_number, parse_constant=constant
        )
    except json.JSONDecodeError as error:
        raise ScenarioError(f"{where}: not readable as JSON: row {error.lineno}: {error.msg}; write it again") from None
    except RecursionError:
        raise ScenarioError(f"{where}: {_TOO_DEEP}") from None
    except ValueError as error:
        raise ScenarioError(f"{where}: {error}") from None
    if _deeper(found):
        raise ScenarioError(f"{where}: {_TOO_DEEP}")
    return found


_TOO_DEEP = f"is nested more than {_DEEPEST} deep; write it flatter"


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise ValueError(f"{twice[:60]!r} is given twice; remove one")
    return found


def _not_finite(name: str) -> float:
    raise ValueError(f"{name} is no finite number; write one")


def _integer(text: str) -> int:
    if len(text) > _LONGEST_INTEGER:
        raise ValueError(f"{text[:20]}… has {len(text)} digits; write a number of {_LONGEST_INTEGER} at most")
    return int(text)


def _number(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError(f"{text[:40]} is too large for a number; write a smaller one")
    return number


def _deeper(value: Any) -> bool:
    """Whether a value is nested too deep; level by level, so that depth costs no stack."""
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(_DEEPEST):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]  # fmt: skip
        if not level:
            return False
    return True
