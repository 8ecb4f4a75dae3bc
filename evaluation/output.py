"""Writing results: the place is checked before any work, and all files of a command are written, or none."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from regional_dispatch.envs.world.replacing import replacing
from regional_dispatch.evaluation.errors import InputError


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
        raise InputError(f"{option} = {path}: cannot be written: {error}") from None


@contextmanager
def staged(folder: Path, option: str = "--out") -> Iterator[Path]:
    """A hidden folder inside `folder` to write files in; they move to `folder` when the block ends well.

    Each file replaces an existing one in one step. If the block raises, its files are gone and `folder` is as it was.

    Raises:
        InputError: the folder cannot be written to.
    """
    check_folder(folder, option)
    made = [path for path in (folder, *folder.absolute().parents) if not path.exists()]
    done = False
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".writing-", dir=folder) as name:
            yield Path(name)
            _move_all(sorted(Path(name).iterdir()), folder)
        done = True
    except OSError as error:
        raise InputError(f"{option} = {folder}: cannot write there: {error}") from None
    finally:
        if not done:
            _remove_empty(made)


def _move_all(files: list[Path], folder: Path) -> None:
    targets = [folder / file.name for file in files]
    for target in targets:
        if target.is_dir():
            raise IsADirectoryError(f"'{target}' is a folder and would be a file; remove it")
    for file, target in zip(files, targets, strict=True):
        os.replace(file, target)


def _remove_empty(folders: list[Path]) -> None:
    for folder in folders:
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
