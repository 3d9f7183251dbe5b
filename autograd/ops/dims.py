"""Shapes and dimensions as programs write them: checked, counted from the front, completed."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from ..forward import argument_named
from ..op import expose

__all__: list[str] = []


def sizes(args: tuple) -> tuple[int, ...]:
    """The ints of ``f(2, 3)`` and ``f((2, 3))`` alike."""
    if len(args) == 1 and isinstance(args[0], (tuple, list)):
        args = tuple(args[0])
    return tuple(map(operator.index, args))


def sized(name: str, *, method: bool | str = True, numpy: Any = None) -> Callable:
    """Declare a function of a tensor and ints, which may also come as one sequence or by the keyword `name`."""

    def declare(body: Callable) -> Callable:
        @functools.wraps(body)
        def call(input: Any, *args: Any, **kwargs: Any) -> Any:
            if name in kwargs:
                args = (kwargs.pop(name),)
            try:
                return body(input, sizes(args), **kwargs)
            except (AttributeError, TypeError) as error:
                raise argument_named(error, body, (input,), {name: args}) from None

        expose(call, method if isinstance(method, str) else body.__name__ if method else None, numpy)
        return call

    return declare


def wrap_dim(dim: Any, ndim: int) -> int:
    """`dim` counted from the front; an IndexError where there is no such dimension (a 0-d tensor has 0 and −1)."""
    n, dim = max(ndim, 1), operator.index(dim)
    if not -n <= dim < n:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-n}, {n - 1}], but got {dim})")
    return dim % n


def wrap_dims(dims: Any, ndim: int) -> tuple[int, ...]:
    """Several dimensions (or one) counted from the front, each once."""
    given = (dims,) if isinstance(dims, (int, np.integer)) else tuple(dims)
    found = tuple(wrap_dim(d, ndim) for d in given)
    if len(set(found)) != len(found):
        raise RuntimeError(f"dimensions must be different from each other, got {given}")
    return found


def complete_shape(shape: tuple[int, ...], count: int) -> tuple[int, ...]:
    """A shape for `count` elements, with what −1 stands for."""
    known = math.prod(n for n in shape if n != -1)
    if -1 in shape:
        if shape.count(-1) > 1:
            raise RuntimeError(f"only one dimension can be inferred, got the shape {list(shape)}")
        if known == 0:
            raise RuntimeError(f"cannot reshape {count} elements into {list(shape)}: the -1 is ambiguous beside a 0")
        if known > 0 and count % known == 0:
            return tuple(count // known if n == -1 else n for n in shape)
    elif known == count and min(shape, default=0) >= 0:
        return shape
    raise RuntimeError(f"shape '{list(shape)}' is invalid for input of size {count}")


def whole(x: Any) -> int:
    """The number of elements of an array or Tensor."""
    return math.prod(x.shape)


# ---- reductions over some of them --------------------------------------------------------------------------------


def axes(x: Any, dim: Any) -> Any:
    """PyTorch's `dim` for NumPy: None or an empty list is all of them; a number has a dimension 0 to be reduced."""
    if dim is None:
        return None
    if x.ndim == 0:
        if any(d not in (0, -1) for d in ((dim,) if isinstance(dim, int) else dim)):
            raise IndexError(f"Dimension out of range (expected to be in range of [-1, 0], but got {dim})")
        return None
    return dim if isinstance(dim, int) else tuple(dim) or None


def reduced(shape: tuple, dim: Any) -> set[int]:
    """The dimensions of `shape` that a reduction over `dim` takes away."""
    dims = range(len(shape)) if dim is None or dim == () or dim == [] else (dim,) if isinstance(dim, int) else dim
    return {d % len(shape) for d in dims} if shape else set()


def kept_shape(shape: tuple, dim: Any) -> tuple:
    """`shape` with 1 for what is reduced."""
    gone = reduced(shape, dim)
    return tuple(1 if i in gone else n for i, n in enumerate(shape))


def count(shape: tuple, dim: Any) -> int:
    """How many elements are reduced to each one."""
    n = 1
    for d in reduced(shape, dim):
        n *= shape[d]
    return n


def unreduced(g: Any, shape: tuple, dim: Any) -> Any:
    """`g` of a reduction, its dimensions of length 1 there again."""
    return g if g.ndim == len(shape) else g.reshape(kept_shape(shape, dim))


def spread(g: Any, shape: tuple, dim: Any, keepdim: bool = False) -> Any:
    """`g` of a reduction, back in the shape of what was reduced."""
    return np.broadcast_to(unreduced(g, shape, dim), shape)
