"""Shapes and dimensions as programs write them: checked, counted from the front, completed."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..op import expose

__all__: list[str] = []


def sizes(args: tuple) -> tuple[int, ...]:
    """The ints of ``f(2, 3)`` and ``f((2, 3))`` alike."""
    if len(args) == 1 and isinstance(args[0], (tuple, list)):
        args = tuple(args[0])
    return tuple(int(n) for n in args)


def sized(name: str, *, method: bool | str = True, numpy: Any = None) -> Callable:
    """Declare a function of a tensor and ints, which may also come as one sequence or by the keyword `name`."""

    def declare(body: Callable) -> Callable:
        @functools.wraps(body)
        def call(input: Any, *args: Any, **kwargs: Any) -> Any:
            if name in kwargs:
                args = (kwargs.pop(name),)
            return body(input, sizes(args), **kwargs)

        expose(call, method if isinstance(method, str) else body.__name__ if method else None, numpy)
        return call

    return declare


def wrap_dim(dim: Any, ndim: int) -> int:
    """`dim` counted from the front; an IndexError where there is no such dimension (a 0-d tensor has 0 and −1)."""
    n, dim = max(ndim, 1), int(dim)
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
