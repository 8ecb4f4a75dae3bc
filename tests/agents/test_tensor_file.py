"""Files of tensors: what is written is read, and whatever is odd is refused with a reason."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regional_dispatch.agents.tensor_file import MOST_HEADER_BYTES, packed, read_bytes, unpacked
from regional_dispatch.reliability.fuzz.safetensors import parts, with_header

TENSORS = {
    "a": np.arange(6, dtype=np.float32).reshape(2, 3), "empty": np.zeros((0, 4), np.int64),
    "one": np.array(2.5), "flags": np.array([True, False]), "key": np.array([2**63], np.uint64),
}  # fmt: skip
FACTS = {"seed": 2**70, "seen": [["train", 3]], "name": "Zürich"}


def test_tensors_and_facts_come_back() -> None:
    found = unpacked(packed("kind-1", TENSORS, FACTS, checksum=True))
    assert (found.format, found.facts) == ("kind-1", FACTS)
    assert found.tensors.keys() == TENSORS.keys()
    for name, array in TENSORS.items():
        np.testing.assert_array_equal(found.tensors[name], array)
        assert found.tensors[name].dtype == array.dtype
        assert found.tensors[name].flags.writeable


@pytest.mark.parametrize("where", ["tensor", "fact", "format"])
def test_a_checksum_shows_any_change(where: str) -> None:
    text, body = parts(packed("kind-1", TENSORS, FACTS, checksum=True))
    header = json.loads(text)
    if where == "tensor":
        body = bytes([body[0] ^ 1]) + body[1:]
    elif where == "fact":
        header["__metadata__"]["name"] = '"Bern"'
    else:
        header["__metadata__"].pop("name")
    with pytest.raises(ValueError, match="checksum"):
        unpacked(with_header(json.dumps(header).encode(), body))


def one(**about: Any) -> bytes:
    """A file of one tensor of four bytes, described in another way."""
    whole = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4], **about}
    return with_header(json.dumps({"a": whole}).encode(), b"0000")


TWICE = b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
HOSTILE: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "not a safetensors file"),
    "a header of ten gigabytes": ((10 << 30).to_bytes(8, "little") + b"{}", "not a safetensors file, or cut off"),
    "a header of all there can be": (b"\xff" * 8 + b"{}", "not a safetensors file, or cut off"),
    "a header that is large indeed": (with_header(b" " * (MOST_HEADER_BYTES + 1)), "header of 4,194,305 bytes"),
    "a header that is no text": (with_header(b"\xff\xfe{}"), "its header"),
    "nesting": (with_header(b"[" * 10_000), "nested more than 64 deep"),
    "a list": (with_header(b"[1]"), "no JSON object"),
    "a name twice": (with_header(TWICE, b"0000"), "'a' is given twice"),
    "a fact twice": (with_header(b'{"__metadata__":{"x":"1","x":"2"}}'), "'x' is given twice"),
    "facts that are no texts": (with_header(b'{"__metadata__":{"x":["1"]}}'), "metadata is not text"),
    "facts that are a list": (with_header(b'{"__metadata__":["x"]}'), "metadata is not text"),
    "a fact that is no JSON": (with_header(b'{"__metadata__":{"x":"{"}}'), "x: not readable as JSON"),
    "a fact of 5,000 digits": (
        with_header(json.dumps({"__metadata__": {"x": "9" * 5000}}).encode()), "has 5000 digits",
    ),
    "a fact that is deep": (with_header(json.dumps({"__metadata__": {"x": "[" * 5000}}).encode()), "nested more"),
    "a name in red": (with_header(json.dumps({"\x1b[31m": {}}).encode()), r"'\\x1b\[31m' is no name"),
    "a long name": (with_header(json.dumps({"x" * 300: {}}).encode()), "is no name"),
    "a kind that numpy lacks": (one(dtype="BF16", shape=[2]), "tensor a is not of a known kind"),
    "a kind that is a list": (one(dtype=["F32"]), "tensor a is not of a known kind"),
    "a tensor of 10^9 numbers": (one(shape=[10**9], data_offsets=[0, 4 * 10**9]), "deserializing"),
    "a tensor beyond the file": (one(data_offsets=[0, 8], shape=[2]), "deserializing"),
    "two tensors in one place": (
        with_header(
            b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}',
            b"0000",
        ), "deserializing",
    ),
    "a length below 0": (one(shape=[-1]), "no sensible shape"),
    "a length that is true": (one(shape=[True]), "no sensible shape"),
    "seventy axes": (one(shape=[1] * 70), "no sensible shape"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_refused(name: str) -> None:
    data, message = HOSTILE[name]
    with pytest.raises(ValueError, match=message) as error:
        unpacked(data)
    assert str(error.value).isprintable()


def _sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 40)


@pytest.mark.parametrize(("make", "message"), [(_sparse, "at most 1,000 are read"), (os.mkfifo, "not a regular file")])
def test_large_files_and_pipes_are_not_read(make: Callable[[Path], None], message: str, tmp_path: Path) -> None:
    make(tmp_path / "file")
    with pytest.raises(ValueError, match=message):
        read_bytes(tmp_path / "file", 1000)
