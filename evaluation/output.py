"""Writing results: the place is checked before any work, and all files of a command are written, or none."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from regional_dispatch.envs.world.replacing import hidden_folder, is_running, naming, replacing, sync
from regional_dispatch.evaluation.disk import cannot_write
from regional_dispatch.evaluation.errors import InputError

NOT_A_NUMBER = "nan"  # a KPI of nothing in a CSV file, as Python's float, pandas and databases read it
NEW, OLD = "new", "old"
_MOVING = re.compile(r"\.moving-(\d+)-[0-9a-f]{8}")


def check_folder(folder: Path, option: str = "--out") -> None:
    """Checks, before any work, that results can be written to a folder; creates nothing.

    Raises:
        InputError: it is a file, lies under one, or may not be written to.
    """
    nearest = next(path for path in (folder, *folder.absolute().parents) if os.path.lexists(path))
    if not nearest.is_dir():
        raise InputError(f"{option} = {folder}: '{nearest}' is not a folder; give another path")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise InputError(
            f"{option} = {folder}: may not write in '{nearest}'; give another path or change its permissions"
        )


def check_file(path: Path, suffixes: tuple[str, ...], option: str = "--out") -> None:
    """Checks, before any work, that a result can be written to a file; creates nothing.

    Raises:
        InputError: it is a folder, has another ending, or its folder may not be written to.
    """
    if path.suffix not in suffixes:
        raise InputError(f"{option} = {path}: must end in {' or '.join(suffixes)}; name a file")
    if path.is_dir():
        raise InputError(f"{option} = {path}: is a folder; name a file")
    check_folder(path.parent, option)


def write_file(path: Path, content: str | bytes, option: str = "--out") -> None:
    """Writes a file, whole or not at all; its folder is created if it is missing.

    Raises:
        InputError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as file:
            file.write_bytes(content if isinstance(content, bytes) else content.encode())
    except OSError as error:
        raise InputError(f"{option}: {cannot_write(error, path)}") from None


@contextmanager
def staged(folder: Path, option: str = "--out") -> Iterator[Path]:
    """A hidden folder inside `folder` to write files in; they move to `folder` when the block ends well.

    Each file replaces an existing one in one step. If the block or a move raises, `folder` is as it was. If the process
    is killed before the moves, `folder` is as it was; if it is killed between them, `finish_moves` does the rest.

    Raises:
        InputError: the folder cannot be written to.
    """
    check_folder(folder, option)
    made = [path for path in (folder, *folder.absolute().parents) if not os.path.lexists(path)]
    done = False
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with hidden_folder(folder) as hidden:
            files = hidden / NEW
            files.mkdir()
            try:
                yield files
                for file in files.iterdir():
                    sync(file)
            except OSError as error:
                raise naming(error, folder, hidden) from None
            _move_all(hidden, folder)
        done = True
    except OSError as error:
        raise InputError(f"{option}: {cannot_write(error, folder)}") from None
    finally:
        if not done:
            _remove_empty(made)


def _move_all(hidden: Path, folder: Path) -> None:
    """Moves all new files in place of old ones, or none. From the first renaming on, `finish_moves` can finish it."""
    names = sorted(file.name for file in (hidden / NEW).iterdir())
    for name in names:
        if (folder / name).is_dir():
            raise IsADirectoryError(f"'{folder / name}' is a folder and would be a file; remove it")
    (hidden / OLD).mkdir()
    sync(hidden / NEW)
    moving = hidden.with_name(hidden.name.replace("writing", "moving"))
    hidden.rename(moving)
    sync(folder)
    try:
        for name in names:
            _keep(folder / name, moving / OLD / name)
            os.replace(moving / NEW / name, folder / name)
    except BaseException:
        _undo(moving, folder, names)
        raise
    finally:
        moving.rename(hidden)  # nothing is left to finish
    sync(folder)


def _keep(file: Path, aside: Path) -> None:
    """Gives a file that is there a second name; on a disk that has no links, another one."""
    if not file.exists():
        return
    try:
        os.link(file, aside)
    except OSError:
        os.replace(file, aside)


def _undo(moving: Path, folder: Path, names: list[str]) -> None:
    """Takes moves back: first all new files, so that they could still be moved if this is interrupted, then the old."""
    for name in names:
        if not (moving / NEW / name).exists():
            os.replace(folder / name, moving / NEW / name)
    for old in (moving / OLD).iterdir():
        os.replace(old, folder / old.name)


def finish_moves(folder: Path) -> None:
    """Moves the files that a killed process had written whole, and had begun to move, to where they belong."""
    for moving in [path for path in folder.glob(".moving-*") if path.is_dir()]:
        found = _MOVING.fullmatch(moving.name)
        if found and not is_running(int(found[1])):
            for file in sorted((moving / NEW).iterdir()):
                os.replace(file, folder / file.name)
            sync(folder)
            shutil.rmtree(moving, ignore_errors=True)


def _remove_empty(folders: list[Path]) -> None:
    for folder in folders:
        with suppress(OSError):
            folder.rmdir()
