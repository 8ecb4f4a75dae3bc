"""The bytes and the text of a regular file of bounded size."""

from __future__ import annotations

import codecs
import errno
import os
import stat
from io import BufferedReader
from pathlib import Path

from regional_dispatch.envs.world.errors import ScenarioError
from regional_dispatch.envs.world.reading.plain import plain

MIB = 1 << 20
_PROBLEMS = {
    errno.ENOENT: "no such file; give the path of {what}",
    errno.ENOTDIR: "no such file; give the path of {what}",
    errno.EISDIR: "is a folder; give the path of {what}",
    errno.EACCES: "cannot be read; change its permissions",
    errno.EPERM: "cannot be read; change its permissions",
    errno.ELOOP: "is a link that leads back to itself; give the path of {what}",
    errno.ENAMETOOLONG: "the name is too long; give the path of {what}",
}
_WIDE = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def open_file(path: str | Path, what: str = "a file") -> BufferedReader:
    """Opens a regular file for reading; a pipe or device is refused, and not waited for.

    Args:
        path: the file.
        what: it should be, for the error.

    Raises:
        ScenarioError: there is no such file, or it cannot be read.
    """
    try:
        number = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except OSError as error:
        problem = _PROBLEMS.get(error.errno or 0, "cannot be read ({why}); give the path of {what}")
        raise ScenarioError(f"{_shown(path)}: {problem.format(what=what, why=error.strerror)}") from None
    except ValueError:  # a zero character, or text that the system's encoding lacks
        raise ScenarioError(f"{_shown(path)}: is no path; give the path of {what}") from None
    kind = os.fstat(number).st_mode
    if not stat.S_ISREG(kind):
        os.close(number)
        called = "a folder" if stat.S_ISDIR(kind) else "a pipe or device"
        raise ScenarioError(f"{_shown(path)}: is {called}; give the path of {what}")
    return os.fdopen(number, "rb")


def read_bytes(path: str | Path, most: int, what: str = "a file") -> bytes:
    """A file's bytes.

    Args:
        path: the file.
        most: bytes it may have.
        what: it should be, for errors.

    Raises:
        ScenarioError: it cannot be read, or is larger.
    """
    with open_file(path, what) as file:
        size = os.fstat(file.fileno()).st_size
        data = b"" if size > most else file.read(most + 1)
    if max(size, len(data)) > most:
        raise ScenarioError(
            f"{_shown(path)}: has {max(size, len(data)):,} bytes; {what} may have {most:,}; give a smaller one"
        )
    return data


def read_text(path: str | Path, most: int = MIB, what: str = "a text file") -> str:
    """A file's text, which must be UTF-8; a byte order mark is left out.

    Raises:
        ScenarioError: it cannot be read, is larger than `most` bytes, or is not UTF-8.
    """
    data = read_bytes(path, most, what)
    if data.startswith(_WIDE):
        raise ScenarioError(f"{_shown(path)}: is UTF-16 or UTF-32; save it as UTF-8")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = data.count(b"\n", 0, error.start) + 1
        raise ScenarioError(f"{_shown(path)}: row {row}: is not UTF-8; save it as UTF-8") from None


def _shown(path: str | Path) -> str:
    text = plain(os.fspath(path))
    return text if len(text) <= 300 else f"{text[:200]}…"
