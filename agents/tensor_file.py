"""Files of tensors and facts, in the safetensors format, read with limits. Nothing in such a file is ever executed.

The safetensors library checks that every tensor lies within the file and overlaps no other. What it leaves open is
checked here first: the size of the file and of its header, names given twice, kinds of numbers, and the facts, which
are JSON texts in the file's metadata. A file may carry a checksum over tensors and facts, which shows damage.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from regional_dispatch.envs.world.digest import digest
from regional_dispatch.envs.world.reading import parse_json, printable

MOST_HEADER_BYTES = 4 << 20
MOST_TENSORS = 20_000
MOST_AXES = 8
MOST_NAME = 255  # characters
FORMAT, CHECKSUM, METADATA = "format", "checksum", "__metadata__"
DTYPES = frozenset({"BOOL", "U8", "I8", "I16", "U16", "I32", "U32", "I64", "U64", "F16", "F32", "F64"})


class Contents(NamedTuple):
    """What a file holds."""

    format: str | None
    tensors: dict[str, np.ndarray]  # writable
    facts: dict[str, Any]


def packed(
    format_name: str, tensors: Mapping[str, np.ndarray], facts: Mapping[str, Any], checksum: bool = False
) -> bytes:
    """The bytes of a file.

    Args:
        format_name: kind and version of the file.
        tensors: arrays of numbers or truth values.
        facts: JSON values.
        checksum: adds one, so that nothing in the file can be changed unnoticed.
    """
    arrays = {name: np.ascontiguousarray(array).reshape(array.shape) for name, array in tensors.items()}
    texts = {name: json.dumps(value, allow_nan=False) for name, value in facts.items()}
    own = {CHECKSUM: _checksum(arrays, texts)} if checksum else {}
    return save(arrays, {FORMAT: format_name, **own, **texts})


def read_bytes(path: Path, most_bytes: int) -> bytes:
    """The content of a regular file.

    Raises:
        ValueError: it is larger, or a device or a pipe.
        OSError: it cannot be read.
    """
    status = os.stat(path)
    if not stat.S_ISREG(status.st_mode):
        raise ValueError("not a regular file")
    if status.st_size > most_bytes:
        raise ValueError(f"{status.st_size:,} bytes, at most {most_bytes:,} are read")
    with open(path, "rb") as file:
        return file.read(most_bytes)


def unpacked(data: bytes) -> Contents:
    """The tensors and facts of a file. A file without a checksum is taken as it is.

    Raises:
        ValueError: it is damaged, or no such file; the text says what is wrong.
    """
    texts = _checked_header(data)
    try:
        tensors = {name: array.copy() for name, array in load(data).items()}
    except (SafetensorError, KeyError, TypeError) as error:
        raise ValueError(printable(str(error))) from None
    format_name, checksum = texts.pop(FORMAT, None), texts.pop(CHECKSUM, None)
    if checksum is not None and checksum != _checksum(tensors, texts):
        raise ValueError("its checksum is not that of its content")
    return Contents(format_name, tensors, {name: _fact(name, text) for name, text in texts.items()})


def _checksum(tensors: Mapping[str, np.ndarray], texts: Mapping[str, str]) -> str:
    named = (part for name in sorted(tensors) for part in (name, tensors[name]))
    return digest(tuple(sorted(texts.items())), *named)


def _checked_header(data: bytes) -> dict[str, str]:
    """The metadata; everything else in the header is checked."""
    size = int.from_bytes(data[:8], "little")
    if len(data) < 8 or not 2 <= size <= len(data) - 8:
        raise ValueError("not a safetensors file, or cut off")
    if size > MOST_HEADER_BYTES:
        raise ValueError(f"a header of {size:,} bytes, at most {MOST_HEADER_BYTES:,} are read")
    try:
        header = parse_json(data[8 : 8 + size].decode(), "its header", finite=True)
    except UnicodeDecodeError as error:
        raise ValueError(f"its header: {error}") from None
    if not isinstance(header, dict):
        raise ValueError("its header is no JSON object")
    texts = header.pop(METADATA, {})
    if len(header) > MOST_TENSORS:
        raise ValueError(f"{len(header):,} tensors, at most {MOST_TENSORS:,} are read")
    for name, about in header.items():
        _check_tensor(name, about)
    if not (isinstance(texts, dict) and all(isinstance(text, str) for text in texts.values())):
        raise ValueError("its metadata is not text")
    for name in texts:
        _check_name(name)
    return texts


def _check_tensor(name: str, about: Any) -> None:
    _check_name(name)
    dtype = about.get("dtype") if isinstance(about, dict) else None
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise ValueError(f"tensor {name} is not of a known kind of number")
    shape = about.get("shape")
    if not isinstance(shape, list) or len(shape) > MOST_AXES or not all(map(_is_length, shape)):
        raise ValueError(f"tensor {name} has no sensible shape")


def _is_length(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**48


def _check_name(name: str) -> None:
    if len(name) > MOST_NAME or not name.isprintable():
        raise ValueError(f"'{printable(name, 40)}' is no name of a tensor or a fact")


def _fact(name: str, text: str) -> Any:
    return parse_json(text, f"its metadata: {name}", finite=True)
