"""Parts of compiled loops that are compiled once, and that loops call as functions of C.

Numba compiles what a loop calls again as a part of that loop, and three times over where the loop is parallel.  That is worth
it for a few instructions, but not for the product of two panels.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["external", "memory"]


def external(**arrays: str) -> Callable[[Any], Any]:
    """Let compiled loops call a function from outside of them; it returns nothing.

    Its arguments are integers, and arrays: those named here, with the type of their elements.  Compiled, it is given where
    these begin, so it reads them through `memory`.
    """

    def decorate(function: Any) -> Any:
        function.arrays = arrays
        return function

    return decorate


def memory(x: Any) -> Any:
    """An array that was given to an external function, as 1-d: all that lies between its first and its last element."""
    if 0 in x.shape:
        return x.reshape(-1)
    last = sum((n - 1) * stride for n, stride in zip(x.shape, x.strides, strict=True))
    return np.lib.stride_tricks.as_strided(x, (last // x.itemsize + 1,), (x.itemsize,))


def teach(numba: Any) -> None:
    """Let Numba compile `memory`."""
    unlimited = 1 << 40
    implementation: Any = lambda x: lambda x: numba.carray(x, unlimited)
    numba.extending.overload(memory)(implementation)


_made: dict[str, Any] = {}  # for each symbol


def link(loops: Callable, numba: Any, narrow: Callable) -> None:
    """Compile the external functions that these loops call, or load what was compiled."""
    import llvmlite.binding

    for name in loops.__code__.co_names:
        function: Any = loops.__globals__.get(name)
        arrays, symbol = getattr(function, "arrays", None), f"gradloom_{name}"
        if arrays is None or symbol in _made:
            continue
        names = function.__code__.co_varnames[: function.__code__.co_argcount]
        types = [numba.types.CPointer(getattr(numba.types, arrays[n])) if n in arrays else numba.int64 for n in names]
        made = numba.cfunc(numba.void(*types), cache=True, error_model="numpy")(narrow(function, float, {}))
        llvmlite.binding.add_symbol(symbol, made.address)
        teach_call(function, symbol, types)
        _made[symbol] = made


def teach_call(function: Any, symbol: str, expected: list) -> None:
    """Let Numba compile calls of a function as calls of that symbol."""
    from llvmlite import ir
    from numba.core import cgutils, types
    from numba.core.typing import templates
    from numba.extending import lower_builtin

    class Call(templates.AbstractTemplate):
        def generic(self, args: tuple, kws: dict) -> Any:
            return templates.signature(types.void, *args)

    @lower_builtin(function, types.VarArg(types.Any))
    def call(context, builder, signature, values):
        given = [
            context.make_array(found)(context, builder, value).data
            if isinstance(wanted, types.CPointer)
            else context.cast(builder, value, found, wanted)
            for wanted, found, value in zip(expected, signature.args, values, strict=True)
        ]
        kind = ir.FunctionType(ir.VoidType(), [value.type for value in given])
        builder.call(cgutils.get_or_insert_function(builder.module, kind, symbol), given)
        return context.get_dummy_value()

    register: Any = templates.infer_global
    register(function)(Call)
