"""Convolutions in which each channel has a kernel of its own, and their gradients, in one pass over the memory.

Arrays lie as in `pooling`: (images, D, H, W, channels), or each channel is an image of its own.  `meets` has a row for each tap of
the kernel: for each dimension the first window that it meets inside the image, the one after the last, and the element that it
meets first.  Weights are (taps, channels).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from . import LARGE, available, compiled, get_num_threads, prange
from .pooling import as_images, lies_channels_last, result, three

__all__ = ["convolution", "input_gradient", "ready", "weight_gradient"]

# (Unsigned numbers, since an index that may be negative keeps a loop from being vectorised.)


@compiled
def products(out, x, weight, bias, meets, images, sizes, size, channels, stride):
    """out = bias + the sum of element · weight over each window."""
    rows, kinds = size[0] * size[1], weight.shape[1]
    for job in prange(images * rows):
        n, d, h = job // rows, job % rows // size[1], job % size[1]
        line = job * size[2]
        for w in range(size[2]):
            for c in range(channels):
                out[(line + w) * channels + c] = bias[c if channels > 1 else n % kinds]
        for t in range(meets.shape[0]):
            if not (meets[t, 0] <= d < meets[t, 1] and meets[t, 3] <= h < meets[t, 4]):
                continue
            at_d = meets[t, 2] + (d - meets[t, 0]) * stride[0]
            at_h = meets[t, 5] + (h - meets[t, 3]) * stride[1]
            first, count = meets[t, 6], meets[t, 7] - meets[t, 6]
            start = ((n * sizes[0] + at_d) * sizes[1] + at_h) * sizes[2] + meets[t, 8]
            if channels > 1:
                for w in range(count):
                    a, b = np.uintp((start + w * stride[2]) * channels), np.uintp((line + first + w) * channels)
                    for c in range(np.uintp(channels)):
                        out[b + c] += x[a + c] * weight[t, c]
            else:
                a, b, step, factor = np.uintp(start), np.uintp(line + first), np.uintp(stride[2]), weight[t, n % kinds]
                if step == 1:
                    for w in range(np.uintp(count)):
                        out[b + w] += x[a + w] * factor
                else:
                    for w in range(np.uintp(count)):
                        out[b + w] += x[a + w * step] * factor


@compiled
def spread(total, g, weight, meets, images, sizes, size, channels, stride):
    """The adjoint of that in x: g · weight, added to each element of the window."""
    kinds, elements = weight.shape[1], sizes[0] * sizes[1] * sizes[2] * channels
    for n in prange(images):
        total[n * elements : (n + 1) * elements] = 0.0
        for d in range(size[0]):
            for h in range(size[1]):
                line = ((n * size[0] + d) * size[1] + h) * size[2]
                for t in range(meets.shape[0]):
                    if not (meets[t, 0] <= d < meets[t, 1] and meets[t, 3] <= h < meets[t, 4]):
                        continue
                    at_d = meets[t, 2] + (d - meets[t, 0]) * stride[0]
                    at_h = meets[t, 5] + (h - meets[t, 3]) * stride[1]
                    first, count = meets[t, 6], meets[t, 7] - meets[t, 6]
                    start = ((n * sizes[0] + at_d) * sizes[1] + at_h) * sizes[2] + meets[t, 8]
                    if channels > 1:
                        for w in range(count):
                            a, b = np.uintp((start + w * stride[2]) * channels), np.uintp((line + first + w) * channels)
                            for c in range(np.uintp(channels)):
                                total[a + c] += g[b + c] * weight[t, c]
                    else:
                        a, b, step = np.uintp(start), np.uintp(line + first), np.uintp(stride[2])
                        factor = weight[t, n % kinds]
                        if step == 1:
                            for w in range(np.uintp(count)):
                                total[a + w] += g[b + w] * factor
                        else:
                            for w in range(np.uintp(count)):
                                total[a + w * step] += g[b + w] * factor


@compiled
def weight_sums(sums, x, g, meets, images, sizes, size, channels, stride):
    """sums[job, tap, channel] = the sum of element · g over the windows of some images."""
    jobs, kinds = sums.shape[0], sums.shape[2]
    for job in prange(jobs):
        sums[job] = 0.0
        for n in range(images * job // jobs, images * (job + 1) // jobs):
            for d in range(size[0]):
                for h in range(size[1]):
                    line = ((n * size[0] + d) * size[1] + h) * size[2]
                    for t in range(meets.shape[0]):
                        if not (meets[t, 0] <= d < meets[t, 1] and meets[t, 3] <= h < meets[t, 4]):
                            continue
                        at_d = meets[t, 2] + (d - meets[t, 0]) * stride[0]
                        at_h = meets[t, 5] + (h - meets[t, 3]) * stride[1]
                        first, count = meets[t, 6], meets[t, 7] - meets[t, 6]
                        start = ((n * sizes[0] + at_d) * sizes[1] + at_h) * sizes[2] + meets[t, 8]
                        if channels > 1:
                            for w in range(count):
                                a = np.uintp((start + w * stride[2]) * channels)
                                b = np.uintp((line + first + w) * channels)
                                for c in range(np.uintp(channels)):
                                    sums[job, t, c] += x[a + c] * g[b + c]
                        else:
                            a, b, step = np.uintp(start), np.uintp(line + first), np.uintp(stride[2])
                            total = np.float32(0)
                            if step == 1:
                                for w in range(np.uintp(count)):
                                    total += x[a + w] * g[b + w]
                            else:
                                for w in range(np.uintp(count)):
                                    total += x[a + w * step] * g[b + w]
                            sums[job, t, n % kinds] += total


# ---- how arrays lie ----------------------------------------------------------------------------------------------

LONG = 128  # pixels of a line, which are worth a loop


@compiled
def turned(out, x):
    """Pixels of all channels, (N, P, C), from channels (N, C, P)."""
    images, channels, pixels = x.shape
    blocks = (pixels + 15) // 16
    for job in prange(images * blocks):
        n, first = job // blocks, job % blocks * 16
        for p in range(first, min(first + 16, pixels)):
            for c in range(channels):
                out[n, p, c] = x[n, c, p]


def suits_channels_last(x: np.ndarray, windows: Any) -> bool:
    """Whether loops along the channels are longer than those along a line, or the array lies so anyway."""
    return lies_channels_last(x) or windows.stride[-1] > 1 or min(windows.sizes[-1], windows.size[-1]) < LONG


def laid_out(x: np.ndarray, last: bool) -> np.ndarray:
    """`as_images`, by a loop where it has to be turned."""
    if last and x.flags.c_contiguous and x.size >= LARGE:
        out = np.empty((x.shape[0], *(1,) * (5 - x.ndim), *x.shape[2:], x.shape[1]), np.float32)
        turned(out.reshape((len(x), -1, x.shape[1])), x.reshape((*x.shape[:2], -1)))
        return out
    return as_images(x, last)


# ---- the three ---------------------------------------------------------------------------------------------------


def ready(x: Any, other: Any) -> bool:
    """Whether there are compiled loops for these arrays, and enough to do."""
    return (
        all(type(a) is np.ndarray and a.dtype == np.float32 for a in (x, other))
        and max(x.size, other.size) >= LARGE
        and x.ndim <= 5
        and available()
    )


def table(windows: Any) -> tuple[np.ndarray, tuple]:
    """Which windows and elements each tap meets, and the taps as an index of the kernel."""
    taps, rows = [], []
    for tap, where, elements in windows.taps():
        ends = [(w.start, w.stop, e.start) for w, e in zip(where, elements, strict=True)]
        taps.append(tap)
        rows.append([(0, 1, 0)] * (3 - len(ends)) + ends)
    meets = np.array(rows, np.int64).reshape((-1, 9))
    return meets, tuple(np.array(taps, np.int64).reshape((-1, len(windows.kernel))).T)


def tap_weights(w: np.ndarray, taps: tuple) -> np.ndarray:
    """(C, 1, *K) as (taps, C)."""
    return np.ascontiguousarray(w[(slice(None), 0, *taps)].T)


def convolution(x: np.ndarray, w: np.ndarray, bias: Any, windows: Any) -> np.ndarray:
    """(N, C, *S) and (C, 1, *K) to (N, C, *size)."""
    given, (meets, taps) = laid_out(x, suits_channels_last(x, windows)), table(windows)
    channels = given.shape[-1]
    out = np.empty((len(given), *three(windows.size), channels), np.float32)
    bias = np.zeros(len(w), np.float32) if bias is None else np.ascontiguousarray(bias, np.float32)
    products(
        out.reshape(-1), given.reshape(-1), tap_weights(w, taps), bias, meets, len(given), three(windows.sizes),
        three(windows.size), channels, three(windows.stride),
    )  # fmt: skip
    return result(out, (*x.shape[:2], *windows.size))


def input_gradient(g: np.ndarray, w: np.ndarray, windows: Any) -> np.ndarray:
    """The adjoint of `convolution` in x."""
    given, (meets, taps) = laid_out(g, suits_channels_last(g, windows)), table(windows)
    channels = given.shape[-1]
    total = np.empty((len(given), *three(windows.sizes), channels), np.float32)
    spread(
        total.reshape(-1), given.reshape(-1), tap_weights(w, taps), meets, len(given), three(windows.sizes),
        three(windows.size), channels, three(windows.stride),
    )  # fmt: skip
    return result(total, (*g.shape[:2], *windows.sizes))


def weight_gradient(x: np.ndarray, g: np.ndarray, windows: Any) -> np.ndarray:
    """The adjoint of `convolution` in w."""
    last, (meets, taps) = suits_channels_last(x, windows), table(windows)
    images, given = laid_out(x, last), laid_out(g, last)
    sums = np.empty((min(4 * get_num_threads(), len(images)), len(meets), x.shape[1]), np.float32)
    weight_sums(
        sums, images.reshape(-1), given.reshape(-1), meets, len(images), three(windows.sizes), three(windows.size),
        images.shape[-1], three(windows.stride),
    )  # fmt: skip
    out = np.zeros((x.shape[1], 1, *windows.kernel), np.float32)
    out[(slice(None), 0, *taps)] = np.add.reduce(sums).T
    return out
