"""Approximate decompositions of low rank, by random projections.

Source: Halko et al. 2009, "Finding structure with randomness", https://arxiv.org/abs/0909.4061
"""

from __future__ import annotations

from typing import Any

from ..op import function
from ..sampling import randn
from .factorization import qr
from .linalg import matmul
from .spectral import linalg_svd

__all__ = ["pca_lowrank", "svd_lowrank"]


def _basis(A: Any, q: int, niter: int) -> Any:
    """An orthonormal basis (…, m, q) that nearly spans the columns of A: subspace iteration from a random start."""
    start = randn(A.shape[-1], q, dtype=A.dtype, device=A.device)
    Q = qr(matmul(A, start))[0]
    for _ in range(niter):
        Q = qr(matmul(A.mH, Q))[0]
        Q = qr(matmul(A, Q))[0]
    return Q


@function(method=False)
def svd_lowrank(A, q=6, niter=2, M=None):
    """The `q` largest singular values and vectors of A − M, approximately.

    Args:
        A: (…, m, n).
        q: how many; at most min(m, n).
        niter: subspace iterations; more are more accurate.
        M: what is subtracted, broadcast to A.

    Returns:
        ``(U, S, V)`` with A − M ≈ U diag(S) Vᴴ, of shapes (…, m, q), (…, q), (…, n, q).
    """
    if not 0 <= q <= min(A.shape[-2:]):
        raise ValueError(f"svd_lowrank: q={q} must be non-negative and at most min(m, n) = {min(A.shape[-2:])}")
    if M is not None:
        A = A - M
    wide = A.shape[-2] < A.shape[-1]
    if wide:
        A = A.mH
    Q = _basis(A, q, niter)
    U, S, Vh = linalg_svd(matmul(Q.mH, A), full_matrices=False)
    U, V = matmul(Q, U), Vh.mH
    return (V, S, U) if wide else (U, S, V)


@function(method=False)
def pca_lowrank(A, q=None, center=True, niter=2):
    """The `q` main directions of the rows of A, approximately: ``(U, S, V)``, the columns of V being the directions.

    Args:
        A: (…, m, n): m samples of n features.
        q: how many; min(6, m, n) unless given.
        center: subtract the mean of the samples first.
        niter: subspace iterations.

    >>> import autograd as ag
    >>> U, S, V = pca_lowrank(ag.tensor([[0.0, 0.0], [1.0, 2.0], [2.0, 4.0]]), q=1)
    >>> V.abs().flatten()
    tensor([0.4472, 0.8944])
    """
    q = min(6, *A.shape[-2:]) if q is None else q
    return svd_lowrank(A - A.mean(-2, keepdim=True) if center else A, q, niter)
