"""What a kind of input must do, and how an input may end."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Protocol

import numpy as np

_PACKAGE = "regional_dispatch.reliability.fuzz.kinds"


class Kind(Protocol):
    """One kind of input."""

    def __init__(self, folder: Path) -> None:
        """Prepares what all inputs start from, in a folder of its own."""

    def make(self, rng: np.random.Generator, folder: Path) -> None:
        """Writes one mutated input to an empty folder."""

    def use(self, folder: Path) -> bool:
        """Uses the input as a command would.

        Returns:
            False if it was refused where the refusal is no error of this project's, such as an answer over HTTP.

        Raises:
            ValueError: one of the errors that name what is wrong with an input; any other error is a failure.
        """


def kinds() -> Iterator[str]:
    """The kinds by name: files of the folder `kinds`."""
    return (path.stem for path in sorted((Path(__file__).parent / "kinds").glob("[a-z]*.py")))


def open_kind(name: str, folder: Path) -> Kind:
    """A kind, ready to make inputs."""
    opened: Kind = import_module(f"{_PACKAGE}.{name}").Cases(folder)
    return opened
