"""Convolutions in which each channel has a kernel of its own: nothing to multiply by GEMM, sums of shifted images instead.

Weights are (C, 1, *K), all else is as in `convolution`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..fast import depthwise as loops
from ..fast.threads import each_job
from .windows import Windows, batches, channels_first, channels_last, strided, summed

__all__: list[str] = []


def suits(w_shape: tuple, groups: int) -> bool:
    """One input and one output channel in each group."""
    return groups > 1 and w_shape[0] == groups and w_shape[1] == 1


def images(x: Any, windows: Windows) -> list[slice]:
    """Some images at a time: each meets the kernel at several places, and stays in the cache meanwhile."""
    return batches(x.shape[0], 8 * x.shape[1] * math.prod(windows.size))


def window_view(x: Any, windows: Windows) -> Any:
    """(N, C, *S) as (N, *size, *kernel, C); no element is copied more than once."""
    x = channels_last(x, windows.padding)
    image, *steps, item = x.strides
    places, taps = ([a * b for a, b in zip(steps, v, strict=True)] for v in (windows.stride, windows.dilation))
    return strided(x, (len(x), *windows.size, *windows.kernel, x.shape[-1]), (image, *places, *taps, item))


def convolution(x: Any, w: Any, bias: Any, windows: Windows) -> Any:
    if loops.ready(x, w):
        return loops.convolution(x, w, bias, windows)
    out = np.empty_like(x, shape=(x.shape[0], *windows.size, x.shape[1]), order="C")
    place, tap, channel = dims(windows)
    weights = np.ascontiguousarray(np.moveaxis(w[:, 0], 0, -1), like=w)

    def work(part: slice) -> None:
        total = np.einsum(
            window_view(x[part], windows), [*place, *tap, channel], weights, [*tap, channel], [*place, channel]
        )
        out[part] = total if bias is None else total + bias

    each_job(work, images(x, windows), x)
    return channels_first(out)


def dims(windows: Windows) -> tuple[list[int], list[int], int]:
    """Numbers, as `einsum` wants them, for the dimensions of an image and its windows, of the kernel, and of the channels."""
    count = len(windows.kernel)
    return [*range(1 + count)], [*range(1 + count, 1 + 2 * count)], 1 + 2 * count


def input_gradient(g: Any, w: Any, windows: Windows) -> Any:
    if loops.ready(g, w):
        return loops.input_gradient(g, w, windows)
    if (back := windows.way_back()) is not None:
        return convolution(g, w[(..., *(slice(None, None, -1),) * (w.ndim - 2))], None, back)
    out = np.empty_like(g, shape=(g.shape[0], *windows.sizes, g.shape[1]), order="C")

    def work(part: slice) -> None:
        given, total = channels_last(g[part]), out[part]
        total[...] = 0
        for tap, where, elements in windows.taps():
            total[(slice(None), *elements)] += given[(slice(None), *where)] * w[(slice(None), 0, *tap)]

    each_job(work, images(g, windows), g)
    return channels_first(out)


def weight_gradient(x: Any, g: Any, windows: Windows) -> Any:
    if loops.ready(x, g):
        return loops.weight_gradient(x, g, windows)
    place, tap, channel = dims(windows)

    def add(total: Any, part: slice) -> None:
        total += np.einsum(
            window_view(x[part], windows),
            [*place, *tap, channel],
            channels_last(g[part]),
            [*place, channel],
            [*tap, channel],
        )

    total = summed(add, x, images(g, windows), (*windows.kernel, x.shape[1]))
    return np.moveaxis(total, -1, 0)[:, None]
