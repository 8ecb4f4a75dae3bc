"""Arrays in a `.npz` file that is not compressed, so that its size bounds what it takes to read."""

from __future__ import annotations

import math
import zipfile
import zlib
from pathlib import Path

import numpy as np

from regional_dispatch.envs.world.errors import ScenarioError
from regional_dispatch.envs.world.reading.files import open_file
from regional_dispatch.envs.world.reading.plain import plain

_MOST_ARRAYS = 1000
_BAD = (zipfile.BadZipFile, zlib.error, ValueError, EOFError, OSError, NotImplementedError, RuntimeError, TypeError)


def read_arrays(path: str | Path) -> dict[str, np.ndarray]:
    """The arrays of a `.npz` file by name; none of Python objects.

    Args:
        path: the file.

    Raises:
        ScenarioError: it cannot be read, is compressed, or an array claims more than the file holds.
    """
    where = plain(str(path))
    with open_file(path, "an .npz file") as file:
        try:
            _check(file)
            file.seek(0)
            with np.load(file, allow_pickle=False) as arrays:
                return {name: arrays[name] for name in arrays.files}
        except _BAD as error:
            raise ScenarioError(f"{where}: not readable as .npz ({plain(str(error))}); write it again") from None


def _check(file: object) -> None:
    """Raises ValueError where the directory, or the header of an array, says too much."""
    with zipfile.ZipFile(file) as archive:  # type: ignore[call-overload]
        members = archive.infolist()
        if len(members) > _MOST_ARRAYS:
            raise ValueError(f"it holds more than {_MOST_ARRAYS} arrays")
        for member in members:
            if member.compress_type != zipfile.ZIP_STORED:
                raise ValueError(f"{member.filename} is compressed")
            with archive.open(member) as inner:
                version = np.lib.format.read_magic(inner)
                read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
                shape, _, dtype = read(inner)
            if dtype.hasobject or math.prod(shape) * dtype.itemsize > member.file_size:
                raise ValueError(f"{member.filename} claims {shape} values of {dtype}, which it does not hold")
