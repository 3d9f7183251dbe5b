"""Recurrent layers as loops: each job takes some rows of the batch through all steps, so that no step waits for another job.

Rows are packed as in `ops/recurrent.py`: `starts[t]` is the first row of step t, which has `counts[t]` rows; `order` has the
numbers of the steps as the layer runs.  The states (h, c, and their gradients) are updated in place.
"""

from __future__ import annotations

import numpy as np

from . import compiled, prange
from .blas import gemm
from .scalars import maximum, sigmoid, tanh

__all__ = [
    "gru_backward", "gru_forward", "lstm_backward", "lstm_forward", "rnn_backward", "rnn_forward", "rows_per_job",
]  # fmt: skip

SMALL = 1_000_000  # multiply-adds: OpenBLAS multiplies smaller matrices where they lie, without copying the weights at each step


def rows_per_job(batch: int, weight: np.ndarray) -> int:
    """How many rows of the batch a job takes: at most half, as many as the product with the weight is a small one."""
    return max(1, min(SMALL // (weight.size + 1), 8, -(-batch // 2)))


@compiled
def lstm_forward(gates, h, c, weight, order, starts, counts, hs, cs, tanhs, out, rows):
    """`gates`: x W + b of all rows, becomes σ, σ, tanh, σ of the gates; `hs`, `cs`: the states before each step."""
    size = c.shape[1]
    for job in prange((h.shape[0] + rows - 1) // rows):
        for t in order:
            low, high = job * rows, min(job * rows + rows, counts[t])
            if low >= high:
                continue
            start = starts[t]
            gemm(False, h[low:high], False, weight, 1.0, gates[start + low : start + high])
            for b in range(low, high):
                k = start + b
                for j in range(size):
                    i, f = sigmoid(gates[k, j]), sigmoid(gates[k, size + j])
                    n, o = tanh(gates[k, 2 * size + j]), sigmoid(gates[k, 3 * size + j])
                    gates[k, j], gates[k, size + j], gates[k, 2 * size + j], gates[k, 3 * size + j] = i, f, n, o
                    hs[k, j], cs[k, j] = h[b, j], c[b, j]
                    cell = f * c[b, j] + i * n
                    y = tanh(cell)
                    c[b, j], tanhs[k, j] = cell, y
                    h[b, j] = out[k, j] = o * y


@compiled
def lstm_backward(g, gates, dh, dc, weight, order, starts, counts, cs, tanhs, made, rows):
    """`g`: of the outputs; `dh`, `dc`: of the last state, become those of the first; `made`: of the gates."""
    size = dc.shape[1]
    for job in prange((dh.shape[0] + rows - 1) // rows):
        for t in order[::-1]:
            low, high = job * rows, min(job * rows + rows, counts[t])
            if low >= high:
                continue
            start = starts[t]
            for b in range(low, high):
                k = start + b
                for j in range(size):
                    i, f, n, o = gates[k, j], gates[k, size + j], gates[k, 2 * size + j], gates[k, 3 * size + j]
                    y, d = tanhs[k, j], dh[b, j] + g[k, j]
                    cell = dc[b, j] + d * o * (1.0 - y * y)
                    dc[b, j] = cell * f
                    made[k, j] = cell * n * i * (1.0 - i)
                    made[k, size + j] = cell * cs[k, j] * f * (1.0 - f)
                    made[k, 2 * size + j] = cell * i * (1.0 - n * n)
                    made[k, 3 * size + j] = d * y * o * (1.0 - o)
            gemm(False, made[start + low : start + high], False, weight, 0.0, dh[low:high])


@compiled
def gru_forward(gates, h, weight, bias, order, starts, counts, product, hs, candidates, out, rows):
    """`gates`: x W + b of all rows, becomes σ, σ, tanh; `candidates`: what the state says to the last of them."""
    size = h.shape[1]
    for job in prange((h.shape[0] + rows - 1) // rows):
        for t in order:
            low, high = job * rows, min(job * rows + rows, counts[t])
            if low >= high:
                continue
            start = starts[t]
            gemm(False, h[low:high], False, weight, 0.0, product[low:high])
            for b in range(low, high):
                k = start + b
                for j in range(size):
                    y = product[b, 2 * size + j] + bias[2 * size + j]
                    r = sigmoid(gates[k, j] + product[b, j] + bias[j])
                    z = sigmoid(gates[k, size + j] + product[b, size + j] + bias[size + j])
                    n = tanh(gates[k, 2 * size + j] + r * y)
                    gates[k, j], gates[k, size + j], gates[k, 2 * size + j] = r, z, n
                    candidates[k, j], hs[k, j] = y, h[b, j]
                    h[b, j] = out[k, j] = n + z * (h[b, j] - n)


@compiled
def gru_backward(g, gates, dh, weight, order, starts, counts, hs, candidates, made, news, rows):
    """`made`: of what the state says to the gates; `news`: of what the input says to the last of them."""
    size = dh.shape[1]
    for job in prange((dh.shape[0] + rows - 1) // rows):
        for t in order[::-1]:
            low, high = job * rows, min(job * rows + rows, counts[t])
            if low >= high:
                continue
            start = starts[t]
            for b in range(low, high):
                k = start + b
                for j in range(size):
                    r, z, n = gates[k, j], gates[k, size + j], gates[k, 2 * size + j]
                    d = dh[b, j] + g[k, j]
                    new = d * (1.0 - z) * (1.0 - n * n)
                    news[k, j] = new
                    made[k, j] = new * candidates[k, j] * r * (1.0 - r)
                    made[k, size + j] = d * (hs[k, j] - n) * z * (1.0 - z)
                    made[k, 2 * size + j] = new * r
                    dh[b, j] = d * z
            gemm(False, made[start + low : start + high], False, weight, 1.0, dh[low:high])


@compiled
def rnn_forward(out, h, weight, order, starts, counts, hs, rows, smooth):
    """`out`: x W + b of all rows, becomes the states; tanh of them if `smooth`, or else relu."""
    size = h.shape[1]
    for job in prange((h.shape[0] + rows - 1) // rows):
        for t in order:
            low, high = job * rows, min(job * rows + rows, counts[t])
            if low >= high:
                continue
            start = starts[t]
            gemm(False, h[low:high], False, weight, 1.0, out[start + low : start + high])
            for b in range(low, high):
                k = start + b
                if smooth:
                    for j in range(size):
                        hs[k, j] = h[b, j]
                        h[b, j] = out[k, j] = tanh(out[k, j])
                else:
                    for j in range(size):
                        hs[k, j] = h[b, j]
                        h[b, j] = out[k, j] = maximum(out[k, j], 0.0)


@compiled
def rnn_backward(g, out, dh, weight, order, starts, counts, made, rows, smooth):
    """`made`: of the sums in the brackets."""
    size = dh.shape[1]
    for job in prange((dh.shape[0] + rows - 1) // rows):
        for t in order[::-1]:
            low, high = job * rows, min(job * rows + rows, counts[t])
            if low >= high:
                continue
            start = starts[t]
            for b in range(low, high):
                k = start + b
                for j in range(size):
                    y = out[k, j]
                    slope = 1.0 - y * y if smooth else (1.0 if y > 0.0 else 0.0)
                    made[k, j] = (dh[b, j] + g[k, j]) * slope
            gemm(False, made[start + low : start + high], False, weight, 0.0, dh[low:high])
