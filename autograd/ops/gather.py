"""Choosing elements by tensors of indices: index_select, gather, take."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..op import function, op
from ..tensor import Tensor, unwrap, wrap
from .dims import wrap_dim
from .indexing import add_at, indexed, rows_at
from .indices import part
from .places import pick
from .shape import expanded

__all__ = ["gather", "index_select", "take", "take_along_dim"]


def checked_index(index: Any, n: int, name: str) -> Any:
    """The array of an index tensor; an IndexError where it points outside of `n` elements."""
    array = unwrap(index)
    if array.dtype.kind not in "iu":
        raise IndexError(f"{name}(): Expected dtype int32 or int64 for index, got {array.dtype}")
    if math.prod(array.shape):
        once = array[tuple(slice(None) if step else slice(0, 1) for step in array.strides)]  # of what is repeated
        if int(once.view(f"u{once.itemsize}").max()) >= n:  # negative ones, too, in one pass
            low, high = int(once.min()), int(once.max())
            raise IndexError(f"{name}: index {low if low < 0 else high} is out of bounds for a dimension of size {n}")
    return array


@op("index_select", method=False, x=lambda g, x_shape, dim, index: add_at(g, part(dim, index), x_shape))
def _index_select(x, dim, index):
    return np.take(x, index, dim) if dim or not isinstance(x, np.ndarray) else rows_at(x, index)


@function()
def index_select(input, dim, index):
    """The slices along a dimension that a vector of indices names."""
    dim = wrap_dim(dim, input.ndim)
    if index.ndim > 1:
        raise IndexError(f"index_select(): Index is supposed to be a vector, got the shape {tuple(index.shape)}")
    where_ = checked_index(index, input.shape[dim] if input.ndim else 1, "index_select").reshape(-1)
    if not input.ndim:
        return _index_select(input.reshape(1), 0, where_).reshape(())
    return _index_select(input, dim, where_)


def check_gather(input: Any, dim: int, index: Any, name: str) -> Any:
    """The array of an index that has as many dimensions as `input`, nowhere longer but along `dim`."""
    if index.ndim != input.ndim and input.ndim + index.ndim > 1 and math.prod(index.shape):
        raise RuntimeError(
            f"Index tensor must have the same number of dimensions as input tensor: {name} got {index.ndim} and {input.ndim}"
        )
    for d, (n, m) in enumerate(zip(index.shape, input.shape, strict=False)):
        if d != dim and n > m and math.prod(index.shape):
            raise RuntimeError(
                f"Size does not match at dimension {d} expected index {list(index.shape)} to be no larger than self "
                f"{list(input.shape)} apart from dimension {dim}"
            )
    if index.dtype.kind not in "iu":
        raise RuntimeError(f"{name}(): Expected dtype int32/int64 for index, got {index.dtype}")
    return checked_index(index, input.shape[dim] if input.ndim else 1, name)


def same_rows(input: Any, dim: int, index: Any) -> Any:
    """A vector, if an index along the first dimension names the same for all that follow: programs expand it to that."""
    if dim == 0 < math.prod(index.shape[1:]) and index.shape[1:] == input.shape[1:] and not any(index.strides[1:]):
        return index[(slice(None), *(0,) * (index.ndim - 1))]
    return None


@function()
def gather(input, dim, index, *, sparse_grad=False):
    """At each place the element of `input` there, but for its position along `dim`, which `index` names.

    >>> import autograd as ag
    >>> ag.gather(ag.tensor([[1, 2], [3, 4]]), 1, ag.tensor([[0, 0], [1, 0]]))
    tensor([[1, 1],
            [4, 3]])
    """
    dim = wrap_dim(dim, input.ndim)
    array = check_gather(input, dim, index, "gather")
    if not input.ndim or input.ndim != index.ndim:
        return pick(input.reshape(-1), array.reshape(-1), 0, True).reshape(array.shape)
    rows = same_rows(input, dim, array)
    return pick(input, array, dim, True) if rows is None else _index_select(input, 0, rows)


@function(numpy=np.take_along_axis)
def take_along_dim(input, indices, dim=None):
    """`gather` with shapes that broadcast but along `dim`; without `dim` elements of the flattened input."""
    if dim is None:
        return gather(input.reshape(-1), 0, indices.reshape(-1))
    if input.ndim != indices.ndim:
        raise RuntimeError(
            "take_along_dim(): input and indices should have the same number of dimensions, but got "
            f"{input.ndim} dimensions for input, and {indices.ndim} dimensions for indices"
        )
    dim = wrap_dim(dim, input.ndim)
    shape = np.broadcast_shapes(*(tuple(1 if d == dim else n for d, n in enumerate(v.shape)) for v in (input, indices)))
    grown = [expanded(v, (*shape[:dim], v.shape[dim], *shape[dim + 1 :])) for v in (input, indices)]
    n = grown[0].shape[dim]
    where_ = grown[1].array
    return gather(grown[0], dim, wrap(np.where(where_ < 0, where_ + n, where_)))


@function()
def take(input, index):
    """Elements by their places in the flattened input, in the shape of `index`."""
    n = math.prod(input.shape)
    array = index.array if isinstance(index, Tensor) else np.asarray(index)
    if array.dtype != np.int64:
        raise RuntimeError(f"take(): Expected a long tensor for index, but got {array.dtype}")
    array = np.where(array < 0, array + n, array)
    return indexed(input.reshape(-1), (checked_index(array, n, "take"),))


@function(method=False, numpy=np.take)
def _numpy_take(a, indices, axis=None, mode="raise"):
    if mode != "raise":
        raise TypeError(f"np.take with mode={mode!r} cannot be recorded on a Tensor")
    index = indices.array if isinstance(indices, Tensor) else np.asarray(indices)
    return take(a, index.astype(np.int64)) if axis is None else a[part(wrap_dim(axis, a.ndim), index)]
