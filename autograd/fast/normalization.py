"""Batch and group norm on matrices: sums for each channel, and what is done with them to each element.

Channels are rows (images as (N·C, L), one row for each image and channel: `axis` 1) or columns ((N·L, C) as convolutions
leave them; several positions may make one longer row: `axis` 0).  Compiled loops do it, or NumPy on some rows at a time,
shared among the threads.  The caller brings the parts together.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from . import compiled, prange, ready, rows
from .linalg import column_sums
from .threads import parts, shared

__all__ = ["gradient", "normalized", "products", "statistics"]

AT_ONCE = 1 << 17  # elements that NumPy works on at a time

# ---- what is called ----------------------------------------------------------------------------------------------


def blocks(x: Any) -> list[slice]:
    """Some rows at a time: for the loops' jobs, or as many as stay in the cache."""
    if ready(x):
        return parts(len(x), rows.jobs(len(x)))
    return parts(len(x), -(-x.size // AT_ONCE) if type(x) is np.ndarray else 1)


def each(work: Callable, x: Any) -> None:
    """Call `work` with the number of each block, and the block."""
    shared(lambda job: work(*job), list(enumerate(blocks(x))))


def sums(x: Any, axis: int) -> Any:
    return np.add.reduce(x, axis=1) if axis else column_sums(x)


def beside(rows: Any, values: Any, axis: int) -> Any:
    """Numbers for these rows, or for all columns, so that they broadcast."""
    return values[rows, None] if axis else values


def empty_sums(x: Any, axis: int) -> Any:
    """Two arrays for numbers of each row, or of each block's columns."""
    return np.empty_like(x, shape=(2, len(x)) if axis else (2, len(blocks(x)), x.shape[1]), order="C")


def statistics(x: Any, axis: int) -> tuple:
    """The mean of each row (of each column, block by block), the sum of squared distances from it, and the sizes of these."""
    means, squares = empty_sums(x, axis)

    def work(number: int, block: slice) -> None:
        place, part = block if axis else number, x[block]
        means[place] = sums(part, axis) / part.dtype.type(part.shape[axis])
        distances = part - beside(block, means if axis else means[number], axis)
        distances *= distances
        squares[place] = sums(distances, axis)

    if ready(x):
        (row_statistics if axis else column_statistics)(x, means, squares)
    else:
        each(work, x)
    sizes = [x.shape[1]] if axis else [[block.stop - block.start] for block in blocks(x)]
    return means, squares, np.asarray(sizes, float, like=x)


def normalized(x: Any, axis: int, means: Any, scales: Any, shifts: Any) -> Any:
    """(x − mean) · scale + shift."""
    out = np.empty_like(x)

    def work(_: int, block: slice) -> None:
        part = np.subtract(x[block], beside(block, means, axis), out=out[block])
        part *= beside(block, scales, axis)
        part += beside(block, shifts, axis)

    if ready(x):
        (rows_normalized if axis else columns_normalized)(x, means, scales, shifts, out)
    else:
        each(work, x)
    return out


def products(g: Any, x: Any, axis: int, means: Any) -> Any:
    """The sum of g over each row (over each column, block by block), and of g · (x − mean)."""
    found = empty_sums(x, axis)

    def work(number: int, block: slice) -> None:
        place = block if axis else number
        found[0][place] = sums(g[block], axis)
        distances = x[block] - beside(block, means, axis)
        distances *= g[block]
        found[1][place] = sums(distances, axis)

    if ready(x, g):
        (row_products if axis else column_products)(g, x, means, *found)
    else:
        each(work, x)
    return found


def gradient(g: Any, x: Any, axis: int, means: Any, a: Any, b: Any, c: Any) -> Any:
    """a · g + b · (x − mean) + c."""
    gx = np.empty_like(x)

    def work(_: int, block: slice) -> None:
        part = np.subtract(x[block], beside(block, means, axis), out=gx[block])
        part *= beside(block, b, axis)
        part += beside(block, c, axis)
        part += g[block] * beside(block, a, axis)

    if ready(x, g):
        (row_gradient if axis else column_gradient)(g, x, means, a, b, c, gx)
    else:
        each(work, x)
    return gx


# ---- channels are rows -------------------------------------------------------------------------------------------


@compiled
def row_statistics(x, means, squares):
    """Each row's mean, and the sum of squared distances from it."""
    for i in prange(x.shape[0]):
        mean = np.float32(0)
        for j in range(x.shape[1]):
            mean += x[i, j]
        mean /= np.float32(x.shape[1])
        square, slip = np.float32(0), np.float32(0)
        for j in range(x.shape[1]):
            d = x[i, j] - mean
            square += d * d
            slip += d
        slip /= np.float32(x.shape[1])  # what rounding has left in the mean
        means[i] = mean + slip
        squares[i] = square - slip * slip * np.float32(x.shape[1])


@compiled
def rows_normalized(x, means, scales, shifts, out):
    """out = (x − mean) · scale + shift."""
    for i in prange(x.shape[0]):
        mean, scale, shift = means[i], scales[i], shifts[i]
        for j in range(x.shape[1]):
            out[i, j] = (x[i, j] - mean) * scale + shift


@compiled
def row_products(g, x, means, sums, products):
    """Each row's sum of g, and of g · (x − mean)."""
    for i in prange(x.shape[0]):
        mean, total, product = means[i], np.float32(0), np.float32(0)
        for j in range(x.shape[1]):
            total += g[i, j]
            product += g[i, j] * (x[i, j] - mean)
        sums[i] = total
        products[i] = product


@compiled
def row_gradient(g, x, means, a, b, c, gx):
    """gx = a · g + b · (x − mean) + c."""
    for i in prange(x.shape[0]):
        mean, ai, bi, ci = means[i], a[i], b[i], c[i]
        for j in range(x.shape[1]):
            gx[i, j] = ai * g[i, j] + bi * (x[i, j] - mean) + ci


# ---- channels are columns ----------------------------------------------------------------------------------------


@compiled
def column_statistics(x, means, squares):
    """For a block of rows for each job, each column's mean, and the sum of squared distances from it."""
    jobs = means.shape[0]
    for job in prange(jobs):
        first, last = job * x.shape[0] // jobs, (job + 1) * x.shape[0] // jobs
        mean, square = means[job], squares[job]
        for j in range(x.shape[1]):
            mean[j] = 0.0
            square[j] = 0.0
        for i in range(first, last):
            for j in range(x.shape[1]):
                mean[j] += x[i, j]
        share = 1.0 / np.float32(last - first)
        for j in range(x.shape[1]):
            mean[j] *= share
        for i in range(first, last):
            for j in range(x.shape[1]):
                d = x[i, j] - mean[j]
                square[j] += d * d


@compiled
def columns_normalized(x, means, scales, shifts, out):
    """out = (x − mean) · scale + shift."""
    for i in prange(x.shape[0]):
        for j in range(x.shape[1]):
            out[i, j] = (x[i, j] - means[j]) * scales[j] + shifts[j]


@compiled
def column_products(g, x, means, sums, products):
    """For a block of rows for each job, each column's sum of g, and of g · (x − mean)."""
    jobs = sums.shape[0]
    for job in prange(jobs):
        total, product = sums[job], products[job]
        for j in range(x.shape[1]):
            total[j] = 0.0
            product[j] = 0.0
        for i in range(job * x.shape[0] // jobs, (job + 1) * x.shape[0] // jobs):
            for j in range(x.shape[1]):
                total[j] += g[i, j]
                product[j] += g[i, j] * (x[i, j] - means[j])


@compiled
def column_gradient(g, x, means, a, b, c, gx):
    """gx = a · g + b · (x − mean) + c."""
    for i in prange(x.shape[0]):
        for j in range(x.shape[1]):
            gx[i, j] = a[j] * g[i, j] + b[j] * (x[i, j] - means[j]) + c[j]
