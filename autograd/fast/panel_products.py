"""Large matrix products from panels, on all threads."""

from __future__ import annotations

import numpy as np

from . import compiled, prange
from .panels import COLUMNS, ROWS, aligned, multiply, pack_left, pack_right

__all__ = ["panel_product"]

DEEPEST = 512  # terms of a sum at a time
CACHED = 1 << 17  # elements of the right matrix at a time: they stay in the cache of a core while rows pass by


@compiled
def blocks_from_panels(transpose_a, a, transpose_b, b, start, out, down, columns, deep, wide):
    """out = a b + start, a vector with room for whole panels.

    Each job makes a block of down × columns, `deep` terms of `wide` columns at a time: these are whole panels.
    """
    n, m = out.shape
    length = a.shape[0] if transpose_a else a.shape[1]
    a_row, b_row = a.strides[0] // 4, b.strides[0] // 4
    memory = out.reshape(-1)
    across = (m + columns - 1) // columns
    for job in prange((n + down - 1) // down * across):
        top, side = job // across * down, job % across * columns
        bottom, end = min(top + down, n), min(side + columns, m)
        right, left, sums = aligned(wide * deep), aligned(ROWS * deep), aligned(ROWS * COLUMNS)
        sums[:] = 0.0
        for first in range(side, end, wide):
            last = min(first + wide, end)
            for k in range(0, length, deep):
                depth = min(deep, length - k)
                for j in range(first, last, COLUMNS):
                    part = b[j:, k:] if transpose_b else b[k:, j:]
                    pack_right(transpose_b, part, b_row, min(COLUMNS, m - j), depth, right[(j - first) * deep :])
                for i in range(top, bottom, ROWS):
                    rows = min(ROWS, bottom - i)
                    pack_left(transpose_a, a[k:, i:] if transpose_a else a[i:, k:], a_row, rows, depth, left)
                    for j in range(first, last, COLUMNS):
                        panel = right[(j - first) * deep :]
                        block = memory[i * m + j :]
                        if rows % 4 == 0 and j + COLUMNS <= m:
                            if k:
                                multiply(rows, depth, left, panel, block, m, block, m)
                            else:
                                multiply(rows, depth, left, panel, start[j:], 0, block, m)
                            continue
                        for r in range(rows):
                            for c in range(min(COLUMNS, m - j)):
                                sums[r * COLUMNS + c] = block[r * m + c] if k else start[j + c]
                        multiply(rows, depth, left, panel, sums, COLUMNS, sums, COLUMNS)
                        for r in range(rows):
                            for c in range(min(COLUMNS, m - j)):
                                block[r * m + c] = sums[r * COLUMNS + c]


def panel_product(transpose_a, a, transpose_b, b, bias, threads: int) -> np.ndarray:
    """a b + bias for matrices (transposed first where it says so); a bias of length 0 is none."""
    n, k = a.shape[::-1] if transpose_a else a.shape
    m = b.shape[0] if transpose_b else b.shape[1]
    out = np.empty((n, m), np.float32)
    start = np.zeros(whole(m, COLUMNS), np.float32)
    start[: bias.size] = bias
    # The longer side is divided, since each job copies all of the other matrix.
    down, columns = (whole(-(-n // threads), 4), m) if n >= m else (n, whole(-(-m // threads), COLUMNS))
    deep = min(k, DEEPEST)
    wide = min(max(CACHED // deep // COLUMNS, 1), -(-columns // COLUMNS)) * COLUMNS
    blocks_from_panels(transpose_a, a, transpose_b, b, start, out, down, columns, deep, wide)
    return out


def whole(size: int, step: int) -> int:
    """The next multiple of `step`."""
    return -(-size // step) * step
