"""Norms and distances, and what is computed from norms and singular values: ranks, condition numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..dtypes import as_dtype, expect_real, real_of
from ..inplace import inplace
from ..op import function, op
from ..tensor import Tensor, wrap
from . import ufuncs
from .dims import unreduced, wrap_dim, wrap_dims
from .matrices import matrix
from .shape import broadcast_to, movedim
from .solving import inverse
from .spectral import cutoff, eigvalsh, svdvals

__all__ = ["cdist", "dist", "norm", "renorm"]

# ---- norms of vectors --------------------------------------------------------------------------------------------


def _safe(x: Any) -> Any:
    """`x` with ones for zeros, to divide by."""
    return np.where(x == 0, 1, x)


def _direction(x: Any) -> Any:
    """x / |x|, and 0 for 0."""
    return np.sign(x) if x.dtype.kind != "c" else x / _safe(np.abs(x))


def _norm_gradient(g: Any, x: Any, out: Any, ord: float, dims: tuple) -> Any:
    if ord == 0:
        return x * 0
    g, out = unreduced(g, x.shape, dims), unreduced(out, x.shape, dims)
    if ord == 1:
        return g * _direction(x)
    if ord == 2:
        return x * np.where(out == 0, 0, g / _safe(out))
    size = np.abs(x)
    if math.isinf(ord):
        ties = (size == out) * 1.0
        return _direction(x) * (ties * (g / ties.sum(dims, keepdims=True)))
    if ord < 1:
        return np.where(x == 0, 0, _direction(x) * (_safe(size) / _safe(out)) ** (ord - 1) * g)
    if ord < 2:
        return _direction(x) * np.where(out == 0, 0, g * (size / _safe(out)) ** (ord - 1))
    return x * np.where(out == 0, 0, g * (size / _safe(out)) ** (ord - 2) / _safe(out))


@op("vector_norm", method=False, holomorphic=False, x=_norm_gradient)
def _vector_norm(x, ord, dims, keepdim):
    size = x if x.dtype.kind == "f" and ord in (2, 0) else np.abs(x)
    over = {"axis": dims, "keepdims": keepdim}
    if ord == 2:
        return np.sqrt(np.add.reduce(size * size, **over))
    if ord == 1:
        return np.add.reduce(size, **over)
    if ord == 0:
        return np.add.reduce(x != 0, dtype=real_of(x.dtype), **over)
    if math.isinf(ord):
        return ufuncs.reduce(np.maximum if ord > 0 else np.minimum, size, dims, keepdim)
    return np.add.reduce(size**ord, **over) ** (1 / ord)


def _converted(x: Any, dtype: Any, name: str) -> Any:
    """`x` in the type to compute in."""
    if dtype is not None:
        dtype = as_dtype(dtype)
        if (dtype.kind == "c") != (x.dtype.kind == "c") or dtype.kind not in "fc":
            raise RuntimeError(
                f"{name}: dtype should be {'complex' if x.dtype.kind == 'c' else 'floating-point'}, got {dtype}"
            )
        x = x.to(dtype)
    if x.dtype.kind not in "fc":
        raise RuntimeError(f"{name}: Expected a floating point or complex tensor as input. Got {x.dtype}")
    return x


@function(method=False)
def vector_norm(x, ord: Any = 2, dim: Any = None, keepdim=False, *, dtype=None):
    """The norm (sum |x|ᵒʳᵈ)^(1/ord) of all elements, or over some dimensions.

    `ord` may be inf (the largest size), -inf (the smallest), and 0 (how many are not zero).
    """
    ord = float(ord)
    x = _converted(x, dtype, "linalg.vector_norm")
    if dim is not None and not isinstance(dim, int) and not dim:
        dim = None
    dims = tuple(range(x.ndim)) if dim is None else wrap_dims(dim, x.ndim)
    if not x.ndim:
        return _vector_norm(x.reshape(1), ord, (0,), False)
    if (ord < 0 or math.isinf(ord)) and any(x.shape[d] == 0 for d in dims):
        raise RuntimeError(
            f"linalg.vector_norm cannot compute the {ord} norm on an empty tensor because the operation does not have an identity"
        )
    return _vector_norm(x, ord, dims, bool(keepdim))


# ---- norms of matrices -------------------------------------------------------------------------------------------


@function(method=False, numpy=getattr(np.linalg, "matrix_norm", None))
def matrix_norm(A, ord: Any = "fro", dim: Any = (-2, -1), keepdim=False, *, dtype=None):
    """A norm of matrices.

    `ord`: "fro" (the root of the sum of squares), "nuc" (the sum of singular values), 2 and -2 (the largest and smallest
    singular value), 1 and -1 (the largest and smallest sum of a column's sizes), inf and -inf (of a row's).
    """
    A = _converted(A, dtype, "linalg.matrix_norm")
    if A.ndim < 2:
        raise RuntimeError(f"linalg.matrix_norm: The input tensor A must have at least 2 dimensions, got {A.ndim}")
    dims = wrap_dims(dim, A.ndim)
    if len(dims) != 2:
        raise RuntimeError(f"linalg.matrix_norm: dim must be a 2-tuple. Got {dim}")
    if ord == "fro":
        return _vector_norm(A, 2.0, dims, bool(keepdim))
    if ord in ("nuc", 2, -2):
        S = svdvals(movedim(A, dims, (-2, -1)))
        out = S.sum(-1) if ord == "nuc" or (ord == 2 and not S.shape[-1]) else S.amax(-1) if ord == 2 else S.amin(-1)
        return unreduced(out, tuple(A.shape), dims) if keepdim else out
    if ord not in (1, -1, math.inf, -math.inf):
        raise RuntimeError(f"linalg.matrix_norm: Order {ord} not supported.")
    rows, columns = dims if abs(ord) == 1 else dims[::-1]
    sums = _vector_norm(A, 1.0, (rows,), True)
    if ord > 0 and not sums.shape[columns]:
        out = sums.sum(columns, keepdim=True)
    else:
        out = sums.amax(columns, keepdim=True) if ord > 0 else sums.amin(columns, keepdim=True)
    return out if keepdim else out.squeeze(dims)


@function(method=False, numpy=np.linalg.norm)
def linalg_norm(A, ord=None, dim=None, keepdim=False, *, dtype=None):
    """The norm of a vector or matrix: `vector_norm` over one dimension, `matrix_norm` over two.

    Without `ord` the root of the sum of all squares.
    """
    if ord is None:
        return vector_norm(A, 2, dim, keepdim, dtype=dtype)
    if dim is None and A.ndim not in (1, 2):
        raise RuntimeError(
            f"linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got {A.ndim}D."
        )
    count = A.ndim if dim is None else 1 if isinstance(dim, int) else len(dim)
    if count == 2 or isinstance(ord, str):
        return matrix_norm(A, ord, (-2, -1) if dim is None else dim, keepdim, dtype=dtype)
    return vector_norm(A, ord, dim, keepdim, dtype=dtype)


@function()
def norm(input, p="fro", dim=None, keepdim=False, out=None, dtype=None):
    """The p-norm of all elements, or over some dimensions; "fro" is 2, "nuc" the sum of singular values.

    >>> import autograd as ag
    >>> ag.tensor([3.0, 4.0]).norm()
    tensor(5.)
    """
    if p == "nuc":
        return matrix_norm(input, "nuc", (-2, -1) if dim is None else dim, keepdim, dtype=dtype)
    p = 2 if p is None or p == "fro" else p
    return vector_norm(input, p, dim, keepdim, dtype=dtype)


@function()
def renorm(input, p, dim, maxnorm):
    """Each slice along `dim` whose p-norm is more than `maxnorm` scaled down to it."""
    dim = wrap_dim(dim, input.ndim)
    if p <= 0 or maxnorm < 0:
        raise RuntimeError(f"renorm: expected a positive p and a maxnorm of at least 0, got {p} and {maxnorm}")
    dims = tuple(d for d in range(input.ndim) if d != dim)
    size = _vector_norm(input, float(p), dims, True)
    factor = np.where(size > maxnorm, maxnorm / (size + 1e-7), 1)
    return input * factor


Tensor.renorm_ = inplace(renorm, "renorm_")  # type: ignore[attr-defined]

# ---- distances ---------------------------------------------------------------------------------------------------


@function()
def dist(input, other, p=2):
    """The p-norm of the difference."""
    return vector_norm(input - other, p)


def _cdist_gradients(g: Any, x: Any, y: Any, out: Any) -> tuple:
    """x − y summed with the weights g / distance, without the array of all differences."""
    w = np.where(out == 0, 0, g / _safe(out))
    return x * w.sum(-1)[..., None] - w @ y, y * w.sum(-2)[..., None] - w.swapaxes(-1, -2) @ x, None


@op("cdist", method=False, joint=_cdist_gradients)
def _cdist(x, y, by_products):
    if by_products:
        squares = (x * x).sum(-1)[..., :, None] + (y * y).sum(-1)[..., None, :] - 2 * (x @ y.swapaxes(-1, -2))
        return np.sqrt(np.maximum(squares, 0))
    difference = x[..., :, None, :] - y[..., None, :, :]
    return np.sqrt((difference * difference).sum(-1))


_MODES = ("use_mm_for_euclid_dist_if_necessary", "use_mm_for_euclid_dist", "donot_use_mm_for_euclid_dist")


@function(method=False)
def cdist(x1, x2, p=2.0, compute_mode=_MODES[0]):
    """The p-norm distance between each row of one matrix and each of another, in batches.

    Args:
        x1: (…, P, M).
        x2: (…, R, M).
        compute_mode: whether Euclidean distances of more than 25 rows are computed by a matrix product, as in PyTorch.

    Returns:
        (…, P, R).
    """
    expect_real("cdist", x1, x2)
    if x1.ndim < 2 or x2.ndim < 2 or x1.shape[-1] != x2.shape[-1]:
        raise RuntimeError(
            f"cdist: X1 and X2 must be matrices with as many columns, got {tuple(x1.shape)} and {tuple(x2.shape)}"
        )
    if p < 0:
        raise RuntimeError("cdist only supports non-negative p values")
    if compute_mode not in _MODES:
        raise ValueError(f"{compute_mode} is not a valid value for compute_mode")
    if p == 2:
        large = x1.shape[-2] > 25 or x2.shape[-2] > 25
        lead = np.broadcast_shapes(tuple(x1.shape[:-2]), tuple(x2.shape[:-2]))
        x1, x2 = (broadcast_to(x, (*lead, *x.shape[-2:])) if tuple(x.shape[:-2]) != lead else x for x in (x1, x2))
        return _cdist(x1, x2, compute_mode == _MODES[1] or (compute_mode == _MODES[0] and large))
    return vector_norm(x1.unsqueeze(-2) - x2.unsqueeze(-3), p, -1)


# ---- rank and condition ------------------------------------------------------------------------------------------


@function(method=False, numpy=np.linalg.cond)
def cond(A, p=None):
    """The condition number of matrices in a norm: how much larger relative errors may get when A is solved for."""
    if p in (None, 2, -2):
        S = svdvals(A)
        return S[..., -1] / S[..., 0] if p == -2 else S[..., 0] / S[..., -1]
    matrix(A, "linalg.cond", square=True)
    return matrix_norm(A, p) * matrix_norm(inverse(A), p)


@function(method=False, numpy=np.linalg.matrix_rank)
def matrix_rank(A, tol=None, hermitian=False, *, atol=None, rtol=None):
    """How many singular values are larger than max(atol, rtol × the largest)."""
    matrix(A, "linalg.matrix_rank")
    A = A.detach()
    if tol is not None:
        atol, rtol = tol, 0.0
    S = np.abs(eigvalsh(A).array) if hermitian else svdvals(A).array
    cut = cutoff(S, atol, rtol, tuple(A.shape[-2:]), A.dtype)
    return wrap((cut < S).sum(-1))
