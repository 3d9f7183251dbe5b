"""Elements at indices along one dimension, and back to their places: what sorting and choosing have in common."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..fast import LARGE, get_num_threads, ready
from ..fast import indexing as loops
from ..fast.threads import SHARED, by_blocks
from ..forward import bind, run
from ..op import Op, op
from ..tensor import unwrap, wrap
from . import ufuncs
from .indices import slice_along

__all__: list[str] = []


def steps(n: int, like: Any) -> Any:
    """0, 1, … n - 1, on the device of `like`."""
    return np.arange(n) if isinstance(like, (np.ndarray, np.generic)) else np.arange(n, like=like)


@op("ones", method=False)
def ones(x):
    """Ones like `x`."""
    return np.ones_like(x)


@op("zeros", method=False)
def zeros(x):
    """Zeros like `x`: the gradient of what is flat almost everywhere."""
    return np.zeros_like(x)


def along(n: int, ndim: int, dim: int, like: Any) -> Any:
    """0, 1, … n - 1 along dimension `dim` of `ndim`."""
    return steps(n, like).reshape(tuple(n if d == dim % ndim else 1 for d in range(ndim)))


def grid(index: Any, dim: int) -> tuple:
    """The full index that takes `index` along `dim` and stays in place along all others."""
    dim %= index.ndim
    return tuple(index if d == dim else along(n, index.ndim, d, index) for d, n in enumerate(index.shape))


def by_lines(f: Callable, dim: int, *arrays: Any, dtype: Any = None) -> Any:
    """``f(*arrays, dim)`` of what goes line by line along `dim` and keeps the shape: threads share large arrays."""
    x = arrays[0]
    if type(x) is not np.ndarray or x.ndim < 2 or x.size <= SHARED:
        return f(*arrays, dim)
    dim %= x.ndim
    across = 0 if dim else 1
    out = np.empty_like(x, dtype)

    def work(part: slice) -> None:
        lines = (slice(None),) * across + (part,)
        out[lines] = f(*[a[lines] for a in arrays], dim)

    by_blocks(work, x.shape[across], x.size // x.shape[across])
    return out


def shift_in(x: Any, fill: Any, dim: int) -> Any:
    """`x` moved on by one along `dim`, with `fill` in the first place."""
    return np.concatenate([fill(slice_along(x, dim, 0, 1)), slice_along(x, dim, 0, -1)], axis=dim)


def finder(name: str, rule: Callable) -> Callable:
    """Declare what finds elements of `x` along `dim`: the decorated forward returns them and their indices.

    The `rule` (of `g`, `index`, `x_shape`, `dim`) needs the indices alone.  The elements are not kept, so that programs
    may change them in place: ``values /= values.sum()``.
    """

    @op(name, method=False, x=rule)
    def elements(x, values, index, dim):
        return values

    def declare(forward: Callable) -> Callable:
        search = Op(name, forward, {})
        place_of_dim = search.index["dim"]

        def find(x: Any, *args: Any) -> tuple[Any, Any]:
            given = bind(search, (unwrap(x), *args), {})
            values, index = run(search, given)
            return elements(x, values, index, given[place_of_dim]), wrap(index)

        return find

    return declare


def index_dtype(index: Any) -> Any:
    """An index as int64, PyTorch's type for it."""
    return index.astype(np.int64, copy=False)


# ---- taking and adding -------------------------------------------------------------------------------------------


def _back(g: Any, x_shape: tuple, index: Any, dim: int, repeats: bool) -> Any:
    return place(g, index, x_shape, dim, repeats)


@op("gather", method=False, x=_back)
def pick(x, index, dim, repeats=False):
    """The elements of `x` at `index` along `dim`; `repeats`: may one be taken twice?"""
    if not isinstance(x, np.ndarray):
        return x[grid(index, dim)]
    out = np.empty(index.shape, x.dtype)
    if _loops_suit(x, index, dim):
        loops.take_along(*_as_loops_want(x, index, out, dim))
    else:

        def take(part: Any) -> None:
            x[part].reshape(-1).take(_flat(index[part], dim, x[part].shape), out=out[part], mode="clip")

        _each_part(take, index, dim)
    return out


@op("place_along", method=False, x=lambda g, index, dim, repeats: pick(g, index, dim, repeats))
def place(x, index, shape, dim, repeats=False):
    """Zeros of `shape` with `x` added at `index` along `dim`: the adjoint of `pick`."""
    return _add_to(np.zeros_like(x, shape=shape, order="C"), x, index, dim, repeats)


@op(method=False, x=lambda g: g, y=lambda g, index, dim: pick(g, index, dim, True))
def added_along(x, y, index, dim):
    """`x` with `y` added at `index` along `dim`."""
    return _add_to(x.copy(), y, index, dim, True)


def _add_to(total: Any, x: Any, index: Any, dim: int, repeats: bool) -> Any:
    """`total`, in C order, with `x` added at `index` along `dim`; unless `repeats` there are zeros, and none twice."""
    if not isinstance(total, np.ndarray):
        ufuncs.at(np.add, total, grid(index, dim), x)
        return total
    if _loops_suit(total, index, dim):
        loops.add_along(*_as_loops_want(total, index, np.ascontiguousarray(x), dim))
        return total

    def add(part: Any) -> None:
        some, where = total[part].reshape(-1), _flat(index[part], dim, total[part].shape)
        if repeats:
            np.add.at(some, where.reshape(-1), x[part].reshape(-1))
        else:
            some[where] = x[part]

    _each_part(add, index, dim)
    return total


def _each_part(work: Callable, index: Any, dim: int) -> None:
    """Call `work` with slices of the first dimension, shared among threads; with everything if that is the one that `index` names."""
    if dim % index.ndim:
        by_blocks(work, len(index), math.prod(index.shape[1:]))
    else:
        work(...)


def _flat(index: Any, dim: int, shape: tuple) -> Any:
    """The places in an array of that shape, flattened, of the elements that `index` names along `dim`."""
    dim %= len(shape)
    start: Any = 0
    for d, n in enumerate(shape):
        start = start * n + (0 if d == dim else along(index.shape[d], index.ndim, d, index))
    step = math.prod(shape[dim + 1 :])
    return (index if step == 1 else index.astype(np.int64, copy=False) * step) + start


def _loops_suit(x: np.ndarray, index: Any, dim: int) -> bool:
    """Whether the compiled loops can do it: they go through both arrays in the same way."""
    dim %= index.ndim
    return (
        index.size >= LARGE
        and ready(x, size=1)
        and all(n == m or d == dim for d, (n, m) in enumerate(zip(x.shape, index.shape, strict=True)))
    )


def _as_loops_want(x: np.ndarray, index: Any, y: np.ndarray, dim: int) -> tuple:
    """Arrays as (before, n, after), the dimension in the middle; and how many of those after it are a job."""
    dim %= x.ndim
    before, after = math.prod(x.shape[:dim]), math.prod(x.shape[dim + 1 :])
    x, index, y = (v.reshape((before, v.shape[dim], after)) for v in (x, np.ascontiguousarray(index, np.int64), y))
    jobs = -(-2 * get_num_threads() // before)
    return x, index, y, -(-after // (16 * jobs)) * 16
