"""Atomic writing: a file is complete or not there at all, also after the machine lost power."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex

_STRAY_FILE = re.compile(r"\.(\d+)\.[0-9a-f]{8}\.")
_STRAY_FOLDER = re.compile(r"\.writing-(\d+)-[0-9a-f]{8}")
_LONGEST = 200  # characters of a file's name that its temporary name keeps; file systems allow 255 bytes


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """A hidden path in the folder of `path`, with the same ending, to write to.

    It replaces `path` when the block ends, after its content has reached the disk, and is removed if the block raises.

    Raises:
        OSError: it cannot be written; the error names `path`.
    """
    path = Path(path)
    temporary = path.with_name(f".{os.getpid()}.{token_hex(4)}{_kept_name(path)}")
    try:
        yield temporary
        sync(temporary)
        os.replace(temporary, path)
        sync(path.parent)
    except OSError as error:
        raise naming(error, path, temporary) from None
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextmanager
def hidden_folder(parent: Path) -> Iterator[Path]:
    """A new hidden folder in `parent` to write to; whatever is still in it when the block ends is removed."""
    folder = parent / f".writing-{os.getpid()}-{token_hex(4)}"
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sync(path: Path) -> None:
    """Has the system put a file's content, or a folder's list of names, on the disk."""
    is_folder = path.is_dir()
    try:
        number = os.open(path, os.O_RDONLY if is_folder else os.O_RDWR)
    except OSError:
        if is_folder:
            return  # Windows opens no folder
        raise
    try:
        os.fsync(number)
    except OSError:
        if not is_folder:  # some network disks sync no folder
            raise
    finally:
        os.close(number)


def naming(error: OSError, path: Path, temporary: Path) -> OSError:
    """The error of a write, with the path that a user knows in place of the temporary one or of none."""
    if error.errno is None or (error.filename is not None and str(temporary) not in str(error.filename)):
        return error
    return OSError(error.errno, error.strerror, str(path))


def remove_strays(path: Path) -> list[Path]:
    """Removes what killed processes have left half-written: in a folder and below it, or, of a file, beside it.

    Only names that `replacing` and `hidden_folder` give are removed, and none of a process that still runs.

    Args:
        path: of a folder, or of a file that is there or not.

    Returns:
        What was removed.
    """
    if not path.is_dir():
        own = (beside for beside in path.absolute().parent.glob(".*") if beside.name.endswith(_kept_name(path)))
        return _unlinked(own)
    removed = []
    for place, folders, files in os.walk(path):
        for name in [name for name in folders if _is_stray(_STRAY_FOLDER.fullmatch(name))]:
            folders.remove(name)
            shutil.rmtree(Path(place) / name, ignore_errors=True)
            removed.append(Path(place) / name)
        removed += _unlinked(Path(place) / name for name in files)
    return removed


def _unlinked(files: Iterable[Path]) -> list[Path]:
    """Removes those that are strays, and returns them."""
    removed = []
    for file in [file for file in files if _is_stray(_STRAY_FILE.match(file.name))]:
        with suppress(OSError):
            file.unlink()
            removed.append(file)
    return removed


def _kept_name(path: Path) -> str:
    """The end of a temporary name that is the file's own."""
    return f".{path.name[-_LONGEST:]}"


def _is_stray(found: re.Match[str] | None) -> bool:
    return found is not None and not is_running(int(found[1]))


def is_running(process: int) -> bool:
    """Whether a process other than this one has that number. A container may give a number again at once."""
    if process == os.getpid():
        return False
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True  # another user's
    return True
