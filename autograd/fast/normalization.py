"""Batch and group norm on matrices: sums for each channel, and what is done with them to each element.

Channels are rows (images as (N·C, L), one row for each image and channel: `axis` 1) or columns ((N·L, C) as convolutions
leave them; several positions may make one longer row: `axis` 0).  Compiled loops do it, or NumPy on some rows at a time,
shared among the threads.  The caller brings the parts together, and sees to it that means are not large.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..memory import at_a_line
from . import compiled, prange, ready, rows
from .linalg import EXACT, column_sums, row_sums
from .threads import parts, shared

__all__ = ["gradient", "normalized", "products"]

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
    if not axis:
        return column_sums(x)
    return row_sums(x)[:, 0] if x.shape[1] <= EXACT else np.add.reduce(x, axis=1)


def beside(rows: Any, values: Any, axis: int) -> Any:
    """Numbers for these rows, or for all columns, so that they broadcast."""
    return values[rows, None] if axis else values


def empty_sums(x: Any, axis: int) -> Any:
    """Two arrays for numbers of each row, or of each block's columns."""
    return np.empty_like(x, shape=(2, len(x)) if axis else (2, len(blocks(x)), x.shape[1]), order="C")


def dots(x: Any, y: Any, axis: int) -> Any:
    """The sum of x · y over each row, or each column."""
    if x.dtype.itemsize < 4:  # `einsum` would add them up in that type
        return sums(x * y, axis)
    return np.einsum("ij,ij->i" if axis else "ij,ij->j", x, y)


def normalized(x: Any, axis: int, scales: Any, shifts: Any) -> Any:
    """x · scale + shift."""
    out = at_a_line(x, x.shape)

    def work(_: int, block: slice) -> None:
        part = np.multiply(x[block], beside(block, scales, axis), out=out[block])
        part += beside(block, shifts, axis)

    if ready(x):
        (rows_normalized if axis else columns_normalized)(x, scales, shifts, out)
    else:
        each(work, x)
    return out


def products(g: Any, x: Any, axis: int) -> Any:
    """The sum of g over each row (over each column, block by block), and of g · x."""
    found = empty_sums(x, axis)

    def work(number: int, block: slice) -> None:
        place = block if axis else number
        found[0][place], found[1][place] = sums(g[block], axis), dots(g[block], x[block], axis)

    if ready(x, g):
        (row_products if axis else column_products)(g, x, *found)
    else:
        each(work, x)
    return found


def gradient(g: Any, x: Any, axis: int, a: Any, b: Any, c: Any) -> Any:
    """a · g − b · x − c."""
    gx = at_a_line(x, x.shape)

    def work(_: int, block: slice) -> None:
        part = np.multiply(x[block], beside(block, b, axis), out=gx[block])
        np.subtract(g[block] * beside(block, a, axis), part, out=part)
        part -= beside(block, c, axis)

    if ready(x, g):
        (row_gradient if axis else column_gradient)(g, x, a, b, c, gx)
    else:
        each(work, x)
    return gx


# ---- channels are rows -------------------------------------------------------------------------------------------


@compiled
def rows_normalized(x, scales, shifts, out):
    """out = x · scale + shift."""
    for i in prange(x.shape[0]):
        scale, shift = scales[i], shifts[i]
        for j in range(x.shape[1]):
            out[i, j] = x[i, j] * scale + shift


@compiled
def row_products(g, x, sums, products):
    """Each row's sum of g, and of g · x."""
    for i in prange(x.shape[0]):
        total, product = np.float32(0), np.float32(0)
        for j in range(x.shape[1]):
            total += g[i, j]
            product += g[i, j] * x[i, j]
        sums[i] = total
        products[i] = product


@compiled
def row_gradient(g, x, a, b, c, gx):
    """gx = a · g − b · x − c."""
    for i in prange(x.shape[0]):
        ai, bi, ci = a[i], b[i], c[i]
        for j in range(x.shape[1]):
            gx[i, j] = ai * g[i, j] - bi * x[i, j] - ci


# ---- channels are columns ----------------------------------------------------------------------------------------


@compiled
def columns_normalized(x, scales, shifts, out):
    """out = x · scale + shift."""
    for i in prange(x.shape[0]):
        for j in range(x.shape[1]):
            out[i, j] = x[i, j] * scales[j] + shifts[j]


@compiled
def column_products(g, x, sums, products):
    """For a block of rows for each job, each column's sum of g, and of g · x."""
    jobs = sums.shape[0]
    for job in prange(jobs):
        total, product = sums[job], products[job]
        for j in range(x.shape[1]):
            total[j] = 0.0
            product[j] = 0.0
        for i in range(job * x.shape[0] // jobs, (job + 1) * x.shape[0] // jobs):
            for j in range(x.shape[1]):
                total[j] += g[i, j]
                product[j] += g[i, j] * x[i, j]


@compiled
def column_gradient(g, x, a, b, c, gx):
    """gx = a · g − b · x − c."""
    for i in prange(x.shape[0]):
        for j in range(x.shape[1]):
            gx[i, j] = a[j] * g[i, j] - b[j] * x[i, j] - c[j]
