"""Loops over the rows of matrices: sums, softmax, cross entropy, layer norm.

A row is read again and again while it is in the first cache.  What belongs to columns (the gradients of a layer norm's
weight) is added up by each job for its block of rows, and by the caller for all jobs.
"""

from __future__ import annotations

import numpy as np

from . import compiled, prange
from .scalars import exp, from_order, log, order_key

__all__ = [
    "column_sums", "cross_entropy", "cross_entropy_gradient", "jobs", "layer_norm", "layer_norm_gradient", "log_softmax",
    "log_softmax_gradient", "row_products", "row_sums", "running_sums", "softmax", "softmax_gradient",
]  # fmt: skip

LOWEST = np.int32(-(2**31))


@compiled
def row_sums(x, out):
    """out[i] = the sum of row i."""
    for i in prange(x.shape[0]):
        total = np.float32(0)
        for j in range(x.shape[1]):
            total += x[i, j]
        out[i] = total


@compiled
def row_products(x, weight, out):
    """out[i] = the sum of row i times weight."""
    for i in prange(x.shape[0]):
        total = np.float32(0)
        for j in range(x.shape[1]):
            total += x[i, j] * weight[j]
        out[i] = total


@compiled
def column_sums(x, out):
    """out[job, j] = the sum of column j in a block of rows."""
    jobs = out.shape[0]
    for job in prange(jobs):
        for j in range(x.shape[1]):
            out[job, j] = 0.0
        for i in range(job * x.shape[0] // jobs, (job + 1) * x.shape[0] // jobs):
            for j in range(x.shape[1]):
                out[job, j] += x[i, j]


@compiled
def running_sums(x, out, backwards):
    """out[i, j, k] = the sum of x[i, :j + 1, k], or of x[i, j:, k]; each job does so for one i and 64 k."""
    before, n, after = x.shape
    lines = (after + 63) // 64
    start, step = (n - 1, -1) if backwards else (0, 1)
    for job in prange(before * lines):
        i, first = job // lines, job % lines * 64
        end = min(first + 64, after)
        if after == 1:
            total = np.float32(0)
            for j in range(n):
                total += x[i, start + j * step, 0]
                out[i, start + j * step, 0] = total
        elif n:
            for k in range(first, end):
                out[i, start, k] = x[i, start, k]
            for j in range(1, n):
                at = start + j * step
                for k in range(first, end):
                    out[i, at, k] = out[i, at - step, k] + x[i, at, k]


def jobs(rows: int) -> int:
    """How many blocks of rows to add up on their own: enough for all threads, and for an exact sum."""
    return min(max(rows // 64, 16), 256)


# ---- softmax -----------------------------------------------------------------------------------------------------


@compiled
def softmax(x, out):
    """Each row's exponentials, divided by their sum."""
    for i in prange(x.shape[0]):
        key = LOWEST  # integers have a maximum that vectorises
        for j in range(x.shape[1]):
            key = max(key, order_key(x[i, j]))
        top = from_order(key)
        total = np.float32(0)
        for j in range(x.shape[1]):
            e = exp(x[i, j] - top)
            out[i, j] = e
            total += e
        share = 1.0 / total
        for j in range(x.shape[1]):
            out[i, j] *= share


@compiled
def softmax_gradient(g, out, gx):
    """gx = out · (g − the sum of g · out)."""
    for i in prange(g.shape[0]):
        total = np.float32(0)
        for j in range(g.shape[1]):
            total += g[i, j] * out[i, j]
        for j in range(g.shape[1]):
            gx[i, j] = out[i, j] * (g[i, j] - total)


@compiled
def log_softmax(x, out):
    """Each row minus the logarithm of its exponentials' sum.

    Its maximum is taken off in a pass of its own: in one, `top + total` might be added up first, which rounds a small `total` away.
    """
    for i in prange(x.shape[0]):
        key = LOWEST
        for j in range(x.shape[1]):
            key = max(key, order_key(x[i, j]))
        top = from_order(key)
        total = np.float32(0)
        for j in range(x.shape[1]):
            below = x[i, j] - top
            out[i, j] = below
            total += exp(below)
        total = log(total)
        for j in range(x.shape[1]):
            out[i, j] -= total


@compiled
def log_softmax_gradient(g, out, gx):
    """gx = g − exp(out) · the sum of g."""
    for i in prange(g.shape[0]):
        total = np.float32(0)
        for j in range(g.shape[1]):
            total += g[i, j]
        for j in range(g.shape[1]):
            gx[i, j] = g[i, j] - exp(out[i, j]) * total


# ---- cross entropy -----------------------------------------------------------------------------------------------


@compiled
def cross_entropy(x, index, tops, logs, chosen):
    """Of each row the maximum, the logarithm of the sum of exp(x − maximum), and x − maximum at an index."""
    for i in prange(x.shape[0]):
        key = LOWEST
        for j in range(x.shape[1]):
            key = max(key, order_key(x[i, j]))
        top = from_order(key)
        total = np.float32(0)
        for j in range(x.shape[1]):
            total += exp(x[i, j] - top)
        tops[i] = top
        logs[i] = log(total)
        chosen[i] = x[i, index[i]] - top


@compiled
def cross_entropy_gradient(x, index, tops, logs, shares, chosen, each, spread, gx):
    """gx = shares · softmax(x) − each · spread, and less by `chosen` at the index; no spread: it is empty."""
    for i in prange(x.shape[0]):
        top, share = tops[i], shares[i]
        if share == 0.0:  # a row that does not count, whatever is in it
            for j in range(x.shape[1]):
                gx[i, j] = 0.0
            continue
        factor = exp(-logs[i]) * share
        for j in range(x.shape[1]):
            gx[i, j] = exp(x[i, j] - top) * factor
        if spread.size > 0:
            for j in range(x.shape[1]):
                gx[i, j] -= each[i] * spread[j]
        gx[i, index[i]] -= chosen[i]


# ---- layer norm --------------------------------------------------------------------------------------------------


@compiled
def layer_norm(x, weight, bias, eps, centered, out, means, inverses):
    """(x − mean) / √(variance + eps) · weight + bias of each row; weight and bias may be empty, the mean may count as 0."""
    size = np.float32(x.shape[1])
    for i in prange(x.shape[0]):
        mean = np.float32(0)
        if centered:
            for j in range(x.shape[1]):
                mean += x[i, j]
            mean /= size
        square, slip = np.float32(0), np.float32(0)
        for j in range(x.shape[1]):
            d = x[i, j] - mean
            square += d * d
            slip += d
        if centered:  # what rounding has left in the mean
            slip /= size
            mean += slip
            square -= slip * slip * size
        inverse = 1.0 / np.sqrt(square / size + eps)
        means[i] = mean
        inverses[i] = inverse
        if weight.size == 0:
            for j in range(x.shape[1]):
                out[i, j] = (x[i, j] - mean) * inverse
        elif bias.size == 0:
            for j in range(x.shape[1]):
                out[i, j] = (x[i, j] - mean) * inverse * weight[j]
        else:
            for j in range(x.shape[1]):
                out[i, j] = (x[i, j] - mean) * inverse * weight[j] + bias[j]


@compiled
def layer_norm_gradient(g, x, weight, centered, means, inverses, gx, gw, gb):
    """gx; and the sums over a block of rows, for each job, of g · normal and g (none where there is no weight)."""
    jobs, size = gw.shape[0], np.float32(x.shape[1])
    for job in prange(jobs):
        for j in range(gw.shape[1]):
            gw[job, j] = 0.0
            gb[job, j] = 0.0
        for i in range(job * x.shape[0] // jobs, (job + 1) * x.shape[0] // jobs):
            mean, inverse = means[i], inverses[i]
            total, along = np.float32(0), np.float32(0)
            if weight.size > 0:
                for j in range(x.shape[1]):
                    normal = (x[i, j] - mean) * inverse
                    gw[job, j] += g[i, j] * normal
                    gb[job, j] += g[i, j]
                    total += g[i, j] * weight[j]
                    along += g[i, j] * weight[j] * normal
            else:
                for j in range(x.shape[1]):
                    total += g[i, j]
                    along += g[i, j] * ((x[i, j] - mean) * inverse)
            total = total / size if centered else np.float32(0)
            along = along / size
            if weight.size > 0:
                for j in range(x.shape[1]):
                    gx[i, j] = (g[i, j] * weight[j] - total - (x[i, j] - mean) * inverse * along) * inverse
            else:
                for j in range(x.shape[1]):
                    gx[i, j] = (g[i, j] - total - (x[i, j] - mean) * inverse * along) * inverse
