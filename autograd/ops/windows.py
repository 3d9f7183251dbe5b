"""Where the windows of a convolution lie in its input, and the matrices that they make.

Channels are last: (N, C, H, W) is laid out (N, H, W, C), the windows are one strided view of that, and are copied into rows
(windows, kernel · C), a few images or lines at a time: as many as stay in a core's cache.
"""

from __future__ import annotations

import itertools
import math
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..device import cupy
from ..fast.linalg import SMALL, WORTH_A_THREAD
from ..fast.threads import each_job, get_num_threads, parts

__all__: list[str] = []

Ints = tuple[int, ...]
Pairs = tuple[tuple[int, int], ...]

AT_ONCE = 1 << 19  # elements that are made before they are used
WORTH_SHARING = 1 << 16  # elements: as many take longer than waking a thread
TALL = 64  # rows that BLAS is given at a time where matrices are narrow


def channels_last(x: Any, padding: Pairs = ()) -> Any:
    """(N, C, *S) as a contiguous (N, *S, C), zeros around the spatial dimensions."""
    moved = x.transpose((0, *range(2, x.ndim), 1))
    if not any(map(any, padding)):
        return np.ascontiguousarray(moved, like=x)
    n, *sizes, c = moved.shape
    out = np.empty_like(x, shape=(n, *(s + a + b for s, (a, b) in zip(sizes, padding, strict=True)), c), order="C")
    inside: tuple = (slice(None),)
    for size, (before, after) in zip(sizes, padding, strict=True):
        if before:
            out[(*inside, slice(0, before))] = 0
        if after:
            out[(*inside, slice(before + size, None))] = 0
        inside = (*inside, slice(before, before + size))
    out[inside] = moved
    return out


def channels_first(x: Any) -> Any:
    """(N, *S, C) as a view (N, C, *S)."""
    return x.transpose((0, x.ndim - 1, *range(1, x.ndim - 1)))


def strided(x: Any, shape: tuple, strides: tuple) -> Any:
    """A view of a contiguous array with other strides (in bytes)."""
    if isinstance(x, np.ndarray):
        return np.ndarray(shape, x.dtype, x, 0, strides)  # as_strided without its overhead
    return cupy().lib.stride_tricks.as_strided(x, shape, strides)


def in_groups(rows: Any, groups: int) -> Any:
    """(P, C) as a view (groups, P, C / groups)."""
    return rows.reshape((rows.shape[0], groups, -1)).transpose((1, 0, 2))


