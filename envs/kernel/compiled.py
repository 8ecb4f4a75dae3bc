"""How compiled functions are compiled, and where the result is kept.

World and state are tuples of some fifty arrays. Numba counts a reference for each array at each call and copies the
tuple; both cost more than the work inside a function. So the kernel allocates nothing and is compiled without reference
counting, and its functions are inlined: small ones are pasted where they are called before anything is compiled, larger
ones are compiled once and inlined by LLVM, as pasting takes longer the larger they are.

The cache is keyed by content: a function's result is kept under the digest of all source files of the kernel and of
the folder that the function is in. So a copy of the project, another checkout or an installed wheel finds what was
compiled before, and a change to any compiled file compiles what may contain it again. Numba's own key is a function's
file and its path, and it does not see what a function inlines from other files.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import FunctionType
from typing import Any

import numba
from numba import njit
from numba.core.caching import _CacheLocator
from numba.core.registry import CPUDispatcher

from regional_dispatch.envs.compile_progress import show_compile_progress
from regional_dispatch.envs.fingerprint import source_digest
from regional_dispatch.envs.kernel.bounds import check_negative_indices, is_checked
from regional_dispatch.envs.world.shipped import HOME

numba_config: Any = numba.config  # its attributes are made at run time
_njit: Any = njit  # takes options that its type hints leave out

KERNEL = "envs/kernel"
STALE_SECONDS = 30 * 24 * 3600
CACHE_VARIABLE = "REGIONAL_DISPATCH_CACHE"


@cache
def cache_root() -> Path:
    """The folder of compiled code: $REGIONAL_DISPATCH_CACHE, else the user's cache folder.

    Compiled code is loaded as it is, so the folder must be the user's own and closed to others. Where there is no such
    folder and none can be made, a new private one serves this process alone.
    """
    home = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    chosen = Path(os.environ.get(CACHE_VARIABLE) or home / "regional-dispatch").expanduser()
    try:
        chosen.mkdir(mode=0o700, parents=True, exist_ok=True)
        if _is_private(chosen):
            with tempfile.TemporaryFile(dir=chosen):
                return chosen
    except OSError:
        pass
    return Path(tempfile.mkdtemp(prefix="regional-dispatch-"))


def _is_private(folder: Path) -> bool:
    """Only the user may write there."""
    if not hasattr(os, "getuid"):
        return True
    found = folder.stat()
    return found.st_uid == os.getuid() and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


@cache
def kernel_folder() -> Path:
    """The folder of what was compiled from today's sources; older ones go when a month has passed.

    The debug build (`envs.kernel.bounds`) has a folder of its own.
    """
    root = cache_root()
    kept = root / f"kernel-{source_digest([KERNEL])[:16]}{'-checked' if is_checked() else ''}"
    for old in root.glob("kernel-*"):
        if old != kept and old.stat().st_mtime < time.time() - STALE_SECONDS:
            shutil.rmtree(old, ignore_errors=True)
    return kept


@cache
def _folder_digest(folder: str) -> str:
    return source_digest([folder])


class ContentLocator(_CacheLocator):
    """Where numba keeps a function of this package, by content; see `numba.config.CACHE_LOCATOR_CLASSES`."""

    def __init__(self, py_func: Any, py_file: str) -> None:
        self._place = Path(py_file).resolve().relative_to(HOME)
        self._line = py_func.__code__.co_firstlineno
        self._stamp = _folder_digest(self._place.parent.as_posix())

    @classmethod
    def from_function(cls, py_func: Any, py_file: str) -> ContentLocator | None:
        """A locator for a function of this package; None for any other."""
        if not Path(py_file).resolve().is_relative_to(HOME):
            return None
        locator = cls(py_func, py_file)
        locator.ensure_cache_path()
        return locator

    def get_cache_path(self) -> str:
        return str(kernel_folder() / "-".join(self._place.with_suffix("").parts))

    def get_source_stamp(self) -> str:
        return self._stamp

    def get_disambiguator(self) -> str:
        return str(self._line)


def _use_content_locator() -> None:
    """Puts our locator before numba's own, which go on serving all other functions."""
    ours = f"{__name__}.{ContentLocator.__name__}"
    others = numba_config.CACHE_LOCATOR_CLASSES or ",".join(
        f"{kind.__module__}.{kind.__name__}" for kind in numba.core.caching.CacheImpl._locator_classes
    )
    if ours not in others:
        numba_config.CACHE_LOCATOR_CLASSES = f"{ours},{others}"


_use_content_locator()
show_compile_progress()
if is_checked():
    check_negative_indices()

# `_nrt` is numba's own name for reference counting; its type hints leave it out.
_options: dict[str, Any] = {"_nrt": False, "cache": True, "no_cfunc_wrapper": True}
# Without the wrapper that Python calls a function by: with our tuples it is most of what there is to compile.
_internal: dict[str, Any] = {**_options, "no_cpython_wrapper": True}


class InternalFunction(CPUDispatcher):
    """A function for compiled code. Called from Python, as in tests, it is compiled once more, with a wrapper."""

    def __call__(self, *args: Any) -> Any:
        if not hasattr(self, "_callable"):
            self._callable = _njit(**_options)(_renamed(self.py_func))
        return self._callable(*args)


def _renamed(function: Any) -> Any:
    """The same function under another name, which the cache keeps apart from the one without a wrapper."""
    parts = function.__code__, function.__globals__, function.__name__, function.__defaults__, function.__closure__
    renamed = FunctionType(*parts)
    renamed.__qualname__ = f"{function.__qualname__}_from_python"
    renamed.__module__ = function.__module__
    return renamed


def _for_compiled_code(**options: Any) -> Callable[[Any], Any]:
    def decorate(function: Any) -> Any:
        dispatcher = _njit(**_internal, **options)(function)
        dispatcher.__class__ = InternalFunction
        return dispatcher

    return decorate


compiled = _njit(**_options)  # called from Python
compiled_with_memory = _njit(cache=True, no_cfunc_wrapper=True, nogil=True)  # the same, and may allocate
compiled_fastmath = _njit(_nrt=True, cache=True, no_cfunc_wrapper=True, fastmath=True)  # may allocate
subroutine = _for_compiled_code()  # compiled once, called from compiled code
_forced = not is_checked()  # the checks of what is inlined would be compiled again in every caller
inlined = _for_compiled_code(forceinline=_forced)
inlined_fastmath = _for_compiled_code(forceinline=_forced, fastmath=True)
pasted = _for_compiled_code(inline="always")
