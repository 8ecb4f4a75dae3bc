"""Taking an output folder or file for this process: checked, locked, marked, and cleared of what a killed one left.

The mark of a folder, `.regional-dispatch.json`, says which kind of results it holds and which command wrote there last.
It is also the file that is locked. The system releases a lock when its process ends, however it ends.
"""

from __future__ import annotations

import atexit
import errno
import json
import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock, Timeout

import regional_dispatch
from regional_dispatch.envs.world.replacing import remove_strays
from regional_dispatch.evaluation.disk import cannot_write
from regional_dispatch.evaluation.errors import InputError
from regional_dispatch.evaluation.folders.kinds import (
    MARK,
    WITH_CELLS,
    fields_of,
    foreign_entries,
    marked_kind,
    recognised_kind,
)
from regional_dispatch.evaluation.output import check_file, check_folder, finish_moves

PATIENCE_SECONDS = 3.0  # a process whose parent was killed may need a second to end
_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP}  # of some network disks
_SHOWN = 3  # names in a message


class _Claim(NamedTuple):
    lock: FileLock
    made: list[Path]  # folders that were missing, the innermost first
    first: bool  # nothing was there before


_held: dict[Path, _Claim] = {}  # by resolved path of the locked file


def claim(folder: Path, kind: str, option: str = "--out") -> None:
    """Takes a folder for results of one kind, until `release` or the end of this process; makes it if it is missing.

    It must be new, empty, or hold results of that kind. It is locked and marked. Half-written files of killed processes
    are removed, and moves that one had begun are finished.

    Args:
        folder: for the results.
        kind: of `evaluation.folders.kinds`.
        option: that gave the folder, for messages.

    Raises:
        InputError: the folder holds something else, another process writes there, or it cannot be written to.
    """
    check_folder(folder, option)
    check_kind(folder, kind, option)
    try:
        first = not os.path.lexists(folder) or not any(folder.iterdir())
        if not _lock(folder / MARK, folder, option, first):
            return
        check_kind(folder, kind, option)
        _mark(folder, kind)
        finish_moves(folder)
        remove_strays(folder)
    except OSError as error:
        raise InputError(f"{option}: {cannot_write(error, folder)}") from None


def claim_file(path: Path, suffixes: tuple[str, ...], option: str = "--out") -> None:
    """Takes a file for a result, until `release` or the end of this process. An existing one may be replaced.

    Raises:
        InputError: it has another ending, is a folder, cannot be written, or another process is about to write it.
    """
    check_file(path, suffixes, option)
    hold(path, option)


def hold(path: Path, option: str = "--out") -> None:
    """Locks a file, or a folder that commands write to in turn, by a hidden file beside it that goes with the lock.

    What killed processes have left of it half-written is removed.

    Raises:
        InputError: another process has it, or nothing can be written beside it.
    """
    lock = path.absolute().with_name(f".{path.name[-200:]}.lock")
    try:
        if _lock(lock, path, option, True):
            remove_strays(path)
    except OSError as error:
        raise InputError(f"{option}: {cannot_write(error, path)}") from None


@contextmanager
def claimed(folder: Path, kind: str, option: str = "--out") -> Iterator[None]:
    """`claim`, for the block alone."""
    before = set(_held)
    claim(folder, kind, option)
    try:
        yield
    finally:
        for lock in [lock for lock in _held if lock not in before]:
            _release(lock)


def release() -> None:
    """Gives back all that this process holds; folders in which nothing was written are removed again."""
    for lock in list(_held):
        _release(lock)


def check_kind(folder: Path, kind: str, option: str = "--out") -> None:
    """Checks that a folder is missing, empty, or holds results of a kind; touches nothing.

    Raises:
        InputError: it holds something else, or cannot be read.
    """
    try:
        if not os.path.lexists(folder):
            return
        marked = marked_kind(folder)
        names = foreign_entries(folder)
        found = marked or (recognised_kind(folder) if names else kind)
    except OSError as error:
        raise InputError(f"{option} = {folder}: cannot be read: {error.strerror}; give another path") from None
    if found == kind or (found == "cells" and kind in WITH_CELLS):
        return
    if found is not None:
        raise InputError(
            f"{option} = {folder}: holds results of kind '{found}', and this command writes '{kind}'; name another "
            "folder"
        )
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    raise InputError(
        f"{option} = {folder}: holds files that are no '{kind}' of this project ({', '.join(names[:_SHOWN])}{more}); "
        "name a new or empty folder"
    )


def _lock(file: Path, subject: Path, option: str, first: bool) -> bool:
    """Locks a file, which is made if it is missing. Returns False if this process holds it already."""
    if file.resolve() in _held:
        return False
    made = [path for path in file.absolute().parents if not os.path.lexists(path)]
    file.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(file, timeout=PATIENCE_SECONDS, thread_local=False)
    try:
        lock.acquire()
    except Timeout:
        raise InputError(f"{option} = {subject}: in use by {_user(file)}; wait for it, or name another") from None
    except (NotImplementedError, OSError) as error:
        if isinstance(error, OSError) and error.errno not in _NO_LOCKS:
            raise
        print(f"note: {subject}: this disk has no locks ({error}); give one command at a time there", file=sys.stderr)
        file.touch()
    _held[file.resolve()] = _Claim(lock, made, first)
    _write_use(file, _user_facts())
    return True


def _mark(folder: Path, kind: str) -> None:
    """Writes the mark of a folder that has none."""
    if marked_kind(folder) == kind:
        return
    made = datetime.now(UTC).isoformat(timespec="seconds")
    mark = {"kind": kind, "version": regional_dispatch.__version__, "made": made, "command": _user_facts()["command"]}
    _write(folder / MARK, mark, _user_facts())


def _write_use(file: Path, use: dict[str, object] | None) -> None:
    """Writes who uses a locked file, after the mark that it may hold."""
    _write(file, fields_of(file), use)


def _write(file: Path, mark: dict[str, object], use: dict[str, object] | None) -> None:
    """Writes in place, so that the locked file stays the same one: a mark in one line, and its user in another."""
    lines = [json.dumps(line, ensure_ascii=False) for line in (mark, use) if line is not None]
    with file.open("r+b") as opened:
        opened.write(("\n".join(lines) + "\n").encode())
        opened.truncate()
        opened.flush()
        os.fsync(opened.fileno())


def _user_facts() -> dict[str, object]:
    return {"process": os.getpid(), "command": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])}


def _user(file: Path) -> str:
    """The process that holds a lock, as far as the file says."""
    try:
        facts = json.loads(file.read_text(encoding="utf-8").splitlines()[1])
        return f"process {facts['process']} ({facts['command']})"
    except (OSError, ValueError, LookupError, TypeError):
        return "another process"


def _release(file: Path) -> None:
    held = _held.pop(file)
    with suppress(OSError):
        if file.name != MARK or (held.first and [path.name for path in file.parent.iterdir()] == [MARK]):
            file.unlink()
        else:
            _write_use(file, None)
    held.lock.release()
    for folder in held.made:
        with suppress(OSError):
            folder.rmdir()  # if it is empty


atexit.register(release)