def pieces(elements: int, worth: bool) -> int:
    """In how many parts to make so many elements: each small enough for a core's cache, and as many for each thread if that
    is worth it."""
    count = -(-elements // AT_ONCE)
    return count + -count % get_num_threads() if worth else count


def batches(n: int, elements: int) -> list[slice]:
    """Slices of `n` images for which so many elements each are made."""
    return in_slices(n, min(pieces(n * elements, n * elements >= WORTH_SHARING), n))


def in_slices(length: int, count: int) -> list[slice]:
    """At most so many slices, of one length except for the last."""
    step = -(-length // max(count, 1))
    return [slice(i, min(i + step, length)) for i in range(0, length, max(step, 1))]


def summed(add: Callable, like: Any, chunks: Sequence, shape: tuple) -> Any:
    """What `add(total, chunk)` adds for all chunks to zeros of that shape: the same whichever thread takes which."""
    most = max(get_num_threads(), AT_ONCE // max(math.prod(shape), 1))
    jobs = parts(len(chunks), most)
    totals = np.zeros_like(like, shape=(len(jobs), *shape), order="C")

    def work(job: tuple) -> None:
        total, part = job
        for chunk in chunks[part]:
            add(total, chunk)

    each_job(work, list(zip(totals, jobs, strict=True)), like)
    return totals.sum(axis=0)


def multiply(a: Any, b: Any, out: Any) -> None:
    """out = a b for stacks of matrices.  Where they are narrow, by rows so few that BLAS does not copy them first."""
    whole = len_in_blocks(a, b)
    if whole:
        np.matmul(blocks(a, whole), b[:, None], out=blocks(out, whole))
    if whole < a.shape[1]:
        np.matmul(a[:, whole:], b, out=out[:, whole:])


def add_product(total: Any, a: Any, b: Any) -> None:
    """total += aᵀ b for stacks of matrices, in the same way."""
    whole = len_in_blocks(a, b)
    if whole:
        total += (blocks(a, whole).swapaxes(-1, -2) @ blocks(b, whole)).sum(axis=1)
    if whole < a.shape[1]:
        total += a[:, whole:].swapaxes(-1, -2) @ b[:, whole:]


def len_in_blocks(a: Any, b: Any) -> int:
    """How many of the rows of `a` make whole blocks; 0 where BLAS is faster on all at once."""
    return a.shape[1] // TALL * TALL if TALL * a.shape[2] * b.shape[2] <= SMALL else 0


def blocks(x: Any, whole: int) -> Any:
    """The first rows of a stack of matrices as a view (stack, blocks, TALL, columns)."""
    return x[:, :whole].reshape((x.shape[0], -1, TALL, x.shape[2]))


class Windows(NamedTuple):
    """The windows of a convolution: one for each element of its output of that `size`."""

    sizes: Ints
    size: Ints
    kernel: Ints
    stride: Ints
    padding: Pairs
    dilation: Ints
    groups: int

    def chunks(self, n: int, channels: int, outputs: int) -> list[tuple[slice, slice]]:
        """The windows of `n` images in parts: some images, or some lines of one, as slices of both.  Each will be multiplied
        with `outputs` columns."""
        lines, elements = self.size[0], n * math.prod(self.size) * math.prod(self.kernel) * channels // self.groups
        count = pieces(elements * self.groups, elements * outputs >= WORTH_A_THREAD)
        if count <= n:
            return [(images, slice(0, lines)) for images in in_slices(n, count)]
        return [(slice(i, i + 1), part) for i in range(n) for part in in_slices(lines, -(-count // n))]

    def rows(self, g: Any, images: slice, lines: slice) -> Any:
        """The elements of (N, O, *size) that belong to those windows: (groups, rows, O / groups)."""
        return in_groups(channels_last(g[images, :, lines]).reshape((-1, g.shape[1])), self.groups)

    def taps(self) -> Iterator[tuple[Ints, tuple[slice, ...], tuple[slice, ...]]]:
        """For each place in the kernel: its index, which windows it meets inside the input, and which elements of that."""
        lines = []
        for s, n, k, t, (before, _), d in zip(*self[:6], strict=True):
            line = []
            for tap in range(k):
                shift = tap * d - before
                first, stop = max(-(shift // t), 0), min((s - 1 - shift) // t + 1, n)
                if first < stop:
                    start = first * t + shift
                    line.append((tap, slice(first, stop), slice(start, start + (stop - first - 1) * t + 1, t)))
            lines.append(line)
        for choice in itertools.product(*lines):
            tap, windows, elements = zip(*choice, strict=True)
            yield tap, windows, elements


class Columns:
    """The windows of an input (N, C, *S) as matrices, some at a time, in memory that each thread uses again."""

    def __init__(self, windows: Windows, x: Any) -> None:
        self.windows, self.x, self.own = windows, x, threading.local()

    def memory(self, make: Callable, *key: Any) -> Any:
        """An array of that shape, the last of the key, which this thread keeps for the same key."""
        kept: Any = vars(self.own)
        if key not in kept:
            kept[key] = make(self.x, shape=key[-1], order="C")
        return kept[key]

    def reached(self, images: slice, lines: slice) -> Any:
        """What windows of those lines reach, channels last, with zeros around."""
        windows = self.windows
        (before, _), *padding = windows.padding
        # The first line, and the one behind the last, both of which may lie in the padding.
        first = lines.start * windows.stride[0] - before
        last = (lines.stop - 1) * windows.stride[0] - before + windows.dilation[0] * (windows.kernel[0] - 1) + 1
        height = windows.sizes[0]
        inside = self.x[images, :, min(max(first, 0), height) : min(max(last, 0), height)]
        moved = inside.transpose((0, *range(2, inside.ndim), 1))
        before = min(max(-first, 0), last - first)
        if inside.shape[2] == last - first and not any(map(any, padding)):
            return np.ascontiguousarray(moved, like=inside)
        count, lines_inside, *others, c = moved.shape
        sizes = (last - first, *(n + a + b for n, (a, b) in zip(others, padding, strict=True)))
        out = self.memory(np.zeros_like, before, lines_inside, (count, *sizes, c))
        within = (slice(a, a + n) for n, (a, _) in zip(others, padding, strict=True))
        out[(slice(None), slice(before, before + lines_inside), *within)] = moved
        return out

    def __call__(self, images: slice, lines: slice) -> Any:
        """Those windows as rows for each group: (groups, rows, kernel · C / groups)."""
        windows, x = self.windows, self.reached(images, lines)
        groups, kernel, dims = windows.groups, windows.kernel, len(windows.kernel)
        size = (lines.stop - lines.start, *windows.size[1:])
        count, c = x.shape[0], x.shape[-1] // groups
        width = math.prod(kernel) * c
        if width == c and x.shape[1:-1] == size:
            return in_groups(x.reshape((-1, groups * c)), groups)
        image, *steps, item = x.strides
        view = strided(
            x,
            (groups, count, *size, *kernel, c),
            (
                c * item,
                image,
                *(a * b for a, b in zip(steps, windows.stride, strict=True)),
                *(a * b for a, b in zip(steps, windows.dilation, strict=True)),
                item,
            ),
        )
        short = kernel[-1] * c < 16  # runs too short to copy one by one: copy along the rows of the image instead
        if short:
            view = view.transpose((0, *range(2 + dims, 3 + 2 * dims), *range(1, 2 + dims)))
        columns = self.memory(np.empty_like, view.shape)
        columns[...] = view
        return columns.reshape((groups, width, -1)).swapaxes(1, 2) if short else columns.reshape((groups, -1, width))
