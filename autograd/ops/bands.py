"""Means and interpolations along one axis: each output is a weighted sum of a few neighbouring inputs.

That is a product with a banded matrix (`mix`), and the gradient is one with its transpose.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from ..op import op

__all__: list[str] = []


@op("mix", method=False, x=lambda g, matrix, axis: mix(g, matrix.T, axis))  # pyright: ignore[reportGeneralTypeIssues]
def mix(x, matrix, axis):
    """`matrix` (out, in) times `x` along an axis of length in."""
    matrix = np.asarray(matrix, like=x)
    lead, trail = math.prod(x.shape[:axis]), math.prod(x.shape[axis + 1 :])
    rows = x.reshape((lead, x.shape[axis], trail))
    if matrix.size <= 1 << 16:
        out = rows[:, :, 0] @ matrix.T if trail == 1 else np.matmul(matrix, rows)
    else:  # most of a large one is zeros: multiply the band only
        out = np.empty_like(x, shape=(lead, matrix.shape[0], trail), order="C")
        for start in range(0, matrix.shape[0], 64):
            part = matrix[start : start + 64]
            used = np.flatnonzero(part.any(0))
            low, high = (int(used[0]), int(used[-1]) + 1) if used.size else (0, 0)
            np.matmul(part[:, low:high], rows[:, low:high], out=out[:, start : start + 64])
    return out.reshape((*x.shape[:axis], matrix.shape[0], *x.shape[axis + 1 :]))


@functools.lru_cache(maxsize=64)
def mean_matrix(size: int, out: int, dtype: np.dtype) -> np.ndarray:
    """Means over `out` windows of about equal length."""
    i = np.arange(out)
    start, end = i * size // out, -(-(i + 1) * size // out)
    j = np.arange(size)
    inside = (j >= start[:, None]) & (j < end[:, None])
    return _fixed((inside / np.maximum(inside.sum(1, keepdims=True), 1)).astype(dtype))


def _fixed(matrix: np.ndarray) -> np.ndarray:
    matrix.flags.writeable = False  # it is cached
    return matrix


def cubic_near(x: Any, a: float = -0.75) -> Any:
    """Keys' cubic kernel at a distance up to 1."""
    return ((a + 2) * x - (a + 3)) * x * x + 1


def cubic_far(x: Any, a: float = -0.75) -> Any:
    """The same at a distance from 1 to 2; beyond it is 0."""
    return ((x - 5) * x + 8) * x * a - 4 * a


def _cubic(x: Any, a: float) -> Any:
    x = np.abs(x)
    return np.where(x <= 1, cubic_near(x, a), np.where(x < 2, cubic_far(x, a), 0.0))


def _triangle(x: Any) -> Any:
    return np.maximum(1 - np.abs(x), 0)


def _scale(size: int, out: int, align_corners: bool, factor: float | None) -> float:
    """How many inputs one step of the output is."""
    if align_corners:
        return (size - 1) / (out - 1) if out > 1 else 0.0
    return 1 / factor if factor else size / out


@functools.lru_cache(maxsize=64)
def weights_matrix(
    cubic: bool, size: int, out: int, align_corners: bool, factor: float | None, antialias: bool, dtype: np.dtype
) -> np.ndarray:
    """The weights of linear or cubic interpolation along one axis: (out, size)."""
    scale = _scale(size, out, align_corners, factor)
    matrix = np.zeros((out, size))
    rows = np.arange(out)[:, None]
    if antialias:
        kernel = functools.partial(_cubic, a=-0.5) if cubic else _triangle
        stretch = max(scale, 1.0)
        support = (2 if cubic else 1) * stretch
        centers = scale * (rows + 0.5)
        first = np.maximum((centers - support + 0.5).astype(int), 0)
        last = np.minimum((centers + support + 0.5).astype(int), size)
        j = np.arange(size)
        matrix = np.where((j >= first) & (j < last), kernel((j - centers + 0.5) / stretch), 0.0)
        return _fixed((matrix / matrix.sum(1, keepdims=True)).astype(dtype))
    places = scale * rows if align_corners else scale * (rows + 0.5) - 0.5
    if cubic:
        base = np.floor(places).astype(int)
        taps = base + np.arange(-1, 3)
        values = _cubic(places - taps, -0.75)
    else:
        places = np.maximum(places, 0)
        base = np.floor(places).astype(int)
        taps = base + np.arange(2)
        values = np.concatenate((1 - (places - base), places - base), 1)
    np.add.at(matrix, (rows, np.clip(taps, 0, size - 1)), values)
    return _fixed(matrix.astype(dtype))
