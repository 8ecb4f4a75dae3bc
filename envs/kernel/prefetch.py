"""Prefetching: tells the processor which element of an array is needed soon.

A full-size network does not fit into any cache, and a random element of it takes as long as a hundred instructions. A
prefetch changes nothing but time, whatever element it names.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

AHEAD = 8  # elements between the one worked on and the one fetched; a power of two
_BYTE, _INT = ir.IntType(8).as_pointer(), ir.IntType(32)
_READ, _KEEP, _DATA = 0, 3, 1  # arguments of LLVM's `llvm.prefetch`


def _prefetch(typing_context: Any, array: Any, index: Any) -> Any:
    """Fetches array[index], where the index is a tuple of whole numbers, one per axis."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = signature.args[0]
        index = cgutils.unpack_tuple(builder, args[1], kind.ndim)
        view = context.make_array(kind)(context, builder, args[0])
        pointer = builder.bitcast(cgutils.get_item_pointer(context, builder, kind, view, index), _BYTE)
        shape = ir.FunctionType(ir.VoidType(), [_BYTE, _INT, _INT, _INT])
        fetch = builder.module.declare_intrinsic("llvm.prefetch", [_BYTE], shape)
        builder.call(fetch, [pointer, _INT(_READ), _INT(_KEEP), _INT(_DATA)])
        return context.get_dummy_value()

    return types.void(array, types.UniTuple(types.intp, array.ndim)), generate


prefetch: Any = intrinsic(_prefetch)  # called in compiled code as prefetch(array, index)
