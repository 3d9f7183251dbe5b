"""Matrix products on the threads of the compiled loops: NumPy's own threads beside them would cost more than either brings."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from . import LARGE as KERNEL
from . import available, compiled, prange, ready, rows
from .blas import gemm
from .panel_products import panel_product
from .threads import get_num_threads, one_blas_thread, parts, shared

__all__ = ["affine", "column_sums", "matmul", "row_sums"]

ndarray = np.ndarray

LARGE = 1 << 18  # multiply-adds: up to here, NumPy's BLAS stays on one thread by itself
WORTH_A_THREAD = 1 << 23  # multiply-adds: as many take longer than waking a thread
THIN = 32  # rows or columns: with fewer, a copy of the other matrix does not pay
SMALL = 1_000_000  # multiply-adds: up to here, OpenBLAS multiplies matrices where they lie, without copying them first


@compiled
def product(transpose_a, a, transpose_b, b, bias, out, down, columns):
    """out = a b + bias for matrices (a bias of length 0 is none); each job makes a block of down × columns."""
    n, m = out.shape
    beta = 1.0 if bias.size else 0.0
    across = (m + columns - 1) // columns
    for job in prange((n + down - 1) // down * across):
        i, j = job // across * down, job % across * columns
        i_end, j_end = min(i + down, n), min(j + columns, m)
        left = a[:, i:i_end] if transpose_a else a[i:i_end]
        right = b[j:j_end] if transpose_b else b[:, j:j_end]
        if bias.size:
            for k in range(i, i_end):
                out[k, j:j_end] = bias[j:j_end]
        gemm(transpose_a, left, transpose_b, right, beta, out[i:i_end, j:j_end])


@compiled
def product_by_parts(transpose_a, a, transpose_b, b, parts):
    """parts[i] = the i-th part of the sum that a b is; their sum goes to parts[0]."""
    count, n, m = parts.shape
    length = b.shape[1] if transpose_b else b.shape[0]
    step = (length + count - 1) // count
    for job in prange(count):
        start, end = min(job * step, length), min(job * step + step, length)
        left = a[start:end] if transpose_a else a[:, start:end]
        right = b[:, start:end] if transpose_b else b[start:end]
        gemm(transpose_a, left, transpose_b, right, 0.0, parts[job])
    for i in prange(n):
        for part in range(1, count):
            for j in range(m):
                parts[0, i, j] += parts[part, i, j]


@compiled
def products(transpose_a, a, transpose_b, b, out):
    """out[i] = a[i] b[i] for stacks of matrices."""
    for i in prange(out.shape[0]):
        gemm(transpose_a, a[i], transpose_b, b[i], 0.0, out[i])


def lies(x: np.ndarray) -> bool | None:
    """Whether the matrices of `x` lie transposed in memory; None if their rows and columns both lie apart."""
    (n, m), (down, across) = x.shape[-2:], x.strides[-2:]
    if across == 4 and down >= 4 * m and down % 4 == 0:
        return False
    return True if down == 4 and across >= 4 * n and across % 4 == 0 else None


def matmul(x: Any, y: Any) -> Any:
    """x @ y for arrays of two dimensions or of equally many; large ones are multiplied by all threads."""
    if type(x) is not ndarray or type(y) is not ndarray:
        return x @ y
    if x.ndim == y.ndim == 2 and x.size * y.shape[1] <= LARGE:
        return x.dot(y)  # as `@`, without what a ufunc does before it begins
    if not suits(x, y):
        return x @ y
    if not compiles(x, y):
        return numpy_product(x, y)
    if x.ndim == 2:
        return multiplied(x, y, NONE)
    out = np.empty((*x.shape[:-1], y.shape[-1]), np.float32)
    a, b = bool(lies(x)), bool(lies(y))
    stacks = [v.reshape((-1, *v.shape[-2:])) for v in (upright(x, a), upright(y, b), out)]
    products(a, stacks[0], b, stacks[1], stacks[2])
    return out


def affine(x: Any, y: Any, bias: Any) -> Any:
    """x @ y + bias for matrices."""
    work = x.size * y.shape[1]
    if work > LARGE and suits(x, y):
        if compiles(x, y):
            if bias is None or bias.dtype == np.float32:
                return multiplied(x, y, NONE if bias is None else np.ascontiguousarray(bias))
            return multiplied(x, y, NONE) + bias
        if bias is not None and work > WORTH_A_THREAD:
            return numpy_product(x, y, bias)
    out = matmul(x, y)
    if bias is not None:
        out += bias
    return out


NONE = np.empty(0, np.float32)


def suits(x: Any, y: Any) -> bool:
    """Whether two arrays are matrices, or equally large stacks of them, that it pays to multiply here."""
    return (
        type(x) is np.ndarray
        and type(y) is np.ndarray
        and x.size * y.shape[-1] > LARGE
        and x.ndim == y.ndim >= 2
        and x.dtype == y.dtype
        and x.dtype.kind == "f"
        and x.shape[:-2] == y.shape[:-2]
        and x.shape[-1] == y.shape[-2]
    )


def compiles(x: np.ndarray, y: np.ndarray) -> bool:
    """Whether the compiled loops can multiply them."""
    return x.dtype == np.float32 and available() and lies(x) is not None and lies(y) is not None


def numpy_product(x: np.ndarray, y: np.ndarray, bias: np.ndarray | None = None) -> np.ndarray:
    """x @ y + bias by NumPy, each thread making a part of the result."""
    n, m = x.shape[-2], y.shape[-1]
    if x.size * m <= WORTH_A_THREAD:
        with one_blas_thread():
            return x @ y if bias is None else x @ y + bias
    out = np.empty((*x.shape[:-1], m), x.dtype)
    everything = slice(None)
    # which of the stacked matrices, of the rows, of the columns
    if x.ndim > 2 and x.shape[0] >= get_num_threads():
        jobs = [(part, everything, everything) for part in parts(x.shape[0], get_num_threads())]
    elif n >= m:
        jobs = [(..., part, everything) for part in parts(n, get_num_threads())]
    else:
        jobs = [(..., everything, part) for part in parts(m, get_num_threads())]

    def make(job: tuple) -> None:
        stack, down, across = job
        made = np.matmul(x[stack, down, :], y[stack, :, across], out=out[job])
        if bias is not None:
            made += bias[across]

    shared(make, jobs)
    return out


def upright(x: np.ndarray, transposed: bool) -> np.ndarray:
    """The matrices whose rows do not lie apart: those of `x`, or their transposes."""
    return x.swapaxes(-1, -2) if transposed else x


def multiplied(x: np.ndarray, y: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """x @ y + bias: from panels, where each is read often; else by BLAS, parts of the sum where it is long."""
    (n, k), m = x.shape, y.shape[1]
    a, b = bool(lies(x)), bool(lies(y))
    left, right, threads = upright(x, a), upright(y, b), get_num_threads()
    if min(n, m) >= THIN and max(n, m) >= THIN * threads:
        return panel_product(a, left, b, right, bias, threads)
    if k >= 2 * max(n, m) and not bias.size:
        parts = np.empty((threads, n, m), np.float32)
        product_by_parts(a, left, b, right, parts)
        return parts[0]
    out = np.empty((n, m), np.float32)
    product(a, left, b, right, bias, out, *blocks(n, k, m, threads))
    return out


def blocks(n: int, k: int, m: int, threads: int) -> tuple[int, int]:
    """The size of the blocks that the jobs of an (n, k) by (k, m) product make."""
    jobs = threads
    if n * k * m <= 8 * threads * SMALL:
        jobs = -(-n * k * m // (threads * SMALL)) * threads
    down, across = (jobs, 1) if n >= m or jobs > threads else (1, jobs)
    return -(-n // down), -(-m // across)


def column_sums(x: Any) -> Any:
    """The sum of a matrix over its rows."""
    if type(x) is not ndarray:
        return x.sum(0)
    if x.size < KERNEL or (x.size <= LARGE and not ready(x)):
        return ones(x.shape[0], x.dtype.char).dot(x)  # BLAS is faster than NumPy's reduction over the first axis
    if ready(x):
        sums = np.empty((rows.jobs(x.shape[0]), x.shape[1]), np.float32)
        rows.column_sums(x, sums)
        return np.add.reduce(sums, 0)
    blocks = parts(x.shape[0], -(-x.size // LARGE))
    sums = np.empty((len(blocks), x.shape[1]), x.dtype)

    def add(job: tuple) -> None:
        number, block = job
        ones(block.stop - block.start, x.dtype.char).dot(x[block], out=sums[number])

    shared(add, list(enumerate(blocks)))
    return np.add.reduce(sums, 0)


EXACT = 1024  # elements of a row that BLAS adds up as exactly as NumPy's pairwise sums


def row_sums(x: Any) -> Any:
    """The sum of each row of matrices in C order, as columns."""
    if type(x) is not ndarray or x.dtype.char not in "fd":
        return np.add.reduce(x, axis=-1, keepdims=True)
    return (x.reshape((-1, x.shape[-1])) @ ones(x.shape[-1], x.dtype.char)).reshape((*x.shape[:-1], 1))


@functools.lru_cache(16)
def ones(size: int, type: str) -> np.ndarray:
    """So many ones, not to be changed.  (A type's letter is quicker to look up than the type.)"""
    return np.ones(size, type)
