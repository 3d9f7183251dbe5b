"""Singular values, eigenvalues and determinants, in batches; pseudoinverse, least squares, functions of matrices.

The rules follow PyTorch's convention for complex numbers (``holomorphic=False``); `H` is the conjugate transpose.
Sources: M. Giles, "Collected matrix derivative results for forward and reverse mode algorithmic differentiation" (2008);
M. Seeger et al., "Auto-differentiating linear algebra" (2017).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dtypes import complex_of, real_of
from ..op import function, op
from ..return_types import named
from ..tensor import Tensor, unwrap, wrap
from .matrices import H, diag_of, embed, identity, lapack, matrix
from .solving import _inv, _solve, inverse, is_vector

__all__ = ["det", "logdet", "matrix_exp", "matrix_power", "pinverse", "slogdet", "svd"]

EighResult = named("linalg_eigh", "eigenvalues eigenvectors")
EigResult = named("linalg_eig", "eigenvalues eigenvectors")
SvdResult = named("linalg_svd", "U S Vh")
OldSvdResult = named("svd", "U S V")
SlogdetResult = named("linalg_slogdet", "sign logabsdet")
LstsqResult = named("linalg_lstsq", "solution residuals rank singular_values")

# ---- SVD and eigenvalues -----------------------------------------------------------------------------------------


def _skew(x: Any) -> Any:
    return x - H(x)


def _differences(x: Any) -> Any:
    """E[j, k] = x[k] − x[j], with ones on the diagonal."""
    n = x.shape[-1]
    return x[..., None, :] - x[..., :, None] + identity((n, n), x)


def _off_diagonal(x: Any) -> Any:
    return x - embed(diag_of(x))


def _gauge(imaginary: Any, name: str) -> None:
    """Complex vectors are known but for a phase; a loss that depends on it has no derivative."""
    values = unwrap(imaginary)
    if values.size and np.max(np.abs(values)) > 1e-2 * max(1.0, float(np.max(np.abs(values)) * 1e-6)):
        raise RuntimeError(
            f"{name}: in the complex case the vectors are specified up to multiplication by e^{{i phi}}; the loss depends on "
            "this quantity, so it is ill-defined"
        )


def _svd_gradient(g: tuple, x_shape: tuple, out: tuple, full: bool) -> Any:
    gU, gS, gVh = g
    U, S, Vh = out
    k, (m, n) = S.shape[-1], x_shape[-2:]
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
    if U.dtype.kind == "c":
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
    U, S, Vh = lapack(np.linalg.svd, x, full_matrices=full)
    return U, S, Vh


@function(method=False)
def linalg_svd(A, full_matrices=True, *, driver=None):
    """U, S and Vᴴ with A = U diag(S) Vᴴ, the singular values S in descending order.

    With ``full_matrices=False`` U and Vᴴ have as many columns and rows as there are singular values.  Gradients of U and Vᴴ
    are finite only if all singular values are different.
    """
    return SvdResult(*_svd(matrix(A, "linalg.svd"), bool(full_matrices)))


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
    return tuple(lapack(np.linalg.eigh, x, UPLO=UPLO))


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
    L, V = lapack(np.linalg.eig, x)
    return L.astype(complex_of(x.dtype)), V.astype(complex_of(x.dtype))


@function(method=False, numpy=np.linalg.eig)
def eig(A):
    """The complex eigenvalues and eigenvectors (of length 1) of square matrices."""
    matrix(A, "linalg.eig", square=True)
    if not np.all(np.isfinite(unwrap(A))):
        raise RuntimeError("linalg.eig: input tensor should not contain infs or NaNs.")
    return EigResult(*_eig(A))


@function(method=False, numpy=np.linalg.eigvals)
def eigvals(A):
    """The complex eigenvalues of square matrices."""
    return eig(A)[0]


# ---- determinants ------------------------------------------------------------------------------------------------


def _cofactors(A: Any, out: Any) -> Any:
    """The derivative of the determinant, conjugated: out* A⁻ᴴ, which is finite where A has no inverse too."""
    known = unwrap(out)
    if np.all(known != 0):
        return (out.conj() if known.dtype.kind == "c" else out)[..., None, None] * H(_inv(A))
    U, S, Vh = _svd(A, False)
    n = S.shape[-1]
    # The product of all other singular values, for each: rows with a one in the place of the one left out.
    rest = np.where(identity((n, n), S, bool), 1, S[..., None, :]).prod(-1)
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


def cutoff(S: Any, atol: Any, rtol: Any, shape: tuple, dtype: np.dtype) -> Any:
    """Below what a singular value counts as zero: the larger of `atol` and `rtol` times the largest."""
    atol, rtol = unwrap(atol), unwrap(rtol)
    if rtol is None:
        rtol = max(shape) * np.finfo(real_of(dtype)).eps if atol is None or not np.any(atol > 0) else 0.0
    largest = S.max(-1) if S.shape[-1] else S.sum(-1)
    return np.maximum(0.0 if atol is None else atol, rtol * largest)[..., None]


@op("pinv", method=False, holomorphic=False, x=_pinv_gradient)
def _pinv(x, atol, rtol, hermitian):
    if not x.size:
        return H(x).copy()
    if hermitian:
        L, V = lapack(np.linalg.eigh, x)
        keep = np.abs(L) > cutoff(np.abs(L), atol, rtol, x.shape[-2:], x.dtype)
        return (V * np.where(keep, 1 / np.where(keep, L, 1), 0)[..., None, :]) @ H(V)
    U, S, Vh = lapack(np.linalg.svd, x, full_matrices=False)
    keep = cutoff(S, atol, rtol, x.shape[-2:], x.dtype) < S
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
    S = lapack(np.linalg.svd, A.array, compute_uv=False)
    rank = (cutoff(S, None, rtol, (m, n), A.dtype) < S).sum(-1)
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
    eye = identity(x.shape[-2:], x)
    x2 = x @ x
    x4 = x2 @ x2
    x6 = x4 @ x2
    c = [float(k) for k in _PADE]
    odd = x @ (x6 @ (c[13] * x6 + c[11] * x4 + c[9] * x2) + c[7] * x6 + c[5] * x4 + c[3] * x2 + c[1] * eye)
    even = x6 @ (c[12] * x6 + c[10] * x4 + c[8] * x2) + c[6] * x6 + c[4] * x4 + c[2] * x2 + c[0] * eye
    out = lapack(np.linalg.solve, even - odd, even + odd)
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
        eye = identity(A.shape[-2:], A)
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
