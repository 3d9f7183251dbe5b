"""Cholesky, QR and LU, in batches, and products of Householder reflections.

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
from .matrices import H, diag_of, embed, failed, identity, lapack, lu_arrays, matrix, stacked, zero_pivots, zeros_info
from .places import steps
from .solving import _solve_triangular, solve_triangular

__all__ = [
    "cholesky",
    "cholesky_inverse",
    "cholesky_solve",
    "geqrf",
    "lu",
    "lu_solve",
    "lu_unpack",
    "orgqr",
    "ormqr",
    "qr",
]

QrResult = named("linalg_qr", "Q R")
OldQrResult = named("qr", "Q R")
CholeskyResult = named("linalg_cholesky_ex", "L info")
LuResult = named("linalg_lu", "P L U")
LuUnpackResult = named("lu_unpack", "P L U")
LuFactorResult = named("linalg_lu_factor", "LU pivots")
LuFactorExResult = named("linalg_lu_factor_ex", "LU pivots info")
GeqrfResult = named("geqrf", "a tau")

# ---- Cholesky ----------------------------------------------------------------------------------------------------


def _cholesky_gradient(g: Any, out: Any) -> Any:
    phi = H(out) @ g
    phi = (tril(phi) + H(tril(phi, -1))) / 2
    return H(_solve_triangular(H(out), H(_solve_triangular(H(out), phi, True, False)), True, False))


@op("cholesky", method=False, holomorphic=False, x=_cholesky_gradient)
def _cholesky(x):
    return lapack(np.linalg.cholesky, x)


@function(method=False, numpy=np.linalg.cholesky)
def cholesky(A, *, upper=False):
    """The lower triangular L with A = L Lᴴ (or the upper one, its Lᴴ) of positive definite matrices.

    Raises LinAlgError for matrices that are not.
    """
    L, _ = cholesky_ex(A, check_errors=True)
    return H(L) if upper else L


def _cholesky_method(self: Tensor, upper: bool = False) -> Tensor:
    """`cholesky`, whose `upper` need not be named here."""
    return cholesky(self, upper=upper)


Tensor.cholesky = _cholesky_method  # type: ignore[attr-defined]


def _first_not_positive(x: Any) -> Any:
    """For each matrix the order of the first leading minor that is not positive, or 0."""
    info = zeros_info(x)
    flat, found = stacked(x), info.reshape(-1)
    for b, one in enumerate(flat):
        try:
            lapack(np.linalg.cholesky, one)
        except np.linalg.LinAlgError:
            low, high = 0, one.shape[0]  # the minor of order `low` is positive definite, that of order `high` is not
            while high - low > 1:
                middle = (low + high) // 2
                try:
                    lapack(np.linalg.cholesky, one[:middle, :middle])
                    low = middle
                except np.linalg.LinAlgError:
                    high = middle
            found[b] = high
    return found.reshape(info.shape)


@function(method=False)
def cholesky_ex(A, *, upper=False, check_errors=False):
    """`cholesky`, and for each matrix 0, or the order of the leading minor that is not positive."""
    matrix(A, "linalg.cholesky", square=True)
    try:
        L = _cholesky(A)
        info = zeros_info(unwrap(A))
    except np.linalg.LinAlgError:
        info = _first_not_positive(unwrap(A))
        if check_errors:
            failed(
                "linalg.cholesky",
                info,
                "The factorization could not be completed because the input is not positive-definite (the leading minor of "
                "order {} is not positive-definite).",
            )
        L = wrap(np.full_like(A.array, np.nan))
    return CholeskyResult(H(L) if upper else L, wrap(info))


@function()
def cholesky_solve(B, L, upper=False):
    """X of A X = B, given the Cholesky factor of A."""
    lower = H(L) if upper else L
    return solve_triangular(H(lower), solve_triangular(lower, B, upper=False), upper=True)


@function()
def cholesky_inverse(L, upper=False):
    """The inverse of A, given the Cholesky factor of A."""
    eye = wrap(np.broadcast_to(identity(L.shape[-2:], L), tuple(L.shape)).copy())
    return cholesky_solve(eye, L, upper)


# ---- QR ----------------------------------------------------------------------------------------------------------


def _symmetric_lower(x: Any) -> Any:
    """The lower triangle mirrored upwards: Hermitian, with a real diagonal."""
    low = tril(x) - embed(diag_of(x)) / 2
    return low + H(low)


def _qr_gradient(g: tuple, x_shape: tuple, out: tuple, mode: str) -> Any:
    if mode == "r":
        raise RuntimeError(
            "The derivative of linalg.qr depends on Q, which is not computed when mode='r'. Use mode='reduced'."
        )
    m, n = x_shape[-2:]
    if mode == "complete" and m > n:
        raise RuntimeError(
            "The QR decomposition is not differentiable when mode='complete' and nrows > ncols. Use mode='reduced'."
        )
    (gQ, gR), (Q, R) = g, out
    if m >= n:
        return _qr_square(gQ, gR, Q, R)
    rest = Q @ R[..., :, m:]  # of a wide matrix: R is the factor of its square part, and Qᴴ times the rest
    left = _qr_square(gQ + rest @ H(gR[..., :, m:]), gR[..., :, :m], Q, R[..., :, :m])
    return np.concatenate([left, Q @ gR[..., :, m:]], axis=-1)


def _qr_square(gQ: Any, gR: Any, Q: Any, R: Any) -> Any:
    inner = _symmetric_lower(R @ H(gR) - H(gQ) @ Q)
    return H(_solve_triangular(R, H(gQ + Q @ inner), True, False))


@op("qr", method=False, holomorphic=False, x=_qr_gradient)
def _qr(x, mode):
    if mode == "r":
        R = lapack(np.linalg.qr, x, mode="r")
        return np.zeros_like(x, shape=(0,)), R
    Q, R = lapack(np.linalg.qr, x, mode=mode)
    return Q, R


@function(method=False, numpy=np.linalg.qr)
def linalg_qr(A, mode="reduced"):
    """Q with orthonormal columns and the upper triangular R with A = Q R.

    `mode` is "reduced", "complete" (a square Q) or "r" (no Q).
    """
    if mode not in ("reduced", "complete", "r"):
        raise RuntimeError(
            f"qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), 'r', or 'complete'"
        )
    return QrResult(*_qr(matrix(A, "linalg.qr"), mode))


@function()
def qr(input, some=True):
    """The old form of `linalg.qr`."""
    return OldQrResult(*linalg_qr(input, "reduced" if some else "complete"))


# ---- LU ----------------------------------------------------------------------------------------------------------


def permutation(pivots: Any, m: int) -> Any:
    """The order of the rows after the exchanges that `pivots` name, (…, m)."""
    if pivots.dtype.kind not in "iu" or not ((pivots > 0) & (pivots <= m)).all():
        raise RuntimeError(
            f"expected pivots from lu_factor, whole numbers between 1 and {m}, got others of {pivots.dtype}"
        )
    flat = pivots.reshape((math.prod(pivots.shape[:-1]), pivots.shape[-1]))
    order = np.broadcast_to(steps(m, flat), (flat.shape[0], m)).copy()
    every = steps(flat.shape[0], flat)
    for j in range(flat.shape[1]):
        p = flat[:, j] - 1
        upper = order[every, p].copy()
        order[every, p] = order[:, j]
        order[:, j] = upper
    return order.reshape((*pivots.shape[:-1], m))


def permutation_matrix(order: Any, like: Any) -> Any:
    """P with A = P L U for rows in that order."""
    m = order.shape[-1]
    return (steps(m, order)[:, None] == order[..., None, :]).astype(like.dtype)


def _lu_split(packed: Any) -> tuple[Any, Any]:
    """L (with ones on the diagonal) and U of the array that has both."""
    m, n = packed.shape[-2:]
    k = min(m, n)
    eye = identity((m, k), packed)
    return tril(packed[..., :, :k], -1) + eye, triu(packed[..., :k, :])


def _lu_gradient(g: Any, out: tuple) -> Any:
    """Of the packed factors: the strict lower triangle is L's, the upper one U's."""
    gP, _ = g
    packed, pivots = out
    m, n = packed.shape[-2:]
    k = min(m, n)
    L, U = _lu_split(packed)
    gL, gU = tril(gP[..., :, :k], -1), triu(gP[..., :k, :])
    order = permutation(unwrap(pivots), m)
    P = permutation_matrix(order, packed)
    P = wrap(P) if isinstance(packed, Tensor) else P
    L1, U1 = L[..., :k, :], U[..., :, :k]
    gL1, gU1 = gL[..., :k, :], gU[..., :, :k]
    below = right = None
    if m > k:  # L2 = A2 U⁻¹
        below = H(_solve_triangular(U1, H(gL[..., k:, :]), True, False))
        gU1 = gU1 - triu(H(L[..., k:, :]) @ below)
    if n > k:  # U2 = L⁻¹ A2
        right = _solve_triangular(H(L1), gU[..., :, k:], True, True)
        gL1 = gL1 - tril(right @ H(U[..., :, k:]), -1)
    inner = tril(H(L1) @ gL1, -1) + triu(gU1 @ H(U1))
    inner = H(_solve_triangular(U1, H(_solve_triangular(H(L1), inner, True, True)), True, False))
    if right is not None:
        inner = np.concatenate([inner, right], axis=-1)
    if below is not None:
        inner = np.concatenate([inner, below], axis=-2)
    return P @ inner


@op("lu_factor", method=False, holomorphic=False, partial=True, x=_lu_gradient)
def _lu_factor(x):
    return lu_arrays(x)


@function(method=False)
def lu_factor_ex(A, *, pivot=True, check_errors=False):
    """`lu_factor`, and for each matrix 0, or the number of the pivot that is zero."""
    if not pivot:
        raise RuntimeError("linalg.lu_factor: LU without pivoting is not implemented on the CPU; use pivot=True")
    packed, pivots = _lu_factor(matrix(A, "linalg.lu_factor"))
    info = zero_pivots(packed.array)
    if check_errors:
        failed(
            "linalg.lu_factor_ex",
            info,
            "U[{0},{0}] is zero and using it on lu_solve would result in a division by zero.",
        )
    return LuFactorExResult(packed, pivots, wrap(info))


@function(method=False)
def lu_factor(A, *, pivot=True):
    """The factors of A = P L U in one matrix (L below the diagonal, without its ones), and the pivots, counted from 1."""
    return LuFactorResult(*lu_factor_ex(A, pivot=pivot)[:2])


@function(method=False)
def linalg_lu(A, *, pivot=True):
    """P, L and U with A = P L U: a permutation, a lower triangle with ones on its diagonal, an upper triangle."""
    packed, pivots = lu_factor(A, pivot=pivot)
    return LuResult(*lu_unpack(packed, pivots))


@function()
def lu_unpack(LU_data, LU_pivots, unpack_data=True, unpack_pivots=True):
    """P, L and U from what `lu_factor` gives."""
    empty = wrap(np.zeros_like(LU_data.array, shape=(0,)))
    P = wrap(permutation_matrix(permutation(LU_pivots.array, LU_data.shape[-2]), LU_data)) if unpack_pivots else empty
    L, U = _lu_split(LU_data) if unpack_data else (empty, empty)
    return LuUnpackResult(P, L, U)


@function(method=False)
def linalg_lu_solve(LU, pivots, B, *, left=True, adjoint=False):
    """X of A X = B (X A = B, Aᴴ X = B, …) from the `lu_factor` of A."""
    if not left:
        X = linalg_lu_solve(LU, pivots, H(B), adjoint=not adjoint)
        return H(X)
    L, U = _lu_split(LU)
    P = wrap(permutation_matrix(permutation(pivots.array, LU.shape[-2]), LU))
    if adjoint:
        Y = solve_triangular(H(L), solve_triangular(H(U), B, upper=False), upper=True, unitriangular=True)
        return P @ Y
    Y = solve_triangular(L, P.mT @ B, upper=False, unitriangular=True)
    return solve_triangular(U, Y, upper=True)


@function()
def lu_solve(b, LU_data, LU_pivots):
    """X of A X = b from the LU factors of A."""
    return linalg_lu_solve(LU_data, LU_pivots, b)


@function()
def lu(self: Tensor, pivot: bool = True, get_infos: bool = False) -> tuple:
    """The packed LU factors and pivots (and with `get_infos` which pivots are zero): the old form of `lu_factor`."""
    packed, pivots, info = lu_factor_ex(self, pivot=pivot)
    return (packed, pivots, info) if get_infos else (packed, pivots)


# ---- Householder reflections -------------------------------------------------------------------------------------


@function()
def geqrf(input):
    """QR with Q as the reflections that make it up: vectors below the diagonal of R, and their factors tau."""
    h, tau = lapack(np.linalg.qr, matrix(input, "geqrf").detach().array, mode="raw")
    return GeqrfResult(wrap(np.ascontiguousarray(h.swapaxes(-1, -2), like=h)), wrap(tau))


def _reflect(A: Any, tau: Any, x: Any, columns: Any, adjoint: bool = False) -> Any:
    """The reflections I − tau v vᴴ of the given columns of A, one after the other, applied to `x`."""
    m = A.shape[-2]
    if tau.shape[:-1] != A.shape[:-2]:
        raise RuntimeError(
            f"expected tau of one dimension less than the reflections {tuple(A.shape)}, got {tuple(tau.shape)}"
        )
    low = tril(A, -1)
    for i in columns:
        v = low[..., :, i : i + 1] + wrap((steps(m, A.array) == i).astype(A.dtype)[:, None])
        factor = tau[..., i, None, None]
        factor = factor.conj() if adjoint and A.dtype.kind == "c" else factor
        x = x - factor * (v @ (H(v) @ x))
    return x


@function(method=False)
def householder_product(A, tau):
    """The first columns of the product of Householder reflections: Q from what `geqrf` gives."""
    matrix(A, "linalg.householder_product")
    m, n = A.shape[-2:]
    if n > m:
        raise RuntimeError(f"linalg.householder_product: Expected A.shape[-2] >= A.shape[-1], got {tuple(A.shape)}")
    if tau.shape[-1] > n:
        raise RuntimeError(f"linalg.householder_product: Expected at most {n} factors tau, got {tau.shape[-1]}")
    eye = np.broadcast_to(identity((m, n), A), tuple(A.shape)).copy()
    if not tau.shape[-1]:
        return A * 0 + wrap(eye)
    return _reflect(A, tau, wrap(eye), reversed(range(tau.shape[-1])))


@function()
def orgqr(input, tau):
    """Q from what `geqrf` gives."""
    return householder_product(input, tau)


@function()
def ormqr(input, tau, other, left=True, transpose=False):
    """`other` multiplied by the whole Q that `geqrf` describes, or by its conjugate transpose."""
    if not left:
        return H(ormqr(input, tau, H(other), transpose=not transpose))
    if tau.shape[-1] != min(input.shape[-1], other.shape[-2]):
        raise RuntimeError(
            f"ormqr: expected {min(input.shape[-1], other.shape[-2])} factors tau for {tuple(input.shape)} and "
            f"{tuple(other.shape)}, got {tau.shape[-1]}"
        )
    columns = range(tau.shape[-1])
    return _reflect(input, tau, other, columns if transpose else reversed(columns), adjoint=transpose)
