"""The debug build: compiled code that checks every index, for tests (`NUMBA_BOUNDSCHECK=1`, or `make test-checked`).

Numba's own check lets an index of −1 stand for the last element, as in Python. Here −1 is the end of a linked list, and
an array that is read there has lost its way. So in functions of this package a computed index below zero is out of
bounds too; a literal such as `x[-1]` keeps its meaning. The release build is compiled without any of this, and the two
are kept in different folders of the cache.
"""

from __future__ import annotations

from typing import Any

import numba
from llvmlite import ir
from numba.core import cgutils, types
from numba.np import arrayobj

PACKAGE = "regional_dispatch"
_config: Any = numba.config  # its attributes are made at run time
_numba_fix, _numba_check = arrayobj.fix_integer_index, cgutils.do_boundscheck


def is_checked() -> bool:
    """Is this the debug build?"""
    return bool(_config.BOUNDSCHECK)


def check_negative_indices() -> None:
    """From now on, what numba compiles of this package takes no negative index, and errors name the function."""
    arrayobj.fix_integer_index = _fix_index
    cgutils.do_boundscheck = _check_bounds


def _fix_index(context: Any, builder: Any, kind: Any, index: Any, size: Any) -> Any:
    """An index as the check that follows sees it: not wrapped around."""
    if not _is_ours(builder) or isinstance(index, ir.Constant) or not kind.signed:
        return _numba_fix(context, builder, kind, index, size)
    return context.cast(builder, index, kind, types.intp)


def _check_bounds(context: Any, builder: Any, index: Any, size: Any, axis: int | None = None) -> None:
    """Raises IndexError if an index is not in 0…size − 1. Seen as an unsigned number, a negative one is too large."""
    if not _is_ours(builder):
        _numba_check(context, builder, index, size, axis)
        return
    function = function_name(builder.function.name)
    with cgutils.if_unlikely(builder, builder.icmp_unsigned(">=", index, size)):
        context.call_conv.return_user_exc(builder, IndexError, (f"index is out of bounds on axis {axis}, {function}",))


def _is_ours(builder: Any) -> bool:
    return PACKAGE in builder.function.name


def function_name(mangled: str) -> str:
    """The function's part of a mangled name: `_ZN…6kernel4tick10begin_tickB2v…` is `kernel.tick.begin_tick`."""
    at, parts = len("_ZN"), []
    while at < len(mangled) and mangled[at].isdigit():
        end = at
        while mangled[end].isdigit():
            end += 1
        size = int(mangled[at:end])
        parts.append(mangled[end : end + size])
        at = end + size
    return ".".join(parts[2:] or parts)
