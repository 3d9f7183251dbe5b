"""Compiled kernels for large float32 arrays on the CPU, where Numba is installed (extra ``fast``).

Two ways to write one:

* `fused` takes a formula for one element.  The same source is a loop compiled for all cores, or, without Numba and for
  other types, is evaluated by NumPy block by block; with Tensors it records, like any expression.
* `compiled` takes loops over arrays that are written out.  It stands beside the formula that it speeds up; the op asks
  `ready(x, y)` and takes the loops or the formula.

Numba is imported, and a kernel is compiled, when the first array that is large enough comes along; what was compiled is kept on
disk.  All kernels, matrix products included (`gemm`), share one set of threads: two sets that wait for each other
cost more than either brings.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import os
import sys
import threading
import types
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from . import blas, panels, scalars, threads, tiles
from .blocks import Program, trace
from .deferred import Deferred, deferring, extended, now
from .threads import get_num_threads

__all__ = ["available", "compiled", "disabled", "fused", "get_num_threads", "ready", "set_num_threads"]

LARGE = 1 << 14  # elements: below, the call of a compiled loop costs more than it brings
NEEDED = "numba", "scipy", "threadpoolctl"

_enabled: bool | None = None  # None: not known yet
_lock = threading.RLock()
_one_at_a_time: Any = contextlib.nullcontext()


def available() -> bool:
    """True where compiled kernels can be used: the extra ``fast`` is installed, and GRADLOOM_FAST is not 0."""
    global _enabled
    if _enabled is None:
        wanted = os.environ.get("GRADLOOM_FAST", "1") != "0"
        _enabled = wanted and all(importlib.util.find_spec(name) for name in NEEDED)
    return _enabled


@contextlib.contextmanager
def disabled() -> Iterator[None]:
    """Use no compiled kernels inside the ``with`` block."""
    global _enabled
    before, _enabled = available(), False
    try:
        yield
    finally:
        _enabled = before


def ready(*arrays: Any, size: int = LARGE) -> bool:
    """Whether a compiled kernel can work on these: float32 in C order on the CPU, the first with `size` elements or more."""
    if type(arrays[0]) is not np.ndarray or arrays[0].size < size:  # what fails most, first
        return False
    if not (available() if _enabled is None else _enabled):
        return False
    return all(type(x) is np.ndarray and x.dtype == np.float32 and x.flags.c_contiguous for x in arrays)


def compiles(x: Any) -> bool:
    """Whether a `fused` formula of this array would be a compiled loop."""
    return (
        type(x) is np.ndarray
        and x.size >= LARGE
        and x.dtype == np.float32
        and (available() if _enabled is None else _enabled)
    )


def set_num_threads(count: int) -> None:
    """Compute with `count` threads; the compiled kernels with at most as many as there were when the first of them ran."""
    if count < 1:
        raise RuntimeError(f"set_num_threads: expected a positive number, got {count}")
    threads.wanted = count
    if _numba is not None:
        _numba.set_num_threads(min(count, _numba.config.NUMBA_NUM_THREADS))


# ---- compiling ---------------------------------------------------------------------------------------------------

_numba: Any = None


def load() -> Any:
    """Numba, with our scalar functions and BLAS made known to it."""
    global _numba, _one_at_a_time
    with _lock:
        if _numba is None:
            # With NUMBA_NUM_THREADS the user has decided; otherwise it is what PyTorch would take.  Numba reads it on import.
            if "numba" not in sys.modules:
                os.environ.setdefault("NUMBA_NUM_THREADS", str(get_num_threads()))
            import numba as found

            numba: Any = found
            numba.set_num_threads(min(get_num_threads(), numba.config.NUMBA_NUM_THREADS))
            if numba.config.CPU_FEATURES is None:
                numba.config.CPU_FEATURES = wide_vectors()
            scalars.teach(numba)
            blas.teach(numba)
            tiles.teach(numba)
            panels.teach(numba)
            if hasattr(os, "register_at_fork"):
                os.register_at_fork(after_in_child=_forked)
            _numba = numba
    return _numba


def wide_vectors() -> str:
    """This machine's features; where it has vectors of 512 bits, they are to be used."""
    import llvmlite.binding

    features = llvmlite.binding.get_host_cpu_features()
    return features.flatten() + (",-prefer-256-bit" if features.get("avx512f") else "")


