"""Mutations: of bytes, of texts, and of nested data."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

# Values at which readers and arithmetic break.
NUMBERS: tuple[Any, ...] = (
    0, -0.0, 1, -1, 2, 0.5, 1e-9, 1e-300, -1e300, 1e300, 1e308, float("inf"), float("-inf"), float("nan"), 127, 128,
    255, 256, 32767, 32768, 65536, 2**31 - 1, 2**31, -(2**31) - 1, 2**32, 2**53 + 1, 2**63 - 1, 2**63, -(2**63) - 1,
    2**64, 10**30, 10**400,
)  # fmt: skip
TEXTS: tuple[Any, ...] = (
    "", " ", "0", "-1", "nan", "1e999", "010", "yes", "no", "null", "~", "~/x", "../x", "/dev/zero",
    "/dev/null", ".", "..", "a/b", "a\\b", "x" * 300, "\x00", "\x1b[31mred\x1b[0m", "a\nb",
    "a\rb", "\u202eabc", "ÄÖÜ", "名前", "\U0001f4a5", "#x", "=1+1",
    "10:30", "2026-02-30", "2026-13-01T00:00Z", "1,5", "1_000", "0x1F", "0o17", "{", "[", "*a", "&a", "!!int abc", "%",
)  # fmt: skip
OTHERS: tuple[Any, ...] = (None, True, False, [], {}, [[]], [None], {"a": 1}, {"": None}, [1, 2, 3])

# Pieces that mean something to a reader of YAML, JSON or CSV.
_PIECES = (
    b"\x00", b"\xff", b"\xff\xfe", b"\xef\xbb\xbf", b"\r", b"\r\n", b"\n\n", b"\t", b",", b";", b":", b": ", b"\"",
    b"'", b"{", b"}", b"[", b"]", b"[" * 2000, b"{\"a\":" * 2000, b"- " * 500, b"&a ", b"*a", b"<<: *a",
    b"!!python/object/apply:os.system ['true']", b"!!int abc", b"!!float x", b"!!binary x", b"!!timestamp x",
    b"!!set {a}", b"? [a]", b"---\n", b"...\n", b"# ", b"%YAML 9\n", b"9" * 5000, b"1e999", b"NaN", b"-Infinity",
    b"\\ud800", b"\x1b]0;x\x07", b"x" * 70_000, b"~", b"null", b"|\n", b">\n",
    b"a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\n"
    b"d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\n"
    b"g: &g [*f,*f,*f,*f,*f,*f,*f,*f,*f]\nh: [*g,*g,*g,*g,*g,*g,*g,*g,*g]\n",
)  # fmt: skip


def mutated_bytes(rng: np.random.Generator, data: bytes, most: int = 4) -> bytes:
    """Some bytes changed, removed, repeated, or put in, or the end cut off.

    Args:
        rng: source of all choices.
        data: to change; not changed itself.
        most: changes at most.
    """
    for _ in range(1 if rng.random() < 0.5 else int(rng.integers(1, most + 1))):
        at = int(rng.integers(len(data) + 1))
        end = min(len(data), at + int(rng.integers(1, 40)))
        kind = int(rng.integers(7))
        if kind == 0:
            data = data[:at]
        elif kind == 1:
            data = data[:at] + data[end:]
        elif kind == 2:
            data = data[:end] + data[at:end] * int(rng.integers(1, 5)) + data[end:]
        elif kind == 3:
            data = data[:at] + bytes(rng.integers(256, size=int(rng.integers(1, 9))).tolist()) + data[at:]
        elif kind == 4 and at < len(data):
            data = data[:at] + bytes([data[at] ^ (1 << int(rng.integers(8)))]) + data[at + 1 :]
        else:
            data = data[:at] + _PIECES[int(rng.integers(len(_PIECES)))] + data[at:]
    return data


def strange(rng: np.random.Generator) -> Any:
    """A value that is rarely meant."""
    kind = int(rng.integers(10))
    if kind < 5:
        return _one(rng, NUMBERS)
    if kind < 8:
        return _one(rng, TEXTS)
    if kind < 9:
        return copy.deepcopy(_one(rng, OTHERS))
    return _nested(int(rng.integers(2, 60)))


def mutated_tree(rng: np.random.Generator, tree: Any, most: int = 3) -> Any:
    """Nested data with some values replaced, removed, moved, scaled, or of another type.

    Args:
        rng: source of all choices.
        tree: dictionaries, lists and values, as JSON has them; not changed itself.
        most: changes at most.
    """
    tree = copy.deepcopy(tree)
    for _ in range(1 if rng.random() < 0.5 else int(rng.integers(1, most + 1))):
        places = list(_places(tree))
        if not places:
            return strange(rng)
        inside, key = places[int(rng.integers(len(places)))]
        kind = int(rng.integers(8))
        if kind < 4:
            inside[key] = strange(rng)
        elif kind == 4:
            del inside[key]
        elif kind == 5:
            other, name = places[int(rng.integers(len(places)))]
            inside[key] = copy.deepcopy(other[name])
        elif kind == 6:
            inside[key] = _scaled(rng, inside[key])
        elif isinstance(inside, dict):
            inside[str(_one(rng, TEXTS))] = inside[key]
        else:
            inside.insert(key, copy.deepcopy(inside[key]))
    return tree


def _places(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Every value's container and key."""
    if isinstance(tree, dict | list):
        for key in list(tree) if isinstance(tree, dict) else range(len(tree)):
            yield tree, key
            yield from _places(tree[key])


def _scaled(rng: np.random.Generator, value: Any) -> Any:
    """A number some orders of magnitude away; another value as text."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    scaled = value * 10.0 ** int(rng.integers(-12, 13))
    return int(scaled) if isinstance(value, int) and abs(scaled) < 1e300 else scaled


def _nested(depth: int) -> Any:
    tree: Any = 1
    for _ in range(depth):
        tree = [tree]
    return tree


def _one(rng: np.random.Generator, of: Sequence[Any]) -> Any:
    return of[int(rng.integers(len(of)))]
