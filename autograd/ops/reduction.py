"""Many elements to one: sums and their relatives."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..op import op

__all__ = ["mean", "sum"]


def spread(g: Any, shape: tuple, dim: Any, keepdim: bool) -> Any:
    """`g` of a reduction, back in the shape of what was reduced."""
    if not keepdim and g.ndim != len(shape):
        dims = range(len(shape)) if dim is None or dim == () else (dim,) if isinstance(dim, int) else dim
        kept = {d % len(shape) for d in dims}
        g = g.reshape(tuple(1 if i in kept else n for i, n in enumerate(shape)))
    return np.broadcast_to(g, shape)


def axes(dim: Any) -> Any:
    """PyTorch's `dim` for NumPy: None or an empty list is all of them."""
    if dim is None or isinstance(dim, int):
        return dim
    return tuple(dim) or None


@op(numpy=np.sum, x=lambda g, x_shape, dim, keepdim: spread(g, x_shape, dim, keepdim))
def sum(x, dim=None, keepdim=False, *, dtype=None):
    """The sum over all elements, or over one or several dimensions."""
    if dtype is None and x.dtype.kind in "bui":
        dtype = np.int64
    return np.add.reduce(x, axis=axes(dim), keepdims=keepdim, dtype=dtype)


@op(
    numpy=np.mean,
    x=lambda g, x_shape, out, dim, keepdim: spread(g * (np.size(out) / max(_count(x_shape), 1)), x_shape, dim, keepdim),
)
def mean(x, dim=None, keepdim=False, *, dtype=None):
    """The mean over all elements, or over one or several dimensions."""
    total = np.add.reduce(x, axis=axes(dim), keepdims=keepdim, dtype=dtype)
    return total / (x.size / total.size)


def _count(shape: tuple) -> int:
    count = 1
    for n in shape:
        count *= n
    return count
