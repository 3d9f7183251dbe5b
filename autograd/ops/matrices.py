"""What the ops on matrices share: a matrix is in the last two dimensions, those before are a batch."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..forward import LinAlgError
from .diagonal import diagonal, diagonal_adjoint
from .places import steps


def H(x: Any) -> Any:
    """The conjugate transpose."""
    x = x.swapaxes(-1, -2)
    return x.conj() if x.dtype.kind == "c" else x


def matrix(x: Any, name: str, square: bool = False) -> Any:
    """`x`, if it is a (square) matrix of floating-point numbers or a batch of them."""
    if x.ndim < 2:
        raise RuntimeError(
            f"{name}: The input tensor A must have at least 2 dimensions, got the shape {tuple(x.shape)}."
        )
    if square and x.shape[-1] != x.shape[-2]:
        raise RuntimeError(
            f"{name}: A must be batches of square matrices, but they are {x.shape[-2]} by {x.shape[-1]} matrices"
        )
    if x.dtype.kind not in "fc" or x.dtype == np.float16:
        raise RuntimeError(f"{name}: Expected a floating point or complex tensor as input. Got {x.dtype}")
    return x


def embed(d: Any, rows: int | None = None, columns: int | None = None) -> Any:
    """Matrices (square unless said otherwise) with the last dimension of `d` on the diagonal."""
    n = d.shape[-1]
    shape = (*d.shape[:-1], rows or n, columns or n)
    return diagonal_adjoint(d, tuple(shape), 0, len(shape) - 2, len(shape) - 1)


def diag_of(x: Any) -> Any:
    """The diagonals of matrices."""
    return diagonal(x, 0, -2, -1)


def zeros_info(x: Any) -> Any:
    """LAPACK's report for a batch of matrices with which nothing is wrong."""
    return np.zeros_like(x, shape=x.shape[:-2], dtype=np.int32)


def lapack(function: Callable, *arrays: Any, **options: Any) -> Any:
    """A function of np.linalg, of arrays on any device.

    CuPy's would return wrong numbers where there is no solution, unless asked to raise, and broadcast no batches.
    """
    if isinstance(arrays[0], np.ndarray):
        return function(*arrays, **options)
    if len(arrays) > 1:
        lead = np.broadcast_shapes(*(x.shape[:-2] for x in arrays))
        arrays = tuple(np.broadcast_to(x, (*lead, *x.shape[-2:])) for x in arrays)
    with importlib.import_module("cupyx").errstate(linalg="raise"):
        return function(*arrays, **options)


def identity(shape: tuple[int, ...], like: Any, dtype: Any = None) -> Any:
    """An array with ones on its diagonal, on the device and, unless another is given, in the type of `like`."""
    (rows, columns), like = shape, getattr(like, "array", like)
    return np.identity(max(shape), dtype=dtype or like.dtype, like=like)[:rows, :columns]


def stacked(x: Any) -> Any:
    """A batch of matrices with one leading dimension."""
    return x.reshape((math.prod(x.shape[:-2]), *x.shape[-2:]))


def failed(name: str, info: Any, what: str) -> None:
    """Raise for the first matrix of a batch for which a factorization failed."""
    codes = [info] if isinstance(info, int) else info.reshape(-1).tolist()
    if any(codes):
        bad = next(i for i, code in enumerate(codes) if code)
        place = f"(Batch element {bad}): " if np.ndim(info) else ""
        raise LinAlgError(f"{name}: {place}{what.format(codes[bad])}")


def zero_pivots(packed: Any) -> Any:
    """For each LU factorization in one array the number of the pivot that is zero, or 0."""
    zero = np.diagonal(packed, 0, -2, -1) == 0
    return np.where(zero.any(-1), zero.argmax(-1) + 1, 0).astype(np.int32) if zero.shape[-1] else zeros_info(packed)


def lu_arrays(x: Any) -> tuple[Any, Any]:
    """LU with row exchanges of a batch of matrices: both factors in one array, and LAPACK's pivots (from 1)."""
    m, n = x.shape[-2:]
    packed = stacked(x).copy()
    batch, count = packed.shape[0], min(m, n)
    pivots = np.zeros_like(packed, shape=(batch, count), dtype=np.int32)
    every = steps(batch, packed)
    for j in range(count):
        size = (
            np.abs(packed[:, j:, j].real) + np.abs(packed[:, j:, j].imag)
            if x.dtype.kind == "c"
            else np.abs(packed[:, j:, j])
        )
        p = size.argmax(1) + j
        pivots[:, j] = p + 1
        upper = packed[every, p].copy()
        packed[every, p] = packed[:, j]
        packed[:, j] = upper
        head = packed[:, j, j]
        packed[:, j + 1 :, j] /= np.where(head == 0, 1, head)[:, None]
        packed[:, j + 1 :, j + 1 :] -= packed[:, j + 1 :, j, None] * packed[:, j, None, j + 1 :]
    return packed.reshape(x.shape), pivots.reshape((*x.shape[:-2], count))