def _forked() -> None:
    """A child process cannot use the threads of its parent: GNU OpenMP ends it when it tries."""
    global _enabled
    _enabled = False


def narrow(f: Callable, numbers: type | tuple, names: dict) -> Any:
    """A copy of a function whose constants of the types `numbers` are float32, with other globals where `names` says so."""

    def narrowed(value: Any) -> Any:
        return np.float32(value) if isinstance(value, numbers) and not isinstance(value, bool) else value

    code = f.__code__.replace(co_consts=tuple(map(narrowed, f.__code__.co_consts)))
    known = {k: narrowed(v) for k, v in f.__globals__.items() if k in code.co_names}
    known |= {"__name__": f.__module__, "__builtins__": f.__globals__["__builtins__"]} | names
    return types.FunctionType(code, known, f.__name__, f.__defaults__, f.__closure__)


def compiled(function: Callable) -> Any:
    """Loops over float32 arrays, compiled when first called; ``prange`` of this module in them is shared among the threads.

    Numbers with a decimal point are float32.  `exp`, `tanh`, … of `scalars` are vectorised; `gemm` of `blas`
    multiplies blocks of matrices inside the loops.  The function as it was written is its attribute `__wrapped__`.
    """
    kernel: Any = None

    @functools.wraps(function)
    def call(*args: Any) -> Any:
        nonlocal kernel
        if kernel is None:
            numba = load()
            # Sums may be added up in any order, or they could not be vectorised.
            kernel = numba.njit(
                parallel=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"}
            )(narrow(function, float, {"prange": numba.prange}))
        return launch(kernel, args)

    return call


def launch(kernel: Any, args: tuple) -> Any:
    global _one_at_a_time
    with _one_at_a_time:
        result = kernel(*args)
    if _one_at_a_time is _UNKNOWN:
        _one_at_a_time = threading.Lock() if _numba.threading_layer() == "workqueue" else contextlib.nullcontext()
    return result


_UNKNOWN: Any = threading.RLock()
_one_at_a_time = _UNKNOWN  # whether two of the user's threads may launch kernels at once, is known after the first
prange = range  # as it is without Numba


# ---- formulas for one element ------------------------------------------------------------------------------------


def fused(formula: Callable, spelled: Callable | None = None) -> Any:
    """A formula for one element, made of operators and the functions of `scalars`, as a function of arrays.

    Its arguments are arrays of one shape, and numbers.  A formula may say `np.exp` for `scalars.exp`, and one of NumPy's
    own functions that are in `scalars` is a formula, too.  The rules of an op can be fused: called with Tensors it is
    the formula itself.  What cannot be compiled as it is written for NumPy is `spelled` out a second time.

    >>> square_and_add = fused(lambda x, y: x * x + y)
    >>> square_and_add(np.array([1.0, 2.0]), 1)
    array([2., 5.])
    """
    kernel: Any = None
    programs: dict[tuple, Program] = {}
    least = 0  # elements that are worth a program

    def call(*args: Any) -> Any:
        nonlocal kernel, least
        for x in args:
            if (type(x) is np.ndarray and x.size >= LARGE) or type(x) is Deferred:
                break
        else:
            return formula(*args)
        if Deferred in map(type, args):
            made = extended(formula, args)
            return call(*map(now, args)) if made is None else made
        compiling = available() if _enabled is None else _enabled
        if x.size < least and not compiling:
            return formula(*args)
        found = together(args, x.shape)
        if found is None:
            return formula(*args)
        values, out, order = found
        types = {a.dtype.char for a in values if type(a) is np.ndarray}
        if compiling and types in ({"f"}, {"f", "?"}):
            if kernel is None:
                kernel = elementwise_kernel(spelled or formula)
            if out.dtype != np.float32:
                out = np.empty_like(out, np.float32)
            launch(kernel, (flat(out, order), *[a if type(a) is np.ndarray else np.float32(a) for a in values]))
            return out
        kinds = tuple([a.dtype if type(a) is np.ndarray else type(a) for a in values])
        program = programs.get(kinds)
        if program is None:
            program = programs[kinds] = trace(formula, kinds)
            least = program.least
        outs = [out if i == 0 and out.dtype == t else np.empty_like(out, t) for i, t in enumerate(program.dtypes)]
        program(values, [flat(o, order) for o in outs])
        return tuple(outs) if len(outs) > 1 else outs[0]

    functools.update_wrapper(call, formula)
    return deferring(call)


