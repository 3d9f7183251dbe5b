"""Convolutions in which each channel has a kernel of its own: nothing to multiply by GEMM, sums of shifted images instead.

Weights are (C, 1, *K), all else is as in `convolution`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..fast import depthwise as loops
from ..fast.linalg import column_sums
from ..fast.threads import each_job
from .windows import Ints, Windows, batches, channels_first, channels_last, summed

__all__: list[str] = []


def suits(w_shape: tuple, groups: int) -> bool:
    """One input and one output channel in each group."""
    return groups > 1 and w_shape[0] == groups and w_shape[1] == 1


def images(x: Any, windows: Windows) -> list[slice]:
    """Some images at a time: each meets the kernel at several places, and stays in the cache meanwhile."""
    return batches(x.shape[0], 8 * x.shape[1] * math.prod(windows.size))


def along_lines(w: Any, tap: Ints, windows: Windows) -> Any:
    """The weights of a tap for each element of a line: one long row for NumPy's inner loop, not one for each place."""
    row = w[(slice(None), 0, *tap)]
    out = np.empty_like(row, shape=(max(windows.size[-1], windows.sizes[-1]), len(row)), order="C")
    out[...] = row
    return out


def convolution(x: Any, w: Any, bias: Any, windows: Windows) -> Any:
    if loops.ready(x, w):
        return loops.convolution(x, w, bias, windows)
    out = np.empty_like(x, shape=(x.shape[0], *windows.size, x.shape[1]), order="C")
    taps = [(*tap, along_lines(w, tap[0], windows)) for tap in windows.taps()]

    def work(part: slice) -> None:
        given, total = channels_last(x[part]), out[part]
        more = np.empty_like(total)
        total[...] = 0 if bias is None else bias
        for _, where, elements, weights in taps:
            place = (slice(None), *where)
            some = more[place]
            total[place] += np.multiply(given[(slice(None), *elements)], weights[: some.shape[-2]], out=some)

    each_job(work, images(x, windows), x)
    return channels_first(out)


def input_gradient(g: Any, w: Any, windows: Windows) -> Any:
    if loops.ready(g, w):
        return loops.input_gradient(g, w, windows)
    out = np.empty_like(g, shape=(g.shape[0], *windows.sizes, g.shape[1]), order="C")
    taps = [(*tap, along_lines(w, tap[0], windows)) for tap in windows.taps()]

    def work(part: slice) -> None:
        given, total = channels_last(g[part]), out[part]
        more = np.empty_like(given)
        total[...] = 0
        for _, where, elements, weights in taps:
            place = (slice(None), *where)
            some = more[place]
            total[(slice(None), *elements)] += np.multiply(given[place], weights[: some.shape[-2]], out=some)

    each_job(work, images(g, windows), g)
    return channels_first(out)


def weight_gradient(x: Any, g: Any, windows: Windows) -> Any:
    if loops.ready(x, g):
        return loops.weight_gradient(x, g, windows)

    def add(total: Any, part: slice) -> None:
        given, factors = channels_last(x[part]), channels_last(g[part])
        for tap, where, elements in windows.taps():
            products = given[(slice(None), *elements)] * factors[(slice(None), *where)]
            total[(slice(None), 0, *tap)] += column_sums(products.reshape((-1, products.shape[-1])))

    return summed(add, x, images(g, windows), (x.shape[1], 1, *windows.kernel))
