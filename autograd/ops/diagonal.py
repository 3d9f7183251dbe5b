"""Diagonals and triangles of matrices."""

from __future__ import annotations

# pyright: reportGeneralTypeIssues=false
# (a rule may name its own op: the adjoint of an adjoint)
import math
import operator
from typing import Any

import numpy as np

from ..device import as_device, on
from ..inplace import apply, inplace
from ..op import function, op
from ..tensor import Tensor, wrap
from .dims import wrap_dim
from .masks import masked_fill
from .shape import clone

__all__ = ["diag", "diag_embed", "diagflat", "diagonal", "trace", "tril", "tril_indices", "triu", "triu_indices"]


# ---- triangles ---------------------------------------------------------------------------------------------------


def _matrix(x: Any, name: str) -> Any:
    if x.ndim < 2:
        raise RuntimeError(f"{name}: input tensor must have at least 2 dimensions, got the shape {tuple(x.shape)}")
    return x


@op(numpy=np.tril, x=lambda g, diagonal: tril(g, diagonal))
def tril(x, diagonal=0):
    """The lower triangle of matrices, up to and including the diagonal with that number; zeros above.

    >>> import autograd as ag
    >>> ag.ones(2, 2).tril()
    tensor([[1., 0.],
            [1., 1.]])
    """
    return np.tril(_matrix(x, "tril"), diagonal)


@op(numpy=np.triu, x=lambda g, diagonal: triu(g, diagonal))
def triu(x, diagonal=0):
    """The upper triangle of matrices, from the diagonal with that number on; zeros below."""
    return np.triu(_matrix(x, "triu"), diagonal)


def _indices(find: Any, name: str) -> Any:
    def indices(
        row: int, col: int, offset: int = 0, *, dtype: Any = np.int64, device: Any = None, layout: Any = None
    ) -> Any:
        if row < 0 or col < 0:
            raise RuntimeError(f"row and col must be non-negative, got {row} and {col}")
        with on(as_device(device)) as xp:
            rows, columns = find(row, offset, col)
            return wrap(xp.asarray(np.stack([rows, columns]).astype(np.int64 if dtype is None else dtype)))

    indices.__name__ = indices.__qualname__ = name
    indices.__doc__ = (
        f"Rows and columns (a 2 × n tensor) of the elements that `{name[:4]}` of a row × col matrix keeps."
    )
    return indices


tril_indices, triu_indices = _indices(np.tril_indices, "tril_indices"), _indices(np.triu_indices, "triu_indices")

# ---- diagonals ---------------------------------------------------------------------------------------------------


@op(method=False, x=lambda g, offset, dim1, dim2: _diagonal(g, offset, dim1, dim2))
def diagonal_adjoint(x, shape, offset, dim1, dim2):
    """Zeros of `shape` with `x` on a diagonal."""
    out = np.zeros_like(x, shape=shape)
    _strided_diagonal(out, offset, dim1, dim2)[...] = x
    return out


def _strided_diagonal(x: Any, offset: int, dim1: int, dim2: int) -> Any:
    """A view of a diagonal that can be written to, which NumPy's is not."""
    found = x.diagonal(offset, dim1, dim2)
    if isinstance(found, np.ndarray) and x.flags.writeable:
        found.flags.writeable = True
    return found


@op("diagonal", method=False, view=True,
    x=lambda g, x_shape, offset, dim1, dim2: diagonal_adjoint(g, x_shape, offset, dim1, dim2))  # fmt: skip
def _diagonal(x, offset, dim1, dim2):
    return _strided_diagonal(x, offset, dim1, dim2)


def _two(x: Any, dim1: int, dim2: int, ndim: int) -> tuple[int, int]:
    dim1, dim2 = wrap_dim(dim1, ndim), wrap_dim(dim2, ndim)
    if dim1 == dim2:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    return dim1, dim2


@function(numpy=np.diagonal)
def diagonal(input, offset=0, dim1=0, dim2=1):
    """A diagonal of matrices that lie in two dimensions; it takes their place as a new last one.  A view."""
    dim1, dim2 = _two(input, dim1, dim2, input.ndim)
    return _diagonal(input, operator.index(offset), dim1, dim2)


@function()
def diag_embed(input, offset=0, dim1=-2, dim2=-1):
    """Matrices, in two new dimensions, with the last dimension of `input` on a diagonal."""
    n = input.shape[-1] + abs(offset)
    dim1, dim2 = _two(input, dim1, dim2, input.ndim + 1)
    shape = list(input.shape[:-1])
    for d in sorted((dim1, dim2)):
        shape.insert(d, n)
    return diagonal_adjoint(input, tuple(shape), offset, dim1, dim2)


@function(numpy=np.diag)
def diag(input, diagonal=0):
    """A diagonal of a matrix, or the matrix with a vector on its diagonal."""
    if input.ndim not in (1, 2):
        raise RuntimeError(
            f"diag(): Supports 1D or 2D tensors. Got {input.ndim}D; use diagonal or diag_embed for batches"
        )
    if input.ndim == 1:
        return diag_embed(input, diagonal)
    return clone(_diagonal(input, diagonal, 0, 1))


@function(numpy=np.diagflat)
def diagflat(input, offset=0):
    """The matrix with all elements of `input` on a diagonal."""
    return diag_embed(input.reshape(-1), offset)


@op("trace", x=lambda g, x_shape: diagonal_adjoint(
    np.broadcast_to(g, (min(x_shape),)), x_shape, 0, 0, 1))  # fmt: skip
def trace(x):
    """The sum of a matrix's diagonal."""
    if x.ndim != 2:
        raise RuntimeError(f"trace: expected a matrix, but got tensor with dim {x.ndim}")
    return x.diagonal().sum(dtype=np.int64 if x.dtype.kind in "biu" else None)


@function(method=False, numpy=np.trace)
def _numpy_trace(a, offset=0, axis1=0, axis2=1):
    return diagonal(a, offset, axis1, axis2).sum(-1)


def _diagonal_places(shape: tuple[int, ...], wrapped: bool) -> slice:
    """Where the diagonal of a tensor of that shape lies among all its elements."""
    if len(shape) < 2:
        raise RuntimeError(f"fill_diagonal_: dimensions must larger than 1, got the shape {shape}")
    if len(shape) == 2:
        n, m = shape
        end = None if wrapped else n * m if n <= m else m * m
        return slice(0, end, m + 1)
    if len(set(shape)) != 1:
        raise RuntimeError(f"fill_diagonal_: all dimensions of input must be of equal length, got the shape {shape}")
    return slice(0, None, sum(shape[0] ** k for k in range(len(shape))))


def fill_diagonal_(self: Tensor, fill_value: Any, wrap: bool = False) -> Tensor:
    """Write a number onto the diagonal; with `wrap` it begins again below the square part.  Returns itself."""
    where = np.zeros(math.prod(self.shape), bool)
    where[_diagonal_places(tuple(self.shape), wrap)] = True
    mask = np.asarray(where.reshape(self.shape), like=self.array)
    return apply("fill_diagonal_", lambda x: masked_fill(x, mask, fill_value), self)


Tensor.fill_diagonal_ = fill_diagonal_  # type: ignore[attr-defined]
Tensor.tril_, Tensor.triu_ = inplace(tril, "tril_"), inplace(triu, "triu_")  # type: ignore[attr-defined]
