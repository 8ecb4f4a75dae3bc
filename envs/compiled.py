"""How the kernel's functions are compiled, and where the result is kept.

World and state are tuples of some fifty arrays. Numba counts a reference for each array at each call and copies the
tuple; both cost more than the work inside a function. So the kernel allocates nothing and is compiled without reference
counting, and its functions are inlined: small ones are pasted where they are called before anything is compiled, which
takes a quarter off the time to compile the kernel; larger ones are compiled once and inlined by LLVM, as pasting takes
longer the larger they are.

Numba's cache looks at the file of a function alone, not at what it inlines from other files. So the cache lives in a
folder named after the sources of all compiled functions: change one, and the kernel is compiled anew.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import numba
from numba import njit

numba_config: Any = numba.config  # its attributes are made at run time


# Files that hold nothing the kernel inlines.
NOT_COMPILED = {
    "dispatch_env",
    "generator",
    "partition",
    "placement",
    "policy",
    "replacing",
    "scenario",
    "simulator",
    "tables",
    "transfers",
    "vector_env",
    "viewer",
}

STALE_SECONDS = 7 * 24 * 3600


def _cache_dir() -> Path:
    here = Path(__file__).resolve().parent
    digest = hashlib.sha256()
    for source in sorted(here.glob("*.py")):
        if source.stem not in NOT_COMPILED:
            digest.update(source.read_bytes())
    root = Path(numba_config.CACHE_DIR or here / "__pycache__")
    if not os.access(root if root.exists() else root.parent, os.W_OK):
        root = Path(tempfile.gettempdir()) / "regional-dispatch"
    kept = root / f"kernel-{digest.hexdigest()[:16]}"
    for old in root.glob("kernel-*"):
        # A process that still runs on older sources may write there; after a week none does.
        if old != kept and old.stat().st_mtime < time.time() - STALE_SECONDS:
            shutil.rmtree(old, ignore_errors=True)
    return kept


numba_config.CACHE_DIR = str(_cache_dir())

# `_nrt` is numba's own name for reference counting; its type hints leave it out.
_options: dict[str, Any] = {"_nrt": False, "cache": True}
compiled = njit(**_options)
pasted = njit(inline="always", **_options)
inlined = njit(forceinline=True, **_options)
inlined_fastmath = njit(forceinline=True, fastmath=True, **_options)
