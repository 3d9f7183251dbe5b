"""The LDLᵀ factorization of symmetric and Hermitian matrices, with the pivots of Bunch and Kaufman.

Source: J. Bunch, L. Kaufman, "Some stable methods for calculating inertia and solving symmetric linear systems" (1977), in
the form of LAPACK's sytrf and hetrf for the lower triangle.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..forward import LinAlgError
from ..op import function
from ..return_types import named
from ..tensor import Tensor, wrap
from .matrices import matrix, stacked

__all__: list[str] = []

LdlFactorResult = named("linalg_ldl_factor", "LD pivots")
LdlFactorExResult = named("linalg_ldl_factor_ex", "LD pivots info")

_GROWTH = (1 + 17**0.5) / 8  # bounds how elements grow: Bunch and Kaufman's α


def _size(x: Any) -> Any:
    """|Re x| + |Im x|, LAPACK's size of a complex number."""
    return np.abs(x.real) + np.abs(x.imag) if x.dtype.kind == "c" else np.abs(x)


def _swap(a: np.ndarray, k: int, p: int, hermitian: bool) -> None:
    """Exchange rows and columns k and p of the symmetric matrix whose lower triangle from k on is `a`'s."""
    a[p + 1 :, [k, p]] = a[p + 1 :, [p, k]]
    between = a[k + 1 : p, k].copy()
    a[k + 1 : p, k] = a[p, k + 1 : p].conj() if hermitian else a[p, k + 1 : p]
    a[p, k + 1 : p] = between.conj() if hermitian else between
    if hermitian:
        a[p, k] = a[p, k].conj()
    a[k, k], a[p, p] = a[p, p], a[k, k]


def _pivot(a: np.ndarray, k: int) -> tuple[int, int]:
    """The size (1 or 2) of the next block of D, and the row to bring to its end."""
    n = a.shape[0]
    here = _size(a[k, k])
    if k == n - 1:
        return 1, k
    below = _size(a[k + 1 :, k])
    largest = int(below.argmax()) + k + 1
    most = below.max()
    if max(here, most) == 0 or here >= _GROWTH * most:
        return 1, k
    row = max([_size(a[largest, k:largest]).max(), *(_size(a[largest + 1 :, largest]))])
    if here >= _GROWTH * most * (most / row):
        return 1, k
    return (1, largest) if _size(a[largest, largest]) >= _GROWTH * row else (2, largest)


def _factor(a: np.ndarray, hermitian: bool) -> tuple[np.ndarray, np.ndarray, int]:
    """LD in the lower triangle of a copy of one matrix, LAPACK's pivots, and the first zero on D's diagonal (or 0)."""
    a, n = a.copy(), a.shape[0]
    pivots, info, k = np.zeros(n, np.int32), 0, 0
    transposed = (lambda x: x.conj()) if hermitian else (lambda x: x)
    while k < n:
        if hermitian:
            a[k, k] = a[k, k].real
        step, p = _pivot(a, k)
        last = k + step - 1
        if p != last:
            if step == 2:
                a[k, k] = a[k, k].real if hermitian else a[k, k]
            _swap(a, last, p, hermitian)
            if step == 2:
                a[[last, p], k] = a[[p, last], k]
        if step == 1:
            pivots[k] = p + 1
            if a[k, k] == 0:
                info = info or k + 1
            else:
                column = a[k + 1 :, k] / a[k, k]
                a[k + 1 :, k + 1 :] -= np.tril(np.outer(column, transposed(a[k + 1 :, k])))
                a[k + 1 :, k] = column
        else:
            pivots[k : k + 2] = -(p + 1)
            off = a[k + 1, k]
            D = np.array([[a[k, k], transposed(np.asarray(off))], [off, a[k + 1, k + 1]]], a.dtype)
            columns = a[k + 2 :, k : k + 2].copy()
            scaled = np.linalg.solve(D.T, columns.T).T
            a[k + 2 :, k + 2 :] -= np.tril(scaled @ transposed(columns).T)
            a[k + 2 :, k : k + 2] = scaled
        k += step
    return a, pivots, info


