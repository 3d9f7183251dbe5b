"""Attention as a loop over heads: scores, softmax and the weighted sum of some queries at a time, while they are in the cache.

Arrays are (B, H, L, E) in any order of memory in which a row's elements lie side by side.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from . import available, compiled, get_num_threads, prange
from .blas import gemm
from .linalg import lies
from .rows import LOWEST
from .scalars import exp, from_order, order_key

__all__ = ["attention", "attention_backward", "attention_forward", "attention_gradients", "ready"]

SIZE = 1 << 14  # scores: below, the call costs more than it brings
FAR = np.float32(-87)
CACHED = 1 << 14  # scores that are worked on at a time


@compiled
def attention_forward(q, k, v, mask, scale, drops, causal, block, weights, out):
    """Fill `weights` with softmax(q kᵀ · scale + mask), and `out` with weights · drops times v; an empty mask, or drops, is none.

    `block` queries are worked on at a time.
    """
    heads, rows, columns = weights.shape[1:]
    for head in prange(weights.shape[0] * heads):
        n, h = head // heads, head % heads
        used = np.empty((block, columns) if drops.size else (0, 0), np.float32)
        for start in range(0, rows, block):
            stop = min(start + block, rows)
            seen = min(stop, columns) if causal else columns
            scores = weights[n, h, start:stop, :seen]
            gemm(False, q[n, h, start:stop], True, k[n, h, :seen], 0.0, scores)
            weights[n, h, start:stop, seen:] = 0.0
            for i in range(stop - start):
                row = weights[n, h, start + i]  # contiguous, as the compiler knows
                end = min(start + i + 1, columns) if causal else columns
                for j in range(end, seen):  # so that all rows are of one length: the rest of a vector would take long
                    row[j] = -np.inf
                for j in range(seen):
                    row[j] *= scale
                if mask.size:
                    for j in range(seen):
                        row[j] += mask[n, h, start + i, j]
                key = LOWEST  # integers have a maximum that vectorises
                for j in range(seen):
                    key = max(key, order_key(row[j]))
                top = from_order(key)
                top = np.float32(0.0) if top == -np.inf else top  # a row that may look at nothing has weights of zero
                total = np.float32(0.0)
                for j in range(seen):
                    x = row[j] - top
                    e = exp(FAR if x < FAR else x)
                    e = np.float32(0.0) if x < FAR else e  # denormal numbers would take a hundred times as long
                    row[j] = e
                    total += e
                share = 1.0 / total if total != 0.0 else np.float32(0.0)
                for j in range(seen):
                    row[j] *= share
                row[end:seen] = 0.0
            if drops.size:
                for i in range(stop - start):
                    for j in range(seen):
                        used[i, j] = scores[i, j] * drops[n, h, start + i, j]
                scores = used[: stop - start, :seen]
            gemm(False, scores, False, v[n, h, :seen], 0.0, out[n, h, start:stop])


@compiled
def attention_backward(g, q, k, v, scale, drops, causal, block, weights, gq, gk, gv):
    """Fill gq, gk, gv with the gradients of q, k, v, given that of the result."""
    heads, rows, columns = weights.shape[1:]
    for head in prange(weights.shape[0] * heads):
        n, h = head // heads, head % heads
        gk[n, h] = 0.0
        gv[n, h] = 0.0
        space = np.empty((block, columns), np.float32)
        used = np.empty((block, columns) if drops.size else (0, 0), np.float32)
        for start in range(0, rows, block):
            stop = min(start + block, rows)
            seen = min(stop, columns) if causal else columns
            w, above = weights[n, h, start:stop, :seen], g[n, h, start:stop]
            scores = space[: stop - start, :seen]
            gemm(False, above, True, v[n, h, :seen], 0.0, scores)
            if drops.size:
                for i in range(stop - start):
                    for j in range(seen):
                        used[i, j] = w[i, j] * drops[n, h, start + i, j]
                        scores[i, j] *= drops[n, h, start + i, j]
                gemm(True, used[: stop - start, :seen], False, above, 1.0, gv[n, h, :seen])
            else:
                gemm(True, w, False, above, 1.0, gv[n, h, :seen])
            for i in range(stop - start):
                row, above_row = weights[n, h, start + i], space[i]
                total = np.float32(0.0)
                for j in range(seen):
                    total += above_row[j] * row[j]
                for j in range(seen):
                    above_row[j] = (above_row[j] - total) * row[j] * scale
            gemm(False, scores, False, k[n, h, :seen], 0.0, gq[n, h, start:stop])
            gemm(True, scores, False, q[n, h, start:stop], 1.0, gk[n, h, :seen])


# ---- as the op calls them ----------------------------------------------------------------------------------------


def attention(q, k, v, mask, scale, drops, causal, weights) -> np.ndarray:
    """The weighted values, and the weights."""
    shape, n = weights.shape, q.ndim
    q, k, v, weights = (four_dimensional(x) for x in (q, k, v, weights))
    mask, drops = (NONE if x is None else four_dimensional(np.broadcast_to(x, shape)) for x in (mask, drops))
    out = heads_last((*q.shape[:3], v.shape[3]))
    block = rows_together(shape[-2], shape[-1], causal)
    attention_forward(q, k, v, mask, np.float32(scale), drops, causal, block, weights, out)
    return out if n == 4 else out[0]


def attention_gradients(g, q, k, v, scale, drops, causal, weights) -> tuple:
    """Of q, k and v."""
    n, shape = q.ndim, weights.shape
    g, q, k, v, weights = (four_dimensional(x) for x in (g, q, k, v, weights))
    drops = NONE if drops is None else four_dimensional(np.broadcast_to(drops, shape))
    gq, gk, gv = made = beside((q, k, v)) or tuple(heads_last(x.shape) for x in (q, k, v))
    block = rows_together(shape[-2], shape[-1], causal)
    attention_backward(g, q, k, v, np.float32(scale), drops, causal, block, weights, gq, gk, gv)
    return made if n == 4 else tuple(x[0] for x in made)


NONE = np.empty((0, 0, 0, 0), np.float32)


def rows_together(rows: int, columns: int, causal: bool) -> int:
    """How many queries are worked on at a time; with a causal mask few, since most see only some of the keys."""
    return max(1, min(rows, CACHED // max(columns, 1), 32 if causal else rows))


def ready(arrays: tuple, shape: tuple) -> bool:
    """Whether the loops can work on these (q, k, v, …) and weights of that shape: rows of float32, heads for all threads."""
    if math.prod(shape) < SIZE or not 3 <= len(shape) <= 4 or not available():
        return False
    return math.prod(shape[:-2]) >= get_num_threads() and all(
        type(x) is np.ndarray and x.dtype == np.float32 and x.shape[:-2] == shape[:-2] and lies(x) is False
        for x in arrays
    )


def four_dimensional(x: np.ndarray) -> np.ndarray:
    return x if x.ndim == 4 else x[None]


def beside(arrays: Sequence[np.ndarray]) -> tuple | None:
    """Empty arrays (B, H, L, E) which lie beside each other in one (B, L, …), if these do; else None.

    Where one product makes queries, keys and values, their gradients are that of the product, without a copy.
    """
    batches, heads, rows, width = arrays[0].shape
    size, count = heads * width, len(arrays)
    strides = tuple(n * arrays[0].itemsize for n in (rows * count * size, width, count * size, 1))
    base = arrays[0].base
    if base is None or any(x.base is not base or x.shape != arrays[0].shape or x.strides != strides for x in arrays):
        return None
    first = min(x.ctypes.data for x in arrays)
    places = [(x.ctypes.data - first) // strides[-1] for x in arrays]
    if sorted(places) != list(range(0, count * size, size)):
        return None
    made = np.empty((batches, rows, count * size), arrays[0].dtype)
    parts = (made[..., p : p + size].reshape((batches, rows, heads, width)) for p in places)
    return tuple(part.transpose((0, 2, 1, 3)) for part in parts)


def heads_last(shape: tuple) -> np.ndarray:
    """An empty (B, H, L, E) whose memory is (B, L, H, E): to put heads beside each other needs no copy."""
    return np.empty((shape[0], shape[2], shape[1], shape[3]), np.float32).transpose((0, 2, 1, 3))
