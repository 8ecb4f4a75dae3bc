"""The bytes of a text file as UTF-8."""

from __future__ import annotations

import codecs
import re
from pathlib import Path

import pyarrow as pa

from regional_dispatch.envs.world.findings import Findings

_PIECE = 1 << 22  # bytes decoded at once
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_WINDOWS = "cp1252"
_ALSO_UTF8 = re.compile("[^\x00-\x7f\udc80-\udcff]")  # a letter that UTF-8 gives, among bytes that are not UTF-8


def decoded(path: Path, encoding: str | None, findings: Findings) -> pa.Buffer | None:
    """A file's text in UTF-8, without a byte order mark.

    UTF-8 and UTF-16 are told apart from the bytes. Other text is read as Windows-1252, which spreadsheets write in the
    Americas and western Europe, and a finding says so.

    Args:
        path: the file.
        encoding: a Python codec. Default: found out.
        findings: what is read otherwise than as UTF-8 is added; text that has no one reading is an error.

    Returns:
        The text; None, and a finding, where it has none.
    """
    data: pa.Buffer = pa.memory_map(str(path)).read_buffer() if path.stat().st_size else pa.py_buffer(b"")
    bom, found = next(((bom, name) for bom, name in _BOMS if bytes(data[: len(bom)]) == bom), (b"", ""))
    body = data[len(bom) :]
    if encoding is None and not found:
        found = _wide(bytes(memoryview(body)[:1024]))
    chosen = encoding or found or "utf-8"
    if codecs.lookup(chosen).name != "utf-8":
        return _recoded(path, body, chosen, findings)
    wrong = _first_wrong(body)
    if wrong < 0:
        return body
    if encoding or bom:
        line = _line(body, wrong)
        findings.error(path, f"is not {chosen} at byte {wrong + 1}", "save it as CSV UTF-8", row=line)
        return None
    return _windows(path, body, wrong, findings)


def _wide(start: bytes) -> str:
    """UTF-16 without a byte order mark has a zero in almost every second byte; empty for anything else."""
    half = len(start) // 2
    for offset, name in ((1, "utf-16-le"), (0, "utf-16-be")):
        if half > 8 and start[offset::2].count(0) > 0.7 * half:
            return name
    return ""


def _recoded(path: Path, body: pa.Buffer, encoding: str, findings: Findings) -> pa.Buffer | None:
    try:
        text = bytes(body).decode(encoding)
    except UnicodeError as error:
        at = f" at byte {error.start + 1}" if isinstance(error, UnicodeDecodeError) else ""
        findings.error(path, f"is not {encoding}{at}", "save it as CSV UTF-8")
        return None
    findings.assumed(path, f"read as {encoding.upper()}")
    return pa.py_buffer(text.lstrip("\ufeff").encode())


def _windows(path: Path, body: pa.Buffer, wrong: int, findings: Findings) -> pa.Buffer | None:
    """Text that is not UTF-8, as Windows-1252."""
    raw, row = bytes(body), _line(body, wrong)
    if _ALSO_UTF8.search(raw.decode("utf-8", "surrogateescape")):
        findings.error(path, "some of it is UTF-8, and some is not", "save it as CSV UTF-8", row=row)
        return None
    try:
        text = raw.decode(_WINDOWS)
    except UnicodeDecodeError as error:
        findings.error(
            path, f"is neither UTF-8 nor Windows-1252 at byte {error.start + 1}", "save it as CSV UTF-8",
            row=_line(body, error.start),
        )  # fmt: skip
        return None
    begin = raw.rfind(b"\n", 0, wrong) + 1
    shown = raw[begin:].split(b"\n", 1)[0].decode(_WINDOWS, "replace").strip()
    findings.warning(
        path,
        "is not UTF-8, and is read as Windows-1252",
        "check the names, and save it as CSV UTF-8",
        row=row,
        value=shown,
    )
    return pa.py_buffer(text.encode())


def _first_wrong(body: pa.Buffer) -> int:
    """The first byte that is not UTF-8; −1 where all are."""
    decoder, view, done = codecs.getincrementaldecoder("utf-8")(), memoryview(body), 0
    while True:
        piece = bytes(view[done : done + _PIECE])
        pending = len(decoder.getstate()[0])
        try:
            decoder.decode(piece, final=not piece)
        except UnicodeDecodeError as error:
            return done - pending + error.start
        if not piece:
            return -1
        done += len(piece)


def _line(body: pa.Buffer, byte: int) -> int:
    """The line that a byte stands in, from 1."""
    return bytes(memoryview(body)[:byte]).count(b"\n") + 1