def _lower(x: Any, hermitian: bool) -> tuple:
    flat = stacked(x)
    parts = [_factor(one, hermitian and x.dtype.kind == "c") for one in flat]
    n, lead = x.shape[-1], x.shape[:-2]
    LD = np.stack([p[0] for p in parts]).reshape(x.shape) if parts else x.copy()
    pivots = np.stack([p[1] for p in parts]).reshape((*lead, n)) if parts else np.zeros((*lead, n), np.int32)
    info = np.array([p[2] for p in parts], np.int32).reshape(lead)
    return np.tril(LD), pivots, info


@function(method=False)
def ldl_factor_ex(A, *, hermitian=False, check_errors=False):
    """`ldl_factor`, and for each matrix 0, or the number of the zero on D's diagonal."""
    matrix(A, "linalg.ldl_factor", square=True)
    LD, pivots, info = _lower(A.detach().cpu().array, hermitian)
    if check_errors and np.any(info):
        raise LinAlgError(f"torch.linalg.ldl_factor_ex: D[{int(info.max())},{int(info.max())}] is exactly zero")
    return LdlFactorExResult(*(wrap(part).to(A.device) for part in (LD, pivots, info)))


@function(method=False)
def ldl_factor(A, *, hermitian=False):
    """L and D with A = L D Lᵀ (or Lᴴ) in one matrix, and the pivots, of a matrix of which the lower triangle is read."""
    return LdlFactorResult(*ldl_factor_ex(A, hermitian=hermitian)[:2])


def _solved(LD: np.ndarray, pivots: np.ndarray, B: np.ndarray, hermitian: bool) -> np.ndarray:
    """Solve with one factorized matrix: forward with L, with the blocks of D, back with Lᵀ."""
    X, n, k = B.copy(), LD.shape[0], 0
    blocks = []
    while k < n:
        step = 1 if pivots[k] > 0 else 2
        last, p = k + step - 1, abs(int(pivots[k])) - 1
        X[[last, p]] = X[[p, last]] if last != p else X[[last, p]]
        X[k + step :] -= LD[k + step :, k : k + step] @ X[k : k + step]
        blocks.append((k, step, last, p))
        k += step
    for k, step, *_ in blocks:
        D = LD[k : k + step, k : k + step].copy()
        if step == 2:
            D[0, 1] = D[1, 0].conj() if hermitian else D[1, 0]
        X[k : k + step] = np.linalg.solve(D, X[k : k + step])
    for k, step, last, p in reversed(blocks):
        L = LD[k + step :, k : k + step]
        X[k : k + step] -= (L.conj() if hermitian else L).T @ X[k + step :]
        X[[last, p]] = X[[p, last]] if last != p else X[[last, p]]
    return X


@function(method=False)
def ldl_solve(LD, pivots, B, *, hermitian=False):
    """X of A X = B from the `ldl_factor` of A."""
    factors, order, right = (v.detach().cpu().array if isinstance(v, Tensor) else v for v in (LD, pivots, B))
    lead = np.broadcast_shapes(factors.shape[:-2], right.shape[:-2])
    n, k = right.shape[-2:]
    factors = np.broadcast_to(factors, (*lead, n, n))
    order = np.broadcast_to(order, (*lead, n)).reshape((math.prod(lead), n))
    right = np.broadcast_to(right, (*lead, n, k))
    factors, right = stacked(factors), stacked(right)
    hermitian = hermitian and factors.dtype.kind == "c"
    solved = [_solved(f, o, b, hermitian) for f, o, b in zip(factors, order, right, strict=True)]
    return wrap(np.stack(solved).reshape((*lead, n, k)) if solved else right.reshape((*lead, n, k)).copy()).to(B.device)