def together(args: tuple, shape: tuple) -> tuple[list, np.ndarray, list[int] | None] | None:
    """Arrays of that shape as 1-d views of their memory, and numbers; an array that repeats one number is that number.

    Returns:
        These, an empty array for the result, and the order of its dimensions in memory (None: as they are); or None, if
        another shape is among the arguments or all are numbers.
    """
    values: list = []
    like = some = None  # an array of which no part is repeated: its order in memory is that of all
    for a in args:
        if not hasattr(a, "ndim"):
            values.append(a)
        elif type(a) is not np.ndarray and a.ndim:  # a Tensor, or on another device
            return None
        elif not a.ndim or (a.shape == shape and not any(a.strides)):
            values.append(a.item() if not a.ndim else a[(0,) * a.ndim].item())
        elif a.shape != shape:
            return None
        else:
            if like is None and 0 not in a.strides:
                like = a
            some = a
            values.append(a)
    if some is None:
        return None
    out = np.empty(shape, some.dtype) if like is None else np.empty_like(like)
    order = None if out.flags.c_contiguous else order_of(out)
    return [flat(a, order) if type(a) is np.ndarray else a for a in values], out, order


def flat(x: np.ndarray, order: list[int] | None) -> np.ndarray:
    """Its elements in that order of the dimensions: a view where they lie so."""
    return np.ascontiguousarray(x if order is None else x.transpose(order)).reshape(-1)


def order_of(x: np.ndarray) -> list[int]:
    """The dimensions from the one with the largest stride to the smallest."""
    return sorted(range(x.ndim), key=lambda d: -abs(x.strides[d]) * (x.shape[d] > 1))


def elementwise_kernel(formula: Callable) -> Any:
    """The loop over all elements.  (A loop for each number of arguments: Numba keeps those on disk.)"""
    numba = load()
    formula = scalars.UFUNCS.get(formula, formula)
    f = numba.extending.register_jitable(fastmath={"contract"})(narrow(formula, (int, float), {"np": scalars}))
    prange, at = numba.prange, scalars.at

    def loop1(out, a):
        for i in prange(out.size):
            out[i] = f(at(a, i))

    def loop2(out, a, b):
        for i in prange(out.size):
            out[i] = f(at(a, i), at(b, i))

    def loop3(out, a, b, c):
        for i in prange(out.size):
            out[i] = f(at(a, i), at(b, i), at(c, i))

    def loop4(out, a, b, c, d):
        for i in prange(out.size):
            out[i] = f(at(a, i), at(b, i), at(c, i), at(d, i))

    def loop5(out, a, b, c, d, e):
        for i in prange(out.size):
            out[i] = f(at(a, i), at(b, i), at(c, i), at(d, i), at(e, i))

    loop = (loop1, loop2, loop3, loop4, loop5)[formula.__code__.co_argcount - 1]
    return numba.njit(parallel=True, cache=True, error_model="numpy")(loop)
