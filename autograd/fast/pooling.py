"""The maximum of each window, and its gradient, in one pass over the memory.

Arrays are (images, D, H, W, channels) here: where the channels come first in memory, each is an image of its own with one
channel.  With fewer dimensions the first are 1.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from . import LARGE, available, compiled, prange

__all__ = ["max_pool", "max_pool_gradient", "ready"]

Ints = tuple[int, ...]


@compiled
def maxima(out, found, x, images, sizes, size, channels, kernel, stride, padding, dilation):
    """The largest element of each window, and where in its image it is: the first of equal ones, the last NaN.

    All arrays are 1-d.  (Unsigned numbers, since an index that may be negative keeps a loop from being vectorised.)
    """
    depth, height, width = sizes
    rows, places = size[0] * size[1], size[2]
    for job in prange(images * rows):
        n, d, h = job // rows, job % rows // size[1], job % size[1]
        for q in range(job * places * channels, (job + 1) * places * channels):
            out[q] = -np.inf
            found[q] = -1
        for i in range(kernel[0]):
            at_d = d * stride[0] - padding[0] + i * dilation[0]
            for j in range(kernel[1]):
                at_h = h * stride[1] - padding[1] + j * dilation[1]
                if not (0 <= at_d < depth and 0 <= at_h < height):
                    continue
                row = (at_d * height + at_h) * width
                for k in range(kernel[2]):
                    shift = k * dilation[2] - padding[2]
                    first, stop = 0, places
                    while first < stop and first * stride[2] + shift < 0:
                        first += 1
                    while first < stop and (stop - 1) * stride[2] + shift >= width:
                        stop -= 1
                    pixels = stop - first if channels > 1 else min(stop - first, 1)
                    for w in range(first, first + pixels):
                        here = np.int32((row + w * stride[2] + shift) * channels)
                        a = np.uintp(n * depth * height * width * channels + here)
                        b = np.uintp((job * places + w) * channels)
                        if channels > 1:
                            for c in range(np.uintp(channels)):
                                value = x[a + c]
                                better = (value > out[b + c]) | (value != value) | (found[b + c] < 0)
                                out[b + c] = value if better else out[b + c]
                                found[b + c] = here + np.int32(c) if better else found[b + c]
                        else:
                            step = np.uintp(stride[2])
                            for c in range(np.uintp(stop - first)):
                                value = x[a + c * step]
                                better = (value > out[b + c]) | (value != value) | (found[b + c] < 0)
                                out[b + c] = value if better else out[b + c]
                                found[b + c] = here + np.int32(c * step) if better else found[b + c]


@compiled
def to_places(total, g, found):
    """Each image of `g` (images, ·) added to zeros (images, ·), where `found` says."""
    for n in prange(total.shape[0]):
        total[n] = 0.0
        for q in range(g.shape[1]):
            total[n, np.uintp(found[n, q])] += g[n, q]


def ready(x: Any) -> bool:
    """Whether there are compiled loops for this array, and enough to do."""
    return type(x) is np.ndarray and x.dtype == np.float32 and LARGE <= x.size < 1 << 31 and x.ndim <= 5 and available()


def as_images(x: np.ndarray, channels_last: bool) -> np.ndarray:
    """(N, C, *S) as (images, D, H, W, channels), copied only where it does not lie so."""
    ones = (1,) * (5 - x.ndim)
    if channels_last:
        moved = x.transpose((0, *range(2, x.ndim), 1))
        return np.ascontiguousarray(moved).reshape((x.shape[0], *ones, *x.shape[2:], x.shape[1]))
    return np.ascontiguousarray(x).reshape((x.shape[0] * x.shape[1], *ones, *x.shape[2:], 1))


def lies_channels_last(x: np.ndarray) -> bool:
    return not x.flags.c_contiguous and x.strides[1] == x.itemsize


def result(images: np.ndarray, shape: tuple) -> np.ndarray:
    """(images, D, H, W, channels) as (N, C, *S)."""
    if images.shape[-1] == 1:
        return images.reshape(shape)
    moved = images.reshape((shape[0], *shape[2:], shape[1]))
    return moved.transpose((0, moved.ndim - 1, *range(1, moved.ndim - 1)))


def three(values: Ints, fill: int = 1) -> Ints:
    return (fill,) * (3 - len(values)) + tuple(values)


def max_pool(
    x: np.ndarray, size: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints
) -> tuple[np.ndarray, np.ndarray]:
    """The maximum of each window of (N, C, *S), in the order of memory of `x`; and the places of the maxima."""
    images = as_images(x, lies_channels_last(x))
    out = np.empty((images.shape[0], *three(size), images.shape[-1]), np.float32)
    found = np.empty(out.shape, np.int32)
    maxima(
        out.reshape(-1), found.reshape(-1), images.reshape(-1), images.shape[0], images.shape[1:4], three(size),
        images.shape[-1], three(kernel), three(stride), three(padding, 0), three(dilation),
    )  # fmt: skip
    return result(out, (*x.shape[:2], *size)), found


def max_pool_gradient(g: np.ndarray, found: np.ndarray, shape: tuple) -> np.ndarray:
    """`g` at the places of the maxima, zeros elsewhere, in the order of memory of the input of that shape."""
    images, channels = found.shape[0], found.shape[-1]
    total = np.empty((images, *three(shape[2:]), channels), np.float32)
    given = as_images(g, channels > 1)
    to_places(total.reshape((images, -1)), given.reshape((images, -1)), found.reshape((images, -1)))
    return result(total, shape)
