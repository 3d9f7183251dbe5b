"""Elements at indices along one dimension, and back to their places: what sorting and choosing have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..forward import bind, run
from ..op import Op, op
from ..tensor import Tensor, wrap
from . import ufuncs

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


def shift_in(x: Any, fill: Any, dim: int) -> Any:
    """`x` moved on by one along `dim`, with `fill` in the first place."""
    cut = (slice(None),) * (dim % x.ndim)
    first = x[(*cut, slice(0, 1))]
    return np.concatenate([fill(first), x[(*cut, slice(0, -1))]], axis=dim)


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
            given = bind(search, (x.array if isinstance(x, Tensor) else x, *args), {})
            values, index = run(search, given)
            return elements(x, values, index, given[place_of_dim]), wrap(index)

        return find

    return declare


def index_dtype(index: Any) -> Any:
    """An index as int64, PyTorch's type for it."""
    return index.astype(np.int64, copy=False)


def _back(g: Any, x_shape: tuple, index: Any, dim: int, repeats: bool) -> Any:
    return place(g, index, x_shape, dim, repeats)


@op("pick_along", method=False, x=_back)
def pick(x, index, dim, repeats=False):
    """The elements of `x` at `index` along `dim`; `repeats`: may one be taken twice?"""
    return np.take_along_axis(x, index, axis=dim)


@op("place_along", method=False, x=lambda g, index, dim, repeats: pick(g, index, dim, repeats))
def place(x, index, shape, dim, repeats=False):
    """Zeros of `shape` with `x` added at `index` along `dim`: the adjoint of `pick`."""
    out = np.zeros_like(x, shape=shape)
    if repeats:
        ufuncs.at(np.add, out, grid(index, dim), x)
    else:
        out[grid(index, dim)] = x
    return out
