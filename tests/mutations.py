"""Files that were changed at random, or on purpose, for tests of those who read them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np

# Values that a text, a number or a list may be replaced by.
ODD: tuple[Any, ...] = (
    None, True, -1, 0, 2**31, 2**63, 2**64, 10**400, 1.5, -0.0, 1e308, "", "x" * 300, "\x1b[31mred\x1b[0m", "../../x",
    [], [[]], {}, {"a": 1}, [None], ["F32"], "F16", "BF16", [2**40], [-1], [1, 1, 1, 1, 1, 1, 1, 1, 1, 1],
)  # fmt: skip


def mutated(data: bytes, count: int, seed: int) -> Iterator[bytes]:
    """So many versions of a safetensors file: bytes flipped, cut out, put in, and odd values in its header."""
    rng = np.random.default_rng(seed)
    for i in range(count):
        yield (_flipped, _cut, _doubled, _odd_header)[i % 4](data, rng)


def with_header(header: bytes, body: bytes = b"") -> bytes:
    """A file of a header and the bytes of tensors."""
    return len(header).to_bytes(8, "little") + header + body


def parts(data: bytes) -> tuple[dict[str, Any], bytes]:
    """Header and tensors of a good file."""
    size = int.from_bytes(data[:8], "little")
    return json.loads(data[8 : 8 + size]), data[8 + size :]


def _flipped(data: bytes, rng: np.random.Generator) -> bytes:
    out, header = bytearray(data), int.from_bytes(data[:8], "little")
    for _ in range(rng.integers(1, 6)):
        at = int(rng.integers(0, min(len(data), header + 8) if rng.random() < 0.5 else len(data)))
        out[at] ^= int(rng.integers(1, 256))
    return bytes(out)


def _cut(data: bytes, rng: np.random.Generator) -> bytes:
    low, high = sorted(rng.integers(0, len(data), 2).tolist())
    return data[:low] + data[high:]


def _doubled(data: bytes, rng: np.random.Generator) -> bytes:
    low, high = sorted(rng.integers(0, len(data), 2).tolist())
    return data[:high] + data[low:high][:5000] + data[high:]


def _odd_header(data: bytes, rng: np.random.Generator) -> bytes:
    header, body = parts(data)
    name = str(rng.choice(sorted(header)))
    odd = ODD[rng.integers(len(ODD))]
    inner = header[name]
    if rng.random() < 0.2:
        header[name] = odd
    elif name == "__metadata__" or rng.random() < 0.4:
        inner = header.setdefault("__metadata__", {})
        key = str(rng.choice(sorted(inner))) if inner else "format"
        inner[key] = odd if rng.random() < 0.2 else json.dumps(odd)
    else:
        inner[str(rng.choice(["dtype", "shape", "data_offsets"]))] = odd
    return with_header(json.dumps(header).encode(), body)
