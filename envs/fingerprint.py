"""Digests of source code: what a compiled kernel, or a kept result, was made from."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

from regional_dispatch.envs.world.shipped import HOME


def source_files(places: Iterable[str], leave_out: Sequence[str] = ()) -> list[Path]:
    """Python files under some places of the package, sorted by path.

    Args:
        places: folders, read recursively, or files; relative to the package, such as `envs/kernel`.
        leave_out: folders or files below them that do not count.
    """
    found: set[Path] = set()
    for place in places:
        path = HOME / place
        found.update(path.rglob("*.py") if path.is_dir() else [path])
    return sorted(path for path in found if not any(path.is_relative_to(HOME / place) for place in leave_out))


def source_digest(places: Iterable[str], leave_out: Sequence[str] = ()) -> str:
    """A digest of those files: of their paths inside the package and their content, 32 hexadecimal digits."""
    digest = hashlib.sha256()
    for path in source_files(places, leave_out):
        digest.update(path.relative_to(HOME).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:32]


def code_digest(places: Iterable[str], leave_out: Sequence[str] = ()) -> str:
    """The same of what the files say to Python alone: comments and layout do not count."""
    texts = (path.read_text(encoding="utf-8") for path in source_files(places, leave_out))
    return hashlib.sha256("".join(ast.dump(ast.parse(text)) for text in texts).encode()).hexdigest()[:32]
