"""Hostile JSON, CSV and arrays, and what may stand in names: refused in one line."""

from __future__ import annotations

import io
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest

from regional_dispatch.envs.world.errors import ScenarioError
from regional_dispatch.envs.world.reading import (
    expanded,
    parse_json,
    plain,
    plain_name,
    read_arrays,
    read_bytes,
    read_csv,
    read_json,
    read_text,
)

JSON = {
    "no JSON": (b"{", "not readable as JSON: row 1"),
    "nothing": (b"", "not readable as JSON"),
    "deep lists": (b"[" * 100_000, "is nested more than 64 deep"),
    "deep groups": (b'{"a":' * 70 + b"1" + b"}" * 70, "is nested more than 64 deep"),
    "a long number": (b"[" + b"9" * 5000 + b"]", "has 5000 digits"),
    "too large a number": (b"[1e999]", "1e999 is too large"),
    "a key twice": (b'{"a": 1, "a": 2}', "'a' is given twice"),
    "many values": (b"[" + b"[]," * 1_200_000 + b"1]", "more than 2,000,000 values"),
    "too large": (b" " * (16 << 20) + b"1", "a JSON file may have 16,777,216"),
    "not UTF-8": (b'{"a":\n"\xff"}', "row 2: is not UTF-8"),
    "UTF-16": ("{}".encode("utf-16"), "is UTF-16"),
    "code": (b"__import__('os').system('echo')", "not readable as JSON"),
}


@pytest.mark.parametrize("kind", JSON)
def test_hostile_json_is_refused(tmp_path: Path, kind: str) -> None:
    data, message = JSON[kind]
    path = tmp_path / "s.json"
    path.write_bytes(data)
    begun = time.process_time()
    with pytest.raises(ScenarioError, match=message) as error:
        read_json(path)
    assert time.process_time() - begun < 2 and str(path) in str(error.value) and len(str(error.value)) < 500


def test_json_of_our_own_is_read() -> None:
    assert parse_json('{"a": [1, 2.5, NaN, null, true, "x"]}', "x")["a"][:2] == [1, 2.5]
    assert parse_json("2.5", "x") == 2.5 and parse_json("null", "x") is None


@pytest.mark.parametrize("data", [b"", b"a,b\n1,2\n1,2,3,4\n", b"\xff\xfe", b"a," * 20_000 + b"\n1\n"])
def test_hostile_csv_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "s.csv"
    path.write_bytes(data)
    with pytest.raises(ScenarioError, match=r"s\.csv: "):
        read_csv(path)
    with pytest.raises(ScenarioError, match="a CSV file may have 10"):
        (tmp_path / "large.csv").write_bytes(b"a\n" * 10)
        read_csv(tmp_path / "large.csv", 10)


# ----------------------------------------------------------------------------------------------------------- arrays


def npz(path: Path, header: bytes | None = None, compression: int = zipfile.ZIP_STORED, data: bytes = b"") -> Path:
    """An archive of one array; with a header of its own, or a real one."""
    real = io.BytesIO()
    np.save(real, np.arange(3))
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("a.npy", real.getvalue() if header is None else header + data)
    return path


def header(text: str) -> bytes:
    padded = text.encode().ljust(118) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(padded).to_bytes(2, "little") + padded


def claims(kind: str, shape: str) -> bytes:
    return header(f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}")


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (b"PK\x03\x04 and no more", "not a zip file"),
        (b"hello", "not a zip file"),
        ((claims("<f8", "(1000000000000,)"),), "which it does not hold"),
        ((claims("|O", "(1,)"), zipfile.ZIP_STORED, b"x" * 100), "which it does not hold"),
        ((b"no array",), "magic string"),
        ((None, zipfile.ZIP_DEFLATED), "is compressed"),
    ],
)
def test_hostile_arrays_are_refused(tmp_path: Path, made: bytes | tuple, message: str) -> None:  # type: ignore[type-arg]
    path = tmp_path / "s.npz"
    if isinstance(made, bytes):
        path.write_bytes(made)
    else:
        npz(path, *made)
    with pytest.raises(ScenarioError, match=message) as error:
        read_arrays(path)
    assert str(error.value).startswith(f"{path}: not readable as .npz")


def test_arrays_are_read(tmp_path: Path) -> None:
    assert read_arrays(npz(tmp_path / "s.npz"))["a"].tolist() == [0, 1, 2]


# ------------------------------------------------------------------------------------------------------------ names


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../x", "a/b", "a\\b", "/etc", "~root", " a", "a ", "a.", "a\nb", "a\x1b[31m", "a\u202eb", "x" * 81,
     "a\0", "a:b", "a*", "\ud800", "$HOME", "a|b", "<b>", "a\u200bb"],
)  # fmt: skip
def test_a_name_that_could_lead_elsewhere_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="must"):
        plain_name(name)


@pytest.mark.parametrize(
    "name", ["us8", "twice the demand", "two_hours", "Zürich", "東京", "a-b_c.d", "x" * 80, "é", "नदी"]
)
def test_a_plain_name_is_taken(name: str) -> None:
    assert plain_name(name) == name


def test_text_for_the_terminal_shows_what_it_hides() -> None:
    assert plain("a\x1b[31m\u202e\ud800\tb\nc é") == "a\\x1b[31m\\u202e\\ud800\tb\nc é"


def test_home_is_written_out_as_a_shell_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ann")
    assert expanded("~/x.yaml") == Path("/home/ann/x.yaml") and expanded("a/~/x") == Path("a/~/x")
    assert expanded("~nosuchuser/x") == Path("~nosuchuser/x")


def test_texts_have_a_size(tmp_path: Path) -> None:
    (tmp_path / "t").write_bytes(b"\xef\xbb\xbfhello")
    assert read_text(tmp_path / "t") == "hello" and read_bytes(tmp_path / "t", 8) == b"\xef\xbb\xbfhello"
    with pytest.raises(ScenarioError, match="has 8 bytes; a file may have 7; give a smaller one"):
        read_bytes(tmp_path / "t", 7)
