"""How the kernel's functions are compiled, and where the result is kept.

World and state are tuples of some fifty arrays. Numba counts a reference for each array at each call and copies the
tuple; both cost more than the work inside a function. So the kernel allocates nothing and is compiled without reference
counting, and its small functions are inlined.

Numba's cache looks at the file of a function alone, not at what it inlines from other files. So the cache lives in a
folder named after all sources of this package: change one, and the kernel is compiled anew.
"""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import numba
from numba import njit


def _cache_dir() -> Path:
    here = Path(__file__).resolve().parent
    digest = hashlib.sha256()
    for source in sorted(here.glob("*.py")):
        digest.update(source.read_bytes())
    root = Path(numba.config.CACHE_DIR or here / "__pycache__")
    kept = root / f"kernel-{digest.hexdigest()[:16]}"
    for old in root.glob("kernel-*"):
        if old != kept:
            shutil.rmtree(old, ignore_errors=True)
    return kept


numba.config.CACHE_DIR = str(_cache_dir())

compiled = njit(_nrt=False, cache=True)
inlined = njit(_nrt=False, cache=True, forceinline=True)
