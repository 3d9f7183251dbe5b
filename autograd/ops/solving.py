"""Inverses and solutions of linear systems, in batches.

The rules follow PyTorch's convention for complex numbers (``holomorphic=False``); `H` is the conjugate transpose.
Sources: M. Giles, "Collected matrix derivative results for forward and reverse mode algorithmic differentiation" (2008);
M. Seeger et al., "Auto-differentiating linear algebra" (2017).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..op import function, op
from ..return_types import named
from ..tensor import Tensor, unwrap, wrap
from .diagonal import tril, triu
from .matrices import H, failed, identity, lapack, lu_arrays, matrix, zero_pivots
from .shape import movedim

__all__ = ["inverse", "triangular_solve"]

InvResult = named("linalg_inv_ex", "inverse info")
SolveResult = named("linalg_solve_ex", "result info")
TriangularResult = named("triangular_solve", "solution cloned_coefficient")

# ---- solving -----------------------------------------------------------------------------------------------------


@op("inv", method=False, numpy=(), holomorphic=False, x=lambda g, out: -(H(out) @ g @ H(out)))
def _inv(x):
    return lapack(np.linalg.inv, x)


@function(method="inverse", numpy=np.linalg.inv)
def inverse(A):
    """The inverse of square matrices.

    >>> import autograd as ag
    >>> ag.linalg.inv(ag.tensor([[2.0, 0.0], [0.0, 4.0]]))
    tensor([[0.5000, 0.0000],
            [0.0000, 0.2500]])
    """
    return _inv(matrix(A, "linalg.inv", square=True))


@function(method=False)
def inv_ex(A, *, check_errors=False):
    """The inverse of square matrices, and for each 0, or not 0 where it has none."""
    matrix(A, "linalg.inv", square=True)
    info = zero_pivots(lu_arrays(unwrap(A))[0])
    if check_errors:
        failed("linalg.inv", info, "The diagonal element {} is zero, the inversion could not be completed")
    if np.any(info):
        return InvResult(wrap(_each_inverse(A.array, info)), wrap(info))
    return InvResult(_inv(A), wrap(info))


def _each_inverse(x: Any, info: Any) -> Any:
    out = np.full_like(x, np.nan)
    out[info == 0] = lapack(np.linalg.inv, x[info == 0])
    return out


def _solve_gradients(g: Any, A: Any, out: Any, needs: tuple) -> tuple:
    gB = _solve(H(A), g)
    return (-(gB @ H(out)) if needs[0] else None), gB


@op("solve", method=False, holomorphic=False, joint=_solve_gradients)
def _solve(A, B):
    return lapack(np.linalg.solve, A, B)


def is_vector(A: Any, B: Any) -> bool:
    """Does `solve` take B for a vector (or a batch of them) rather than a matrix?"""
    return B.ndim == 1 or (B.ndim == A.ndim - 1 and tuple(B.shape) == tuple(A.shape[:-1]))


@function(method=False, numpy=np.linalg.solve)
def solve(A, B, *, left=True):
    """X of A X = B (or of X A = B, with ``left=False``).

    Args:
        A: square matrices, (…, n, n).
        B: (…, n, k), or vectors (…, n).

    Raises LinAlgError where A has no inverse.
    """
    matrix(A, "linalg.solve", square=True)
    if A.dtype != B.dtype:
        raise RuntimeError(
            f"linalg.solve: Expected A and B to have the same dtype, but found A of type {A.dtype} and B of type {B.dtype}"
        )
    if vector := is_vector(A, B):
        if not left:
            raise RuntimeError(
                "linalg.solve: Vector broadcasting of the left hand side is not supported for left=False"
            )
        B = B.unsqueeze(-1) if isinstance(B, Tensor) else B[..., None]
    if B.shape[-2 if left else -1] != A.shape[-1]:
        raise RuntimeError(f"linalg.solve: Incompatible shapes of A and B: {tuple(A.shape)} and {tuple(B.shape)}")
    X = _solve(A, B) if left else _solve(A.swapaxes(-1, -2), B.swapaxes(-1, -2)).swapaxes(-1, -2)
    return X[..., 0] if vector else X


@function(method=False)
def solve_ex(A, B, *, left=True, check_errors=False):
    """`solve`, and for each matrix 0, or not 0 where it has no inverse."""
    info = zero_pivots(lu_arrays(matrix(A, "linalg.solve", square=True).array)[0])
    failed(
        "linalg.solve",
        info if check_errors or np.any(info) else 0,
        "The solver failed because the input matrix is singular.",
    )
    return SolveResult(solve(A, B, left=left), wrap(info))


def _triangle(A: Any, upper: bool, unitriangular: bool) -> Any:
    out = (np.triu if upper else np.tril)(A, (1 if upper else -1) if unitriangular else 0)
    return out + identity(A.shape[-2:], A) if unitriangular else out


def _triangular_gradients(g: Any, A: Any, out: Any, needs: tuple, upper: bool, unitriangular: bool) -> tuple:
    gB = _solve_triangular(H(A), g, not upper, unitriangular)
    if not needs[0]:
        return None, gB, None, None
    k = int(unitriangular)
    gA = -(gB @ H(out))
    return (triu(gA, k) if upper else tril(gA, -k)), gB, None, None


@op("solve_triangular", method=False, holomorphic=False, joint=_triangular_gradients)
def _solve_triangular(A, B, upper, unitriangular):
    return lapack(np.linalg.solve, _triangle(A, upper, unitriangular), B)


@function(method=False)
def solve_triangular(A, B, *, upper, left=True, unitriangular=False):
    """X of A X = B (or X A = B) with a triangular A, of which only that triangle is read."""
    matrix(A, "linalg.solve_triangular", square=True)
    if left:
        return _solve_triangular(A, B, upper, unitriangular)
    X = _solve_triangular(A.swapaxes(-1, -2), B.swapaxes(-1, -2), not upper, unitriangular)
    return X.swapaxes(-1, -2)


@function()
def triangular_solve(b, A, upper=True, transpose=False, unitriangular=False):
    """The old form of `solve_triangular`: the solution and A."""
    X = solve_triangular(H(A) if transpose else A, b, upper=upper != transpose, unitriangular=unitriangular)
    return TriangularResult(X, A.clone())


# ---- tensors as matrices -----------------------------------------------------------------------------------------


@function(method=False, numpy=np.linalg.tensorsolve)
def tensorsolve(A, B, dims=None):
    """X with tensordot(A, X, X.ndim) = B: a linear system whose unknowns and equations have several dimensions."""
    if dims is not None:
        A = movedim(A, tuple(dims), tuple(range(A.ndim - len(dims), A.ndim)))
    shape = tuple(A.shape[B.ndim :])
    n = math.prod(shape)
    if n != math.prod(B.shape):
        raise RuntimeError(
            f"Expected self to satisfy the requirement prod(self.shape[other.ndim:]) == prod(self.shape[:other.ndim]), but got "
            f"{n} != {math.prod(B.shape)}"
        )
    return solve(A.reshape(n, n), B.reshape(-1)).reshape(shape)


@function(method=False, numpy=np.linalg.tensorinv)
def tensorinv(A, ind=2):
    """The inverse of A as a linear map from its last dimensions to its first `ind`."""
    if ind <= 0:
        raise RuntimeError(f"Expected a strictly positive integer for 'ind', got {ind}")
    first, last = tuple(A.shape[:ind]), tuple(A.shape[ind:])
    n = math.prod(first)
    if n != math.prod(last):
        raise RuntimeError(
            f"Expected self to satisfy prod(self.shape[ind:]) == prod(self.shape[:ind]), got {tuple(A.shape)}, ind={ind}"
        )
    return inverse(A.reshape(n, n)).reshape((*last, *first))
