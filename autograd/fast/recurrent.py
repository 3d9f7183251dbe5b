"""Recurrent layers as loops: each job takes some rows of the batch through all steps, so that no step waits for another job.

`starts[t]` is the first row of step t, which has `counts[t]` rows, `apart` from one another; `order` has the numbers of the steps
as the layer runs.  The states (h, c, and their gradients) are updated in place.
"""

from __future__ import annotations

import numpy as np

from . import compiled, get_num_threads, prange
from .panels import COLUMNS, ROWS, aligned, multiply_all, pack_left, pack_right
from .scalars import maximum, sigmoid, tanh

__all__ = [
    "gru_backward", "gru_forward", "lstm_backward", "lstm_forward", "rnn_backward", "rnn_forward", "rows_per_job",
]  # fmt: skip


def rows_per_job(batch: int) -> int:
    """How many rows of the batch a job takes: as many as make a panel, or less if that gives all threads as much to do."""
    share = -(-batch // get_num_threads())
    return -(-share // -(-share // ROWS))


@compiled
def lstm_forward(x, h, c, weight, bias, order, starts, counts, apart, inputs, gates, cs, tanhs, out, rows, begun):
    """`weight`: of [x | h], which goes to `inputs`; `gates`: σ, σ, tanh, σ; `inputs`, `cs`: what each step begins with.

    If the gates have `begun`, what the inputs say to them is there already: `x` has no columns then, and `bias` is 0.
    """
    size, features = c.shape[1], x.shape[1]
    depth, width = weight.shape[1], weight.shape[0]
    across = (width + COLUMNS - 1) // COLUMNS
    weights, weight_row = aligned(across * depth * COLUMNS), weight.strides[0] // 4
    start_sums = np.zeros(across * COLUMNS, np.float32)
    start_sums[:width] = bias
    for p in prange(across):
        first = p * COLUMNS
        pack_right(True, weight[first:], weight_row, min(COLUMNS, width - first), depth, weights[first * depth :])
    for job in prange((h.shape[0] + rows - 1) // rows):
        panel, product = np.empty(ROWS * depth, np.float32), aligned(ROWS * across * COLUMNS)
        sums = product.reshape((ROWS, across * COLUMNS))
        for t in order:
            low, high = job * rows, min(job * rows + rows, counts[t])
            if low >= high:
                continue
            start = starts[t]
            for b in range(low, high):
                k = start + b * apart
                inputs[k, :features], inputs[k, features:] = x[k], h[b]
            here = inputs[start + low * apart : start + high * apart : apart]
            pack_left(False, here, here.strides[0] // 4, high - low, depth, panel)
            multiply_all(high - low, depth, panel, weights, start_sums, product)
            for b in range(low, high):
                k, y = start + b * apart, sums[b - low]
                if begun:
                    for j in range(width):
                        y[j] += gates[k, j]
                for j in range(size):
                    i, f = sigmoid(y[j]), sigmoid(y[size + j])
                    n, o = tanh(y[2 * size + j]), sigmoid(y[3 * size + j])
                    gates[k, j], gates[k, size + j], gates[k, 2 * size + j], gates[k, 3 * size + j] = i, f, n, o
                    cs[k, j] = c[b, j]
                    cell = f * c[b, j] + i * n
                    c[b, j], squashed = cell, tanh(cell)
                    tanhs[k, j] = squashed
                    h[b, j] = out[k, j] = o * squashed


@compiled
def lstm_backward(g, gates, dh, dc, weight, order, starts, counts, apart, cs, tanhs, made, gx, rows):
    """`g`: of the outputs; `dh`, `dc`: of the last state, become those of the first; `made`: of the gates.

    `weight`: of [x | h], or of h alone where `gx`, the gradient of x, is not made here and has no columns.
    """
    size, features = dc.shape[1], gx.shape[1]
    depth, width = weight.shape[0], weight.shape[1]
    across = (width + COLUMNS - 1) // COLUMNS
    weights, weight_row = aligned(across * depth * COLUMNS), weight.strides[0] // 4
    zeros = np.zeros(across * COLUMNS, np.float32)
    for p in prange(across):
        first = p * COLUMNS
        pack_right(False, weight[:, first:], weight_row, min(COLUMNS, width - first), depth, weights[first * depth :])
    for job in prange((dh.shape[0] + rows - 1) // rows):
        panel, product = np.empty(ROWS * depth, np.float32), aligned(ROWS * across * COLUMNS)
        sums = product.reshape((ROWS, across * COLUMNS))
        for t in order[::-1]:
            low, high = job * rows, min(job * rows + rows, counts[t])
            if low >= high:
                continue
            start = starts[t]
            for b in range(low, high):
                k = start + b * apart
                for j in range(size):
                    i, f, n, o = gates[k, j], gates[k, size + j], gates[k, 2 * size + j], gates[k, 3 * size + j]
                    y, d = tanhs[k, j], dh[b, j] + g[k, j]
                    cell = dc[b, j] + d * o * (1.0 - y * y)
                    dc[b, j] = cell * f
                    made[k, j] = cell * n * i * (1.0 - i)
                    made[k, size + j] = cell * cs[k, j] * f * (1.0 - f)
                    made[k, 2 * size + j] = cell * i * (1.0 - n * n)
                    made[k, 3 * size + j] = d * y * o * (1.0 - o)
            here = made[start + low * apart : start + high * apart : apart]
            pack_left(False, here, here.strides[0] // 4, high - low, depth, panel)
            multiply_all(high - low, depth, panel, weights, zeros, product)
            for b in range(low, high):
                gx[start + b * apart] = sums[b - low, :features]
                dh[b] = sums[b - low, features:width]


@compiled
def gru_forward(gates, h, weight, bias, order, starts, counts, apart, hs, candidates, out, rows):
    """`gates`: x W + b of all rows, becomes σ, σ, tanh; `candidates`: what the state says to the last of them."""
    size = h.shape[1]
    depth, width = weight.shape[1], weight.shape[0]
    across = (width + COLUMNS - 1) // COLUMNS
    weights, weight_row = aligned(across * depth * COLUMNS), weight.strides[0] // 4
    zeros = np.zeros(across * COLUMNS, np.float32)
    for p in prange(across):
        first = p * COLUMNS
        pack_right(True, weight[first:], weight_row, min(COLUMNS, width - first), depth, weights[first * depth :])
    for job in prange((h.shape[0] + rows - 1) // rows):
        panel, product = np.empty(ROWS * depth, np.float32), aligned(ROWS * across * COLUMNS)
        sums = product.reshape((ROWS, across * COLUMNS))
        for t in order:
            low, high = job * rows, min(job * rows + rows, counts[t])
            if low >= high:
                continue
            start = starts[t]
            pack_left(False, h[low:high], h.strides[0] // 4, high - low, depth, panel)
            multiply_all(high - low, depth, panel, weights, zeros, product)
            for b in range(low, high):
                k = start + b * apart
                for j in range(size):
                    y = sums[b - low, 2 * size + j] + bias[2 * size + j]
                    r = sigmoid(gates[k, j] + sums[b - low, j] + bias[j])
                    z = sigmoid(gates[k, size + j] + sums[b - low, size + j] + bias[size + j])
                    n = tanh(gates[k, 2 * size + j] + r * y)
                    gates[k, j], gates[k, size + j], gates[k, 2 * size + j] = r, z, n
                    candidates[k, j], hs[k, j] = y, h[b, j]
                    h[b, j] = out[k, j] = n + z * (h[b, j] - n)


@compiled
def gru_backward(g, gates, dh, weight, order, starts, counts, apart, hs, candidates, made, news, rows):
    """`made`: of what the state says to the gates; `news`: of what the input says to the last of them."""
    size = dh.shape[1]
    depth, width = weight.shape[0], weight.shape[1]
    across = (width + COLUMNS - 1) // COLUMNS
    weights, weight_row = aligned(across * depth * COLUMNS), weight.strides[0] // 4
    zeros = np.zeros(across * COLUMNS, np.float32)
    for p in prange(across):
        first = p * COLUMNS
        pack_right(False, weight[:, first:], weight_row, min(COLUMNS, width - first), depth, weights[first * depth :])
    for job in prange((dh.shape[0] + rows - 1) // rows):
        panel, product = np.empty(ROWS * depth, np.float32), aligned(ROWS * across * COLUMNS)
        sums = product.reshape((ROWS, across * COLUMNS))
        for t in order[::-1]:
            low, high = job * rows, min(job * rows + rows, counts[t])
            if low >= high:
                continue
            start = starts[t]
            for b in range(low, high):
                k = start + b * apart
                for j in range(size):
                    r, z, n = gates[k, j], gates[k, size + j], gates[k, 2 * size + j]
                    d = dh[b, j] + g[k, j]
                    new = d * (1.0 - z) * (1.0 - n * n)
                    news[k, j] = new
                    made[k, j] = new * candidates[k, j] * r * (1.0 - r)
                    made[k, size + j] = d * (hs[k, j] - n) * z * (1.0 - z)
                    made[k, 2 * size + j] = new * r
                    dh[b, j] = d * z
            here = made[start + low * apart : start + high * apart : apart]
            pack_left(False, here, here.strides[0] // 4, high - low, depth, panel)
            multiply_all(high - low, depth, panel, weights, zeros, product)
            for b in range(low, high):
                dh[b] += sums[b - low, :size]


@compiled
def rnn_forward(out, h, weight, order, starts, counts, apart, hs, rows, smooth):
    """`out`: x W + b of all rows, becomes the states; tanh of them if `smooth`, or else relu."""
    size = h.shape[1]
    depth, width = weight.shape[1], weight.shape[0]
    across = (width + COLUMNS - 1) // COLUMNS
    weights, weight_row = aligned(across * depth * COLUMNS), weight.strides[0] // 4
    zeros = np.zeros(across * COLUMNS, np.float32)
    for p in prange(across):
        first = p * COLUMNS
        pack_right(True, weight[first:], weight_row, min(COLUMNS, width - first), depth, weights[first * depth :])
    for job in prange((h.shape[0] + rows - 1) // rows):
        panel, product = np.empty(ROWS * depth, np.float32), aligned(ROWS * across * COLUMNS)
        sums = product.reshape((ROWS, across * COLUMNS))
        for t in order:
            low, high = job * rows, min(job * rows + rows, counts[t])
            if low >= high:
                continue
            start = starts[t]
            pack_left(False, h[low:high], h.strides[0] // 4, high - low, depth, panel)
            multiply_all(high - low, depth, panel, weights, zeros, product)
            for b in range(low, high):
                k = start + b * apart
                if smooth:
                    for j in range(size):
                        hs[k, j] = h[b, j]
                        h[b, j] = out[k, j] = tanh(out[k, j] + sums[b - low, j])
                else:
                    for j in range(size):
                        hs[k, j] = h[b, j]
                        h[b, j] = out[k, j] = maximum(out[k, j] + sums[b - low, j], 0.0)


@compiled
def rnn_backward(g, out, dh, weight, order, starts, counts, apart, made, rows, smooth):
    """`made`: of the sums in the brackets."""
    size = dh.shape[1]
    depth, width = weight.shape[0], weight.shape[1]
    across = (width + COLUMNS - 1) // COLUMNS
    weights, weight_row = aligned(across * depth * COLUMNS), weight.strides[0] // 4
    zeros = np.zeros(across * COLUMNS, np.float32)
    for p in prange(across):
        first = p * COLUMNS
        pack_right(False, weight[:, first:], weight_row, min(COLUMNS, width - first), depth, weights[first * depth :])
    for job in prange((dh.shape[0] + rows - 1) // rows):
        panel, product = np.empty(ROWS * depth, np.float32), aligned(ROWS * across * COLUMNS)
        sums = product.reshape((ROWS, across * COLUMNS))
        for t in order[::-1]:
            low, high = job * rows, min(job * rows + rows, counts[t])
            if low >= high:
                continue
            start = starts[t]
            for b in range(low, high):
                k = start + b * apart
                for j in range(size):
                    y = out[k, j]
                    slope = 1.0 - y * y if smooth else (1.0 if y > 0.0 else 0.0)
                    made[k, j] = (dh[b, j] + g[k, j]) * slope
            here = made[start + low * apart : start + high * apart : apart]
            pack_left(False, here, here.strides[0] // 4, high - low, depth, panel)
            multiply_all(high - low, depth, panel, weights, zeros, product)
            for b in range(low, high):
                dh[b] = sums[b - low, :size]
