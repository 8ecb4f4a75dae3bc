"""Names and paths that users write."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator

from regional_dispatch.envs.world.reading.plain import hidden

_LONGEST_NAME = 80
_MARKS = frozenset(" -_.+,=()")
_NAME = "letters, digits, spaces and - _ . + , = ( ), beginning with a letter or digit"


def plain_name(name: str) -> str:
    """A name that may stand in file names and reports, as it is.

    Raises:
        ValueError: it is empty, longer than 80 characters, or holds what could leave a folder or a terminal's line.
    """
    if not name or len(name) > _LONGEST_NAME:
        raise ValueError(f"must have 1 to {_LONGEST_NAME} characters, not {len(name)}; shorten it")
    if not name[0].isalnum() or name != name.rstrip(" ."):
        raise ValueError(f"must begin with a letter or digit, and not end with a space or point; take {_NAME}")
    wrong = next((letter for letter in name if not (letter.isalnum() or letter in _MARKS or _joins(letter))), None)
    if wrong is not None:
        raise ValueError(f"must not hold {wrong!r}; take {_NAME}")
    return name


def _joins(letter: str) -> bool:
    """Whether it is part of a letter, as vowel signs and accents are."""
    return not hidden(letter) and ("a" + letter).isidentifier()


PlainName = Annotated[str, AfterValidator(plain_name)]


def expanded(path: str | Path) -> Path:
    """A path with a leading `~` written out, as a shell does: the one rule for paths, in files and on command lines."""
    return Path(os.path.expanduser(path))
