"""Several tensors made one, and tensors brought onto one grid."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate
from itertools import combinations as choices
from itertools import combinations_with_replacement as choices_again
from typing import Any

import numpy as np

from ..dtypes import promote_types, result_type
from ..op import function, op
from ..tensor import unwrap
from .dims import wrap_dim
from .indices import part
from .shape import broadcast_shapes, broadcast_to

__all__ = [
    "atleast_1d", "atleast_2d", "atleast_3d", "block_diag", "broadcast_tensors", "cartesian_prod", "cat", "column_stack",
    "combinations", "concat", "concatenate", "dstack", "hstack", "meshgrid", "row_stack", "stack", "vstack",
]  # fmt: skip

# ---- joining -----------------------------------------------------------------------------------------------------


def common_dtype(arrays: Sequence) -> np.dtype:
    """The type that all of several arrays convert to."""
    dtype = arrays[0].dtype
    for array in arrays[1:]:
        if array.dtype != dtype:
            dtype = promote_types(dtype, array.dtype)
    return dtype


def _cat_joint(g: Any, xs_shape: tuple, dim: int) -> tuple:
    ends = accumulate(s[dim] if s != (0,) else 0 for s in xs_shape)
    dim = dim % g.ndim
    return tuple(
        g[part(dim, slice(end - s[dim], end))] if s != (0,) else g.reshape(-1)[:0]
        for s, end in zip(xs_shape, ends, strict=True)
    )


@op("cat", method=False, joint=_cat_joint)
def _cat(*xs, dim=0):
    return np.concatenate(xs, axis=dim, dtype=common_dtype(xs))


@function(method=False, numpy=np.concatenate)
def cat(tensors, dim=0):
    """Tensors one behind the other along a dimension that they have.

    >>> import autograd as ag
    >>> ag.cat([ag.zeros(1, 2), ag.ones(1, 2)])
    tensor([[0., 0.],
            [1., 1.]])
    """
    tensors = list(tensors)
    if not tensors:
        raise ValueError("cat(): expected a non-empty list of Tensors")
    if wrong := [type(x).__name__ for x in tensors if not hasattr(x, "dtype")]:
        raise TypeError(f"cat(): expected Tensors, got {wrong[0]}; write cat((a, b), dim=…)")
    if dim is None:  # NumPy's way to say: all elements
        tensors, dim = [x.reshape(-1) for x in tensors], 0
    dtype = common_dtype(tensors)
    real = [x for x in tensors if tuple(x.shape) != (0,)] or tensors  # PyTorch passes over empty vectors
    dim = wrap_dim(dim, real[0].ndim)
    for i, x in enumerate(real):
        if x.ndim == 0:
            raise RuntimeError(f"zero-dimensional tensor (at position {i}) cannot be concatenated; use stack")
        if x.ndim != real[0].ndim:
            raise RuntimeError(f"Tensors must have same number of dimensions: got {real[0].ndim} and {x.ndim}")
        for d, (n, m) in enumerate(zip(real[0].shape, x.shape, strict=True)):
            if d != dim and n != m:
                raise RuntimeError(
                    f"Sizes of tensors must match except in dimension {dim}. Expected size {n} but got size {m} for "
                    f"tensor number {i} in the list."
                )
    if dtype != common_dtype(real):
        real[0] = real[0].to(dtype)
    return _cat(*real, dim=dim)


concat = concatenate = cat


@op("stack", method=False, joint=lambda g, xs_shape, dim: tuple(g[part(dim, i)] for i in range(len(xs_shape))))
def _stack(*xs, dim=0):
    return np.stack(xs, axis=dim, dtype=common_dtype(xs))


@function(method=False, numpy=np.stack)
def stack(tensors, dim=0):
    """Tensors of one shape side by side along a new dimension.

    >>> import autograd as ag
    >>> ag.stack([ag.tensor([1, 2]), ag.tensor([3, 4])])
    tensor([[1, 2],
            [3, 4]])
    """
    tensors = tuple(tensors)
    if not tensors:
        raise RuntimeError("stack expects a non-empty TensorList")
    shape = tuple(tensors[0].shape)
    for i, x in enumerate(tensors):
        if tuple(x.shape) != shape:
            raise RuntimeError(
                f"stack expects each tensor to be equal size, but got {list(shape)} at entry 0 and {list(x.shape)} at "
                f"entry {i}"
            )
    return _stack(*tensors, dim=wrap_dim(dim, len(shape) + 1))


def _each(f: Any, tensors: tuple) -> Any:
    """`f` of one tensor, or of each of several: PyTorch's atleast_*d take both."""
    if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)):
        tensors = tuple(tensors[0])
        return tuple(map(f, tensors))
    return f(tensors[0]) if len(tensors) == 1 else tuple(map(f, tensors))


@function(numpy=np.atleast_1d)
def atleast_1d(*tensors: Any) -> Any:
    """With one dimension at least."""
    return _each(lambda x: x if x.ndim else x.reshape(1), tensors)


@function(numpy=np.atleast_2d)
def atleast_2d(*tensors: Any) -> Any:
    """With two dimensions at least: a vector becomes a row."""
    return _each(lambda x: x if x.ndim > 1 else x.reshape(1, -1), tensors)


@function(numpy=np.atleast_3d)
def atleast_3d(*tensors: Any) -> Any:
    """With three dimensions at least: a vector of n becomes 1 × n × 1, a matrix n × m becomes n × m × 1."""
    return _each(lambda x: x if x.ndim > 2 else x.reshape(*x.shape, 1) if x.ndim == 2 else x.reshape(1, -1, 1), tensors)


