"""Formulas for one element, compiled: each is a loop, called as a function of C, and all share the one that has the threads.

To compile a loop with threads takes ten times as long as one without.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from . import compiled, get_num_threads, load, narrow, prange, scalars

__all__ = ["Loop"]


class Loop:
    """A formula for one element, of operators and the functions of `scalars`, as a function of arrays.

    These are 1-d, of float32 or bool; the first is for the result.  Numbers are float32.
    """

    def __init__(self, formula: Callable):
        formula = scalars.UFUNCS.get(formula, formula)
        inlined = load().extending.register_jitable(fastmath={"contract"})
        self.loop = loop_of(inlined(narrow(formula, (int, float), {"np": scalars})))
        self.made: dict[tuple, Any] = {}  # for each combination of types

    def __call__(self, out: np.ndarray, *values: Any) -> None:
        kinds = tuple([x.dtype.char if type(x) is np.ndarray else "" for x in values])
        made = self.made.get(kinds) or self.compile(kinds)
        on_all_threads(get_num_threads(), made.address, out, values)

    def compile(self, kinds: tuple[str, ...]) -> Any:
        numba = load()
        types = numba.types
        known = {"f": types.CPointer(types.float32), "?": types.CPointer(types.boolean), "": types.float32}
        signature = types.void(types.int64, types.int64, known["f"], *[known[kind] for kind in kinds])
        self.made[kinds] = numba.cfunc(signature, cache=True, error_model="numpy")(self.loop)
        return self.made[kinds]


def loop_of(f: Callable) -> Callable:
    """The loop over some of the elements.  (A function for each number of arguments: Numba keeps those on disk.)"""
    at = scalars.at

    def loop1(first, last, out, a):
        for i in range(first, last):
            out[i] = f(at(a, i))

    def loop2(first, last, out, a, b):
        for i in range(first, last):
            out[i] = f(at(a, i), at(b, i))

    def loop3(first, last, out, a, b, c):
        for i in range(first, last):
            out[i] = f(at(a, i), at(b, i), at(c, i))

    def loop4(first, last, out, a, b, c, d):
        for i in range(first, last):
            out[i] = f(at(a, i), at(b, i), at(c, i), at(d, i))

    def loop5(first, last, out, a, b, c, d, e):
        for i in range(first, last):
            out[i] = f(at(a, i), at(b, i), at(c, i), at(d, i), at(e, i))

    return (loop1, loop2, loop3, loop4, loop5)[f.__code__.co_argcount - 1]


@compiled
def on_all_threads(jobs, loop, out, values):
    """Let each job do a part of the loop."""
    for job in prange(jobs):
        call(loop, out.size * job // jobs, out.size * (job + 1) // jobs, out, values)


def call(loop, first, last, out, values):
    """Call a loop, or inside of compiled loops the one at that address."""
    loop(first, last, out, *values)


def teach(numba: Any) -> None:
    """Let Numba compile `call`, and read what pointers point to."""
    from llvmlite import ir
    from numba.core import types
    from numba.extending import intrinsic, overload

    @intrinsic
    def instructions(typing, loop, first, last, out, values):
        def write(context, builder, signature, given):
            arguments = [(signature.args[3], given[3])]
            arguments += [(kind, builder.extract_value(given[4], n)) for n, kind in enumerate(signature.args[4])]
            plain = [
                context.make_array(kind)(context, builder, value).data if isinstance(kind, types.Array) else value
                for kind, value in arguments
            ]
            plain[:0] = given[1:3]
            kind = ir.FunctionType(ir.VoidType(), [value.type for value in plain])
            builder.call(builder.inttoptr(given[0], kind.as_pointer()), plain)
            return context.get_dummy_value()

        return types.void(loop, first, last, out, values), write

    emitted: Any = instructions

    @overload(call)
    def _call(loop, first, last, out, values):
        return lambda loop, first, last, out, values: emitted(loop, first, last, out, values)
