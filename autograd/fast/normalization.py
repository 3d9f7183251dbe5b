"""Loops of batch and group norm: sums for each channel, and what is done with them to each element.

Channels are rows (images as (N·C, L), one row for each image and channel) or columns ((N·L, C) as convolutions leave them;
several positions may make one longer row).  The caller brings the parts together.
"""

from __future__ import annotations

import numpy as np

from . import compiled, prange

__all__ = [
    "column_gradient", "column_products", "column_statistics", "columns_normalized", "row_gradient", "row_products",
    "row_statistics", "rows_normalized",
]  # fmt: skip

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
