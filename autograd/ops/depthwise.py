"""Convolutions in which each channel has a kernel of its own: nothing to multiply by GEMM, sums of shifted images instead.

Weights are (C, 1, *K), all else is as in `convolution`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..fast.linalg import column_sums
from ..fast.threads import each_job
from .windows import Windows, batches, channels_first, channels_last, summed

__all__: list[str] = []


def suits(w_shape: tuple, groups: int) -> bool:
    """One input and one output channel in each group."""
    return groups > 1 and w_shape[0] == groups and w_shape[1] == 1


def images(x: Any, windows: Windows) -> list[slice]:
    """Some images at a time: each meets the kernel at several places, and stays in the cache meanwhile."""
    return batches(x.shape[0], 8 * x.shape[1] * math.prod(windows.size))


def convolution(x: Any, w: Any, bias: Any, windows: Windows) -> Any:
    out = np.empty_like(x, shape=(x.shape[0], *windows.size, x.shape[1]), order="C")

    def work(part: slice) -> None:
        given, total = channels_last(x[part]), out[part]
        total[...] = 0 if bias is None else bias
        for tap, where, elements in windows.taps():
            total[(slice(None), *where)] += given[(slice(None), *elements)] * w[(slice(None), 0, *tap)]

    each_job(work, images(x, windows), x)
    return channels_first(out)


def input_gradient(g: Any, w: Any, windows: Windows) -> Any:
    out = np.empty_like(g, shape=(g.shape[0], *windows.sizes, g.shape[1]), order="C")

    def work(part: slice) -> None:
        given, total = channels_last(g[part]), out[part]
        total[...] = 0
        for tap, where, elements in windows.taps():
            total[(slice(None), *elements)] += given[(slice(None), *where)] * w[(slice(None), 0, *tap)]

    each_job(work, images(g, windows), g)
    return channels_first(out)


def weight_gradient(x: Any, g: Any, windows: Windows) -> Any:
    def add(total: Any, part: slice) -> None:
        given, factors = channels_last(x[part]), channels_last(g[part])
        for tap, where, elements in windows.taps():
            products = given[(slice(None), *elements)] * factors[(slice(None), *where)]
            total[(slice(None), 0, *tap)] += column_sums(products.reshape((-1, products.shape[-1])))

    return summed(add, x, images(g, windows), (x.shape[1], 1, *windows.kernel))