@function(method=False, numpy=np.hstack)
def hstack(tensors):
    """Tensors side by side: along the second dimension, vectors along the first."""
    tensors = atleast_1d(tuple(tensors))
    return cat(tensors, 0 if tensors[0].ndim == 1 else 1)


@function(method=False, numpy=np.vstack)
def vstack(tensors):
    """Tensors below each other: along the first dimension; a vector is a row."""
    return cat(atleast_2d(tuple(tensors)), 0)


row_stack = vstack


@function(method=False, numpy=np.dstack)
def dstack(tensors):
    """Tensors behind each other: along the third dimension."""
    return cat(atleast_3d(tuple(tensors)), 2)


@function(method=False, numpy=np.column_stack)
def column_stack(tensors):
    """Tensors side by side; a vector is a column."""
    return cat([x if x.ndim > 1 else x.reshape(-1, 1) for x in tensors], 1)


def _blocks(shapes: Sequence[tuple]) -> list[tuple[slice, slice]]:
    """Where matrices of these shapes stand on the diagonal."""
    row, column, found = 0, 0, []
    for n, m in shapes:
        found.append((slice(row, row + n), slice(column, column + m)))
        row, column = row + n, column + m
    return found


@op("block_diag", method=False, joint=lambda g, xs_shape: tuple(g[block] for block in _blocks(xs_shape)))
def _block_diag(*xs):
    shape = tuple(map(sum, zip(*(x.shape for x in xs), strict=True)))
    out = np.zeros_like(xs[0], shape=shape)
    for block, x in zip(_blocks([x.shape for x in xs]), xs, strict=True):
        out[block] = x
    return out


@function(method=False)
def block_diag(*tensors: Any) -> Any:
    """A matrix with the given matrices on its diagonal; vectors are rows."""
    for x in tensors:
        if x.ndim > 2:
            raise RuntimeError(
                f"block_diag: input tensors must have at most 2 dimensions, got the shape {tuple(x.shape)}"
            )
    dtype = result_type(*tensors)
    return _block_diag(*(x.to(dtype) for x in atleast_2d(tuple(tensors))))


# ---- on one grid -------------------------------------------------------------------------------------------------


@function(method=False, numpy=np.broadcast_arrays)
def broadcast_tensors(*tensors: Any) -> tuple:
    """The tensors, each in the shape that all broadcast to."""
    if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)):
        tensors = tuple(tensors[0])
    shape = tuple(broadcast_shapes(*(x.shape for x in tensors)))
    return tuple(broadcast_to(x, shape) for x in tensors)


@function(method=False)
def meshgrid(*tensors: Any, indexing: str | None = None) -> tuple:
    """The coordinates of the points of a grid with these axes; ``indexing="xy"`` swaps the first two dimensions.

    >>> import autograd as ag
    >>> x, y = ag.meshgrid(ag.arange(2), ag.arange(3), indexing="ij")
    >>> y
    tensor([[0, 1, 2],
            [0, 1, 2]])
    """
    if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)):
        tensors = tuple(tensors[0])
    if indexing not in (None, "ij", "xy"):
        raise RuntimeError(f'meshgrid: indexing must be one of "xy" or "ij", but received: {indexing}')
    if not tensors:
        raise RuntimeError("meshgrid expects a non-empty TensorList")
    for x in tensors:
        if x.ndim > 1:
            raise RuntimeError(f"meshgrid: Expected 0D or 1D tensor in the tensor list but got: {tuple(x.shape)}")
        if x.dtype != tensors[0].dtype:
            raise RuntimeError("meshgrid expects all tensors to have the same dtype")
    axes = list(tensors)
    swapped = indexing == "xy" and len(axes) > 1
    if swapped:
        axes[:2] = axes[1::-1]
    shape = tuple(math.prod(x.shape) for x in axes)
    n = len(axes)
    grid = [broadcast_to(x.reshape((1,) * i + (-1,) + (1,) * (n - 1 - i)), shape) for i, x in enumerate(axes)]
    if swapped:
        grid[:2] = grid[1::-1]
    return tuple(grid)


@function(method=False, numpy=np.meshgrid)
def _numpy_meshgrid(*xi, indexing="xy"):
    return meshgrid(*xi, indexing=indexing)


@function(method=False)
def cartesian_prod(*tensors: Any) -> Any:
    """All tuples with one element of each vector, as rows; of one vector itself."""
    for x in tensors:
        if x.ndim != 1:
            raise RuntimeError(f"cartesian_prod: expected vectors, got the shape {tuple(x.shape)}")
    if len(tensors) == 1:
        return tensors[0]
    return stack([x.reshape(-1) for x in meshgrid(*tensors, indexing="ij")], -1)


@function()
def combinations(input, r=2, with_replacement=False):
    """All selections of `r` elements of a vector in their order, as rows."""
    if input.ndim != 1:
        raise RuntimeError(f"Expect a 1D vector, but got shape {list(input.shape)}")
    if r < 0:
        raise RuntimeError(f"Expect a non-negative number, but got {r}")
    if r == 0:
        return input[:0]
    chosen = list((choices_again if with_replacement else choices)(range(input.shape[0]), r))
    like = unwrap(input)
    return input[np.array(chosen, np.int64, like=like).reshape((len(chosen), r))]
