"""The product of two tall matrices, aᵀ b, as of the gradients of weights: a sum over many rows."""

from __future__ import annotations

from . import compiled, prange
from .panels import COLUMNS, ROWS, aligned, multiply, pack_left, pack_right

__all__ = ["DEPTH", "WIDEST", "tall_product"]

DEPTH = 128  # rows at a time: what is multiplied stays in the cache
WIDEST = 512  # columns of b: more of them do not


@compiled
def tall_product(a, b, start, out, share, deep):
    """out = aᵀ b; each job makes `share` of its rows, from `deep` rows of the matrices at a time.  `start`: zeros, a panel wide."""
    n, m = out.shape
    across = (m + COLUMNS - 1) // COLUMNS
    for job in prange((n + share - 1) // share):
        right, left, sums = aligned(across * deep * COLUMNS), aligned(ROWS * deep), aligned(ROWS * COLUMNS)
        for k in range(0, a.shape[0], deep):
            depth = min(deep, a.shape[0] - k)
            for p in range(across):
                j = p * COLUMNS
                pack_right(False, b[k:, j:], b.strides[0] // 4, min(COLUMNS, m - j), depth, right[j * deep :])
            for i in range(job * share, min(job * share + share, n), ROWS):
                rows = min(ROWS, job * share + share - i, n - i)
                pack_left(True, a[k:, i:], a.strides[0] // 4, rows, depth, left)
                for p in range(across):
                    j = p * COLUMNS
                    whole = rows % 4 == 0 and j + COLUMNS <= m
                    if whole:
                        block = out.reshape(-1)[i * m + j :]
                        if k:
                            multiply(rows, depth, left, right[j * deep :], block, m, block, m)
                        else:
                            multiply(rows, depth, left, right[j * deep :], start, 0, block, m)
                    else:
                        multiply(rows, depth, left, right[j * deep :], start, 0, sums, COLUMNS)
                        for r in range(rows):
                            for c in range(min(COLUMNS, m - j)):
                                before = out[i + r, j + c] if k else 0.0
                                out[i + r, j + c] = before + sums[r * COLUMNS + c]
