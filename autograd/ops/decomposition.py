"""Inverses, determinants and factorizations of matrices, in batches: what `autograd.linalg` is made of.

A matrix is in the last two dimensions.  The rules follow PyTorch's convention for complex numbers (``holomorphic=False``);
`H` is the conjugate transpose.  Sources: M. Giles, "Collected matrix derivative results for forward and reverse mode
algorithmic differentiation" (2008); M. Seeger et al., "Auto-differentiating linear algebra" (2017).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..dtypes import complex_of, real_of
from ..op import function, op
from ..return_types import named
from ..tensor import Tensor, wrap
from .diagonal import _diagonal_adjoint, diagonal, tril, triu
from .places import steps

__all__ = [
    "cholesky", "cholesky_inverse", "cholesky_solve", "det", "geqrf", "inverse", "logdet", "lu", "lu_solve", "lu_unpack",
    "matrix_exp", "matrix_power", "orgqr", "ormqr", "pinverse", "qr", "slogdet", "svd", "triangular_solve",
]  # fmt: skip

EighResult = named("linalg_eigh", "eigenvalues eigenvectors")
EigResult = named("linalg_eig", "eigenvalues eigenvectors")
SvdResult = named("linalg_svd", "U S Vh")
OldSvdResult = named("svd", "U S V")
QrResult = named("linalg_qr", "Q R")
OldQrResult = named("qr", "Q R")
SlogdetResult = named("linalg_slogdet", "sign logabsdet")
CholeskyResult = named("linalg_cholesky_ex", "L info")
InvResult = named("linalg_inv_ex", "inverse info")
SolveResult = named("linalg_solve_ex", "result info")
LuResult = named("linalg_lu", "P L U")
LuUnpackResult = named("lu_unpack", "P L U")
LuFactorResult = named("linalg_lu_factor", "LU pivots")
LuFactorExResult = named("linalg_lu_factor_ex", "LU pivots info")
LstsqResult = named("linalg_lstsq", "solution residuals rank singular_values")
GeqrfResult = named("geqrf", "a tau")
TriangularResult = named("triangular_solve", "solution cloned_coefficient")

# ---- helpers -----------------------------------------------------------------------------------------------------


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
    return _diagonal_adjoint(d, tuple(shape), 0, len(shape) - 2, len(shape) - 1)


def diag_of(x: Any) -> Any:
    """The diagonals of matrices."""
    return diagonal(x, 0, -2, -1)


def _zeros_info(x: Any) -> Any:
    return np.zeros_like(x, shape=x.shape[:-2], dtype=np.int32)


def stacked(x: Any) -> Any:
    """A batch of matrices with one leading dimension."""
    return x.reshape((math.prod(x.shape[:-2]), *x.shape[-2:]))


def _failed(name: str, info: Any, what: str) -> None:
    """Raise for the first matrix of a batch for which a factorization failed."""
    bad = np.flatnonzero(np.asarray(info))
    if bad.size:
        place = f"(Batch element {bad[0]}): " if np.ndim(info) else ""
        raise np.linalg.LinAlgError(f"{name}: {place}{what.format(int(np.asarray(info).reshape(-1)[bad[0]]))}")


# ---- solving -----------------------------------------------------------------------------------------------------


@op("inv", method=False, numpy=(), holomorphic=False, x=lambda g, out: -(H(out) @ g @ H(out)))
def _inv(x):
    return np.linalg.inv(x)


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
    info = _singular(A.array if isinstance(A, Tensor) else A)
    if check_errors:
        _failed("linalg.inv", info, "The diagonal element {} is zero, the inversion could not be completed")
    if np.any(info):
        return InvResult(wrap(_each_inverse(A.array, info)), wrap(info))
    return InvResult(_inv(A), wrap(info))


def _each_inverse(x: Any, info: Any) -> Any:
    out = np.full_like(x, np.nan)
    out[info == 0] = np.linalg.inv(x[info == 0])
    return out


def _singular(x: Any) -> Any:
    """For each matrix the number of the pivot that is zero, or 0."""
    packed, _ = lu_arrays(x)
    zero = np.diagonal(packed, 0, -2, -1) == 0
    return np.where(zero.any(-1), zero.argmax(-1) + 1, 0).astype(np.int32) if zero.shape[-1] else _zeros_info(x)


def _solve_gradients(g: Any, A: Any, out: Any, needs: tuple) -> tuple:
    gB = _solve(H(A), g)
    return (-(gB @ H(out)) if needs[0] else None), gB


@op("solve", method=False, holomorphic=False, joint=_solve_gradients)
def _solve(A, B):
    return np.linalg.solve(A, B)


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
    info = _singular(matrix(A, "linalg.solve", square=True).array)
    _failed(
        "linalg.solve",
        info if check_errors or np.any(info) else 0,
        "The solver failed because the input matrix is singular.",
    )
    return SolveResult(solve(A, B, left=left), wrap(info))


def _triangle(A: Any, upper: bool, unitriangular: bool) -> Any:
    out = (np.triu if upper else np.tril)(A, (1 if upper else -1) if unitriangular else 0)
    return out + np.eye(A.shape[-1], dtype=A.dtype, like=A) if unitriangular else out


def _triangular_gradients(g: Any, A: Any, out: Any, needs: tuple, upper: bool, unitriangular: bool) -> tuple:
    gB = _solve_triangular(H(A), g, not upper, unitriangular)
    if not needs[0]:
        return None, gB, None, None
    k = int(unitriangular)
    gA = -(gB @ H(out))
    return (triu(gA, k) if upper else tril(gA, -k)), gB, None, None


@op("solve_triangular", method=False, holomorphic=False, joint=_triangular_gradients)
def _solve_triangular(A, B, upper, unitriangular):
    return np.linalg.solve(_triangle(A, upper, unitriangular), B)


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


# ---- determinants ------------------------------------------------------------------------------------------------


def _cofactors(A: Any, out: Any) -> Any:
    """The derivative of the determinant, conjugated: out* A⁻ᴴ, which is finite where A has no inverse too."""
    known = out.array if isinstance(out, Tensor) else out
    if np.all(known != 0):
        return (out.conj() if known.dtype.kind == "c" else out)[..., None, None] * H(_inv(A))
    U, S, Vh = _svd(A, False)
    n = S.shape[-1]
    # The product of all other singular values, for each: rows with a one in the place of the one left out.
    rest = np.where(np.eye(n, dtype=bool, like=S.array if isinstance(S, Tensor) else S), 1, S[..., None, :]).prod(-1)
    phase = _det(U) * _det(Vh)
    phase = phase.conj() if phase.dtype.kind == "c" else phase
    return phase[..., None, None] * ((U * rest[..., None, :]) @ Vh)


@op("det", method=False, holomorphic=False, x=lambda g, x, out: g[..., None, None] * _cofactors(x, out))
def _det(x):
    return np.linalg.det(x)


@function(numpy=np.linalg.det)
def det(A):
    """The determinant of square matrices."""
    return _det(matrix(A, "linalg.det", square=True))


def _slogdet_gradient(g: tuple, x: Any, out: tuple) -> Any:
    gsign, glog = g
    sign = out[0]
    if x.dtype.kind == "c":
        glog = glog - 1j * np.imag(gsign.conj() * sign)  # the phase turns with the imaginary part of tr(A⁻¹ dA)
    return glog[..., None, None] * H(_inv(x))


@op("slogdet", method=False, holomorphic=False, x=_slogdet_gradient)
def _slogdet(x):
    sign, log = np.linalg.slogdet(x)
    return sign[()], log[()]


@function(method="slogdet", numpy=np.linalg.slogdet)
def slogdet(A):
    """The sign (or phase) and the logarithm of the size of the determinant of square matrices."""
    return SlogdetResult(*_slogdet(matrix(A, "linalg.slogdet", square=True)))


@function()
def logdet(A):
    """The logarithm of the determinant of square matrices; NaN where that is negative."""
    sign, log = slogdet(A)
    if sign.dtype.kind == "c":
        return log + np.log(sign)
    return (
        np.where(sign == -1, np.nan, 0).astype(log.dtype) + log
        if not isinstance(sign, Tensor)
        else log + wrap(np.where(sign.array == -1, np.nan, 0).astype(log.dtype))
    )


# ---- Cholesky ----------------------------------------------------------------------------------------------------


def _halved(x: Any) -> Any:
    """The lower triangle, with half of the diagonal."""
    return tril(x) - embed(diag_of(x)) / 2


def _cholesky_gradient(g: Any, out: Any) -> Any:
    phi = H(out) @ g
    phi = (tril(phi) + H(tril(phi, -1))) / 2
    return H(_solve_triangular(H(out), H(_solve_triangular(H(out), phi, True, False)), True, False))


@op("cholesky", method=False, holomorphic=False, x=_cholesky_gradient)
def _cholesky(x):
    return np.linalg.cholesky(x)


@function(method=False, numpy=np.linalg.cholesky)
def cholesky(A, *, upper=False):
    """The lower triangular L with A = L Lᴴ (or the upper one, its Lᴴ) of positive definite matrices.

    Raises LinAlgError for matrices that are not.
    """
    L, _ = cholesky_ex(A, check_errors=True)
    return H(L) if upper else L


Tensor.cholesky = lambda self, upper=False: cholesky(self, upper=upper)  # type: ignore[attr-defined]


def _first_not_positive(x: Any) -> Any:
    """For each matrix the order of the first leading minor that is not positive, or 0."""
    info = _zeros_info(x)
    flat, found = stacked(x), info.reshape(-1)
    for b, one in enumerate(flat):
        try:
            np.linalg.cholesky(one)
        except np.linalg.LinAlgError:
            low, high = 0, one.shape[0]  # the minor of order `low` is positive definite, that of order `high` is not
            while high - low > 1:
                middle = (low + high) // 2
                try:
                    np.linalg.cholesky(one[:middle, :middle])
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
        info = _zeros_info(A.array if isinstance(A, Tensor) else A)
    except np.linalg.LinAlgError:
        info = _first_not_positive(A.array if isinstance(A, Tensor) else A)
        if check_errors:
            _failed(
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
    eye = wrap(np.broadcast_to(np.eye(L.shape[-1], dtype=L.dtype, like=L.array), tuple(L.shape)).copy())
    return cholesky_solve(eye, L, upper)


# ---- QR ----------------------------------------------------------------------------------------------------------


def _symmetric_lower(x: Any) -> Any:
    """The lower triangle mirrored upwards: Hermitian, with a real diagonal."""
    low = _halved(x)
    return low + H(low)


def _qr_gradient(g: tuple, x: Any, out: tuple, mode: str) -> Any:
    if mode == "r":
        raise RuntimeError(
            "The derivative of linalg.qr depends on Q, which is not computed when mode='r'. Use mode='reduced'."
        )
    if mode == "complete" and x.shape[-2] > x.shape[-1]:
        raise RuntimeError(
            "The QR decomposition is not differentiable when mode='complete' and nrows > ncols. Use mode='reduced'."
        )
    (gQ, gR), (Q, R) = g, out
    m, n = x.shape[-2], x.shape[-1]
    if m >= n:
        return _qr_square(gQ, gR, Q, R)
    rest = x[..., :, m:]  # a wide matrix: the factor of its square part, and Qᴴ times the rest
    left = _qr_square(gQ + rest @ H(gR[..., :, m:]), gR[..., :, :m], Q, R[..., :, :m])
    return np.concatenate([left, Q @ gR[..., :, m:]], axis=-1)


def _qr_square(gQ: Any, gR: Any, Q: Any, R: Any) -> Any:
    inner = _symmetric_lower(R @ H(gR) - H(gQ) @ Q)
    return H(_solve_triangular(R, H(gQ + Q @ inner), True, False))


@op("qr", method=False, holomorphic=False, x=_qr_gradient)
def _qr(x, mode):
    if mode == "r":
        R = np.linalg.qr(x, mode="r")
        return np.zeros_like(x, shape=(0,)), R
    Q, R = np.linalg.qr(x, mode=mode)
    return Q, R


def linalg_qr(A, mode="reduced"):
    """Q with orthonormal columns and the upper triangular R with A = Q R.

    `mode` is "reduced", "complete" (a square Q) or "r" (no Q).
    """
    if mode not in ("reduced", "complete", "r"):
        raise RuntimeError(
            f"qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), 'r', or 'complete'"
        )
    return QrResult(*_qr(matrix(A, "linalg.qr"), mode))


function(method=False, numpy=np.linalg.qr)(linalg_qr)


@function()
def qr(input, some=True):
    """The old form of `linalg.qr`."""
    return OldQrResult(*linalg_qr(input, "reduced" if some else "complete"))


# ---- SVD and eigenvalues -----------------------------------------------------------------------------------------


def _skew(x: Any) -> Any:
    return x - H(x)


def _differences(x: Any) -> Any:
    """E[j, k] = x[k] − x[j], with ones on the diagonal."""
    n = x.shape[-1]
    return x[..., None, :] - x[..., :, None] + np.eye(n, dtype=x.dtype, like=x.array if isinstance(x, Tensor) else x)


def _off_diagonal(x: Any) -> Any:
    return x - embed(diag_of(x))


def _gauge(imaginary: Any, name: str) -> None:
    """Complex vectors are known but for a phase; a loss that depends on it has no derivative."""
    values = imaginary.array if isinstance(imaginary, Tensor) else imaginary
    if values.size and np.max(np.abs(values)) > 1e-2 * max(1.0, float(np.max(np.abs(values)) * 1e-6)):
        raise RuntimeError(
            f"{name}: in the complex case the vectors are specified up to multiplication by e^{{i phi}}; the loss depends on "
            "this quantity, so it is ill-defined"
        )


def _svd_gradient(g: tuple, x: Any, out: tuple, full: bool) -> Any:
    gU, gS, gVh = g
    U, S, Vh = out
    k, (m, n) = S.shape[-1], x.shape[-2:]
    if gU is None and gVh is None:
        return (U[..., :, :k] * gS[..., None, :]) @ Vh[..., :k, :]
    if full:  # the vectors that only complete the basis have no derivative
        U, Vh = U[..., :, :k], Vh[..., :k, :]
        gU, gVh = None if gU is None else gU[..., :, :k], None if gVh is None else gVh[..., :k, :]
    E = _differences(S * S)
    inner = 0 if gS is None else embed(gS)
    turn = 0
    if gU is not None:
        UgU = _skew(H(U) @ gU)
        turn = diag_of(UgU)
        inner = inner + (_off_diagonal(UgU) / E) * S[..., None, :]
    if gVh is not None:
        VgV = _skew(Vh @ H(gVh))
        inner = inner + S[..., :, None] * (_off_diagonal(VgV) / E)
    if x.dtype.kind == "c":
        _gauge(np.imag((turn if gU is not None else 0) + (diag_of(VgV) if gVh is not None else 0)), "svd_backward")
        if gU is not None:
            inner = inner + embed(turn / (S + S))
    gA = U @ inner @ Vh
    if gU is not None and m > k:
        outside = (gU - U @ (H(U) @ gU)) / S[..., None, :]
        gA = gA + outside @ Vh
    if gVh is not None and n > k:
        outside = (gVh - (gVh @ H(Vh)) @ Vh) / S[..., :, None]
        gA = gA + U @ outside
    return gA


@op("svd", method=False, holomorphic=False, partial=True, x=_svd_gradient)
def _svd(x, full):
    U, S, Vh = np.linalg.svd(x, full_matrices=full)
    return U, S, Vh


def linalg_svd(A, full_matrices=True, *, driver=None):
    """U, S and Vᴴ with A = U diag(S) Vᴴ, the singular values S in descending order.

    With ``full_matrices=False`` U and Vᴴ have as many columns and rows as there are singular values.  Gradients of U and Vᴴ
    are finite only if all singular values are different.
    """
    return SvdResult(*_svd(matrix(A, "linalg.svd"), bool(full_matrices)))


function(method=False, numpy=np.linalg.svd)(linalg_svd)


@function()
def svd(input, some=True, compute_uv=True):
    """The old form of `linalg.svd`: with V instead of Vᴴ."""
    U, S, Vh = linalg_svd(input, full_matrices=not some)
    if not compute_uv:
        m, n = input.shape[-2:]
        zeros = lambda k: wrap(np.zeros_like(input.array, shape=(*input.shape[:-2], k, k)))
        return OldSvdResult(zeros(m), S, zeros(n))
    return OldSvdResult(U, S, H(Vh))


@function(method=False, numpy=getattr(np.linalg, "svdvals", None))
def svdvals(A, *, driver=None):
    """The singular values of matrices, in descending order."""
    return _svd(matrix(A, "linalg.svdvals"), False)[1]


def _eigh_gradient(g: tuple, out: tuple) -> Any:
    (gL, gV), (L, V) = g, out
    if gV is None:
        return (V * gL[..., None, :]) @ H(V)
    VgV = H(V) @ gV
    if V.dtype.kind == "c":
        _gauge(np.imag(diag_of(VgV)), "linalg_eigh_backward")
    inner = _off_diagonal(_skew(VgV) / 2) / _differences(L)
    return V @ (inner if gL is None else inner + embed(gL)) @ H(V)


@op("eigh", method=False, holomorphic=False, partial=True, x=_eigh_gradient)
def _eigh(x, UPLO):
    return tuple(np.linalg.eigh(x, UPLO))


@function(method=False, numpy=np.linalg.eigh)
def eigh(A, UPLO="L"):
    """The real eigenvalues, ascending, and the orthonormal eigenvectors of Hermitian matrices, of which one triangle is read."""
    if UPLO.upper() not in ("L", "U"):
        raise RuntimeError(f"Expected UPLO argument to be 'L' or 'U', but got {UPLO}")
    return EighResult(*_eigh(matrix(A, "linalg.eigh", square=True), UPLO.upper()))


@function(method=False, numpy=np.linalg.eigvalsh)
def eigvalsh(A, UPLO="L"):
    """The real eigenvalues of Hermitian matrices, ascending."""
    return eigh(A, UPLO)[0]


def _eig_gradient(g: tuple, out: tuple) -> Any:
    (gL, gV), (L, V) = g, out
    inner = 0 if gL is None else embed(gL)
    if gV is not None:
        VgV, VV = H(V) @ gV, H(V) @ V
        _gauge(np.imag(diag_of(VgV)), "linalg_eig_backward")
        change = VgV - VV * np.real(diag_of(VgV))[..., None, :]
        inner = inner + _off_diagonal(change) / _differences(L).conj()
    return _solve(H(V), inner @ H(V))


@op("eig", method=False, holomorphic=False, partial=True, x=_eig_gradient)
def _eig(x):
    L, V = np.linalg.eig(x)
    return L.astype(complex_of(x.dtype)), V.astype(complex_of(x.dtype))


@function(method=False, numpy=np.linalg.eig)
def eig(A):
    """The complex eigenvalues and eigenvectors (of length 1) of square matrices."""
    matrix(A, "linalg.eig", square=True)
    if not np.all(np.isfinite(A.array if isinstance(A, Tensor) else A)):
        raise RuntimeError("linalg.eig: input tensor should not contain infs or NaNs.")
    return EigResult(*_eig(A))


@function(method=False, numpy=np.linalg.eigvals)
def eigvals(A):
    """The complex eigenvalues of square matrices."""
    return eig(A)[0]


# ---- pseudoinverse and least squares -----------------------------------------------------------------------------


def _pinv_gradient(g: Any, x: Any, out: Any) -> Any:
    P, gh = out, H(g)
    if x.shape[-2] <= x.shape[-1]:
        K = gh @ P
        KP = K @ H(P)
        return -H(P @ K) + KP - (x @ P) @ KP + (H(P) @ P) @ (gh - K @ x)
    K = P @ gh
    PK = H(P) @ K
    return -H(K @ P) + (gh - x @ K) @ P @ H(P) + PK - (PK @ P) @ x


def _cutoff(S: Any, atol: Any, rtol: Any, shape: tuple, dtype: np.dtype) -> Any:
    """Below what a singular value counts as zero: the larger of `atol` and `rtol` times the largest."""
    given = lambda v: v.array if isinstance(v, Tensor) else v
    atol, rtol = given(atol), given(rtol)
    if rtol is None:
        rtol = max(shape) * np.finfo(real_of(dtype)).eps if atol is None or not np.any(atol > 0) else 0.0
    largest = S.max(-1) if S.shape[-1] else S.sum(-1)
    return np.maximum(0.0 if atol is None else atol, rtol * largest)[..., None]


@op("pinv", method=False, holomorphic=False, x=_pinv_gradient)
def _pinv(x, atol, rtol, hermitian):
    if not x.size:
        return H(x).copy()
    if hermitian:
        L, V = np.linalg.eigh(x)
        keep = np.abs(L) > _cutoff(np.abs(L), atol, rtol, x.shape[-2:], x.dtype)
        return (V * np.where(keep, 1 / np.where(keep, L, 1), 0)[..., None, :]) @ H(V)
    U, S, Vh = np.linalg.svd(x, full_matrices=False)
    keep = _cutoff(S, atol, rtol, x.shape[-2:], x.dtype) < S
    return H((U * np.where(keep, 1 / np.where(keep, S, 1), 0).astype(S.dtype)[..., None, :]) @ Vh)


@function(method=False, numpy=np.linalg.pinv)
def pinv(A, rcond=None, hermitian=False, *, atol=None, rtol=None):
    """The Moore–Penrose pseudoinverse; singular values below max(atol, rtol × the largest) count as zero."""
    return _pinv(matrix(A, "linalg.pinv"), atol, rtol if rcond is None else rcond, hermitian)


@function()
def pinverse(input, rcond=1e-15):
    """The Moore–Penrose pseudoinverse."""
    return pinv(input, rtol=rcond)


@function(method=False, numpy=np.linalg.lstsq)
def lstsq(A, B, rcond=None, *, driver=None):
    """X with the least |A X − B|, and residuals, rank and singular values where the driver tells them.

    Drivers are PyTorch's: "gelsy" (default), "gels", "gelsd", "gelss"; all compute the same X here.
    """
    matrix(A, "linalg.lstsq")
    driver = driver or "gelsy"
    if driver not in ("gels", "gelsy", "gelsd", "gelss"):
        raise RuntimeError(
            f"linalg.lstsq: parameter `driver` should be one of (gels, gelsy, gelsd, gelss), got {driver}"
        )
    vector = is_vector(A, B)
    right = B.unsqueeze(-1) if vector else B
    m, n = A.shape[-2:]
    if right.shape[-2] != m:
        raise RuntimeError(f"linalg.lstsq: the shapes {tuple(A.shape)} and {tuple(B.shape)} do not fit")
    rtol = np.finfo(real_of(A.dtype)).eps * max(m, n) if rcond is None else rcond
    X = _pinv(A, None, rtol, False) @ right
    S = np.linalg.svd(A.array, compute_uv=False)
    rank = (_cutoff(S, None, rtol, (m, n), A.dtype) < S).sum(-1)
    empty = wrap(np.zeros_like(S, shape=(0,)))
    residuals = empty
    if m > n and driver != "gelsy" and np.all(rank == n):
        error = A @ X - right
        residuals = (error * error.conj() if error.is_complex() else error * error).real.sum(-2)
    return LstsqResult(
        X.squeeze(-1) if vector else X,
        residuals,
        wrap(rank) if driver != "gels" else wrap(np.zeros_like(S, shape=(0,), dtype=np.int64)),
        wrap(S) if driver in ("gelsd", "gelss") else empty,
    )


# ---- functions of matrices ---------------------------------------------------------------------------------------

_PADE = [64764752532480000, 32382376266240000, 7771770303897600, 1187353796428800, 129060195264000, 10559470521600,
         670442572800, 33522128640, 1323241920, 40840800, 960960, 16380, 182, 1]  # fmt: skip


def _exponential(x: Any) -> Any:
    """exp by scaling and squaring with the Padé approximant of degree 13 (N. Higham, 2005)."""
    if not x.size:
        return x.copy()
    norm = np.abs(x).sum(-2).max()
    squarings = max(0, int(np.ceil(np.log2(norm / 5.37)))) if np.isfinite(norm) and norm > 0 else 0
    x = x / 2**squarings
    eye = np.eye(x.shape[-1], dtype=x.dtype, like=x)
    x2 = x @ x
    x4 = x2 @ x2
    x6 = x4 @ x2
    c = [float(k) for k in _PADE]
    odd = x @ (x6 @ (c[13] * x6 + c[11] * x4 + c[9] * x2) + c[7] * x6 + c[5] * x4 + c[3] * x2 + c[1] * eye)
    even = x6 @ (c[12] * x6 + c[10] * x4 + c[8] * x2) + c[6] * x6 + c[4] * x4 + c[2] * x2 + c[0] * eye
    out = np.linalg.solve(even - odd, even + odd)
    for _ in range(squarings):
        out = out @ out
    return out


def _exp_gradient(g: Any, x: Any) -> Any:
    """The derivative stands beside the function in the exponential of a block matrix."""
    n, a = x.shape[-1], H(x)
    top = np.concatenate([a, g], axis=-1)
    bottom = np.concatenate([np.zeros_like(a), a], axis=-1)
    return _matrix_exp(np.concatenate([top, bottom], axis=-2))[..., :n, n:]


@op("matrix_exp", method=False, holomorphic=False, x=_exp_gradient)
def _matrix_exp(x):
    return _exponential(x)


@function()
def matrix_exp(A):
    """The exponential of square matrices: the sum of Aᵏ / k!."""
    return _matrix_exp(matrix(A, "linalg.matrix_exp", square=True))


@function(numpy=np.linalg.matrix_power)
def matrix_power(A, n):
    """The n-th power of square matrices; negative ones of the inverse."""
    if A.ndim < 2 or A.shape[-1] != A.shape[-2]:
        raise RuntimeError(f"linalg.matrix_power: A must be batches of square matrices, got the shape {tuple(A.shape)}")
    if n == 0:
        eye = np.eye(A.shape[-1], dtype=A.dtype, like=A.array)
        return (
            A * 0 + wrap(np.broadcast_to(eye, tuple(A.shape)).copy())
            if A.requires_grad
            else wrap(np.broadcast_to(eye, tuple(A.shape)).copy())
        )
    out: Any = None
    square, power = inverse(A) if n < 0 else A, abs(n)
    while power:
        if power & 1:
            out = square if out is None else out @ square
        power >>= 1
        if power:
            square = square @ square
    return out.clone() if out is A else out


# ---- LU ----------------------------------------------------------------------------------------------------------


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


def permutation(pivots: Any, m: int) -> Any:
    """The order of the rows after the exchanges that `pivots` name, (…, m)."""
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
    eye = np.eye(m, k, dtype=packed.dtype, like=packed.array if isinstance(packed, Tensor) else packed)
    return tril(packed[..., :, :k], -1) + eye, triu(packed[..., :k, :])


def _lu_gradient(g: Any, out: tuple) -> Any:
    """Of the packed factors: the strict lower triangle is L's, the upper one U's."""
    gP, _ = g
    packed, pivots = out
    m, n = packed.shape[-2:]
    k = min(m, n)
    L, U = _lu_split(packed)
    gL, gU = tril(gP[..., :, :k], -1), triu(gP[..., :k, :])
    order = permutation(pivots.array if isinstance(pivots, Tensor) else pivots, m)
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
    zero = np.diagonal(packed.array, 0, -2, -1) == 0
    info = (
        np.where(zero.any(-1), zero.argmax(-1) + 1, 0).astype(np.int32) if zero.shape[-1] else _zeros_info(packed.array)
    )
    if check_errors:
        _failed(
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


def lu(self: Tensor, pivot: bool = True, get_infos: bool = False) -> tuple:
    """The packed LU factors and pivots (and with `get_infos` which pivots are zero): the old form of `lu_factor`."""
    packed, pivots, info = lu_factor_ex(self, pivot=pivot)
    return (packed, pivots, info) if get_infos else (packed, pivots)


Tensor.lu = lu  # type: ignore[attr-defined]

# ---- Householder reflections -------------------------------------------------------------------------------------


@function()
def geqrf(input):
    """QR with Q as the reflections that make it up: vectors below the diagonal of R, and their factors tau."""
    h, tau = np.linalg.qr(matrix(input, "geqrf").detach().array, mode="raw")
    return GeqrfResult(wrap(np.ascontiguousarray(h.swapaxes(-1, -2), like=h)), wrap(tau))


def _reflect(A: Any, tau: Any, x: Any, columns: Any, adjoint: bool = False) -> Any:
    """The reflections I − tau v vᴴ of the given columns of A, one after the other, applied to `x`."""
    m = A.shape[-2]
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
    eye = np.broadcast_to(np.eye(m, n, dtype=A.dtype, like=A.array), tuple(A.shape)).copy()
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
    columns = range(tau.shape[-1])
    return _reflect(input, tau, other, columns if transpose else reversed(columns), adjoint=transpose)
