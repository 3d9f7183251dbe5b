"""Where the windows of a convolution lie in its input, and the matrices that they make.

Channels are last: (N, C, H, W) is laid out (N, H, W, C), the windows are one strided view of that, and are copied into rows
(windows, kernel · C), or (windows, a line of the kernel · C), a few images or lines at a time: as many as stay in a core's cache.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..device import cupy
from ..fast.linalg import SMALL, WORTH_A_THREAD
from ..fast.threads import each_job, get_num_threads, parts
from ..memory import scratch

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
        np.matmul(blocks(a, whole), b[..., None, :, :], out=blocks(out, whole))
    if whole < a.shape[-2]:
        np.matmul(a[..., whole:, :], b, out=out[..., whole:, :])


def product_sum(a: Any, b: Any) -> Any:
    """The sum of aᵀ b over stacks of matrices, (groups, stack, rows, columns), in the same way."""
    whole, total = len_in_blocks(a, b), 0
    if whole:
        total = (blocks(a, whole).swapaxes(-1, -2) @ blocks(b, whole)).sum(axis=(1, 2))
    if whole < a.shape[-2]:
        total += (a[..., whole:, :].swapaxes(-1, -2) @ b[..., whole:, :]).sum(axis=1)
    return total


def len_in_blocks(a: Any, b: Any) -> int:
    """How many of the rows of `a` make whole blocks; 0 where BLAS is faster on all at once."""
    return a.shape[-2] // TALL * TALL if TALL * a.shape[-1] * b.shape[-1] <= SMALL else 0


def blocks(x: Any, whole: int) -> Any:
    """The first rows of a stack of matrices as a view (*stack, blocks, TALL, columns)."""
    return x[..., :whole, :].reshape((*x.shape[:-2], -1, TALL, x.shape[-1]))


class Windows(NamedTuple):
    """The windows of a convolution: one for each element of its output of that `size`."""

    sizes: Ints
    size: Ints
    kernel: Ints
    stride: Ints
    padding: Pairs
    dilation: Ints
    groups: int

    def parts(self, channels: int, outputs: int) -> int:
        """In how many matrices to lay windows out that will be multiplied with `outputs` columns: one, or one for each line of
        the kernel.  These share their elements, each a line later than the one before: there is less to copy, but more to add."""
        wide, more = math.prod(self.kernel[1:]) * channels // self.groups, outputs // self.groups
        narrow = wide >= 32 and TALL * wide * more <= SMALL and more <= 2 * wide
        return self.kernel[0] if narrow and self.stride[0] == 1 and math.prod(self.size) >= TALL else 1

    def chunks(self, n: int, channels: int, outputs: int) -> list[tuple[slice, slice]]:
        """The windows of `n` images in parts: some images, or some lines of one, as slices of both.  Each will be multiplied
        with `outputs` columns."""
        lines, elements = self.size[0], n * math.prod(self.size) * math.prod(self.kernel) * channels
        count = pieces(elements // self.parts(channels, outputs), elements // self.groups * outputs >= WORTH_A_THREAD)
        if count <= n:
            return [(images, slice(0, lines)) for images in in_slices(n, count)]
        return [(slice(i, i + 1), part) for i in range(n) for part in in_slices(lines, -(-count // n))]

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

    def way_back(self) -> Windows | None:
        """The windows of the output that meet each element of the input, if these are windows at all."""
        around = tuple(
            (d * (k - 1) - before, s - m + before)
            for d, k, (before, _), s, m in zip(
                self.dilation, self.kernel, self.padding, self.sizes, self.size, strict=True
            )
        )
        if set(self.stride) != {1} or min(map(min, around)) < 0:
            return None
        return self._replace(sizes=self.size, size=self.sizes, padding=around)


class Columns:
    """The windows of an input (N, C, *S) as matrices, some at a time."""

    def __init__(self, windows: Windows, x: Any, outputs: int) -> None:
        self.windows, self.x = windows, x
        self.parts = windows.parts(x.shape[1], outputs)

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
        count, lines_inside, *others, c = moved.shape
        if lines_inside == last - first and not any(map(any, padding)):
            return np.ascontiguousarray(moved, like=inside)
        sizes = (last - first, *(n + a + b for n, (a, b) in zip(others, padding, strict=True)))
        within = (before, lines_inside), *((a, n) for n, (a, _) in zip(others, padding, strict=True))
        out = scratch.zeros(self.x, ("reached", within), (count, *sizes, c))
        out[(slice(None), *(slice(a, a + n) for a, n in within))] = moved
        return out

    def rows(self, x: Any) -> Any:
        """What belongs to such windows, (images, *size, C), as rows for each group like theirs: (groups, stack, rows, C / groups)."""
        stack = len(x) if self.parts > 1 else 1
        x = x.reshape((stack, math.prod(x.shape[:-1]) // stack, self.windows.groups, -1))
        return x.transpose((2, 0, 1, 3))

    def multiply(self, parts: list[Any], matrix: Any, out: Any) -> None:
        """out = these windows times a matrix for each group, as (images, *size, O)."""
        rows, matrix = self.rows(out), matrix.reshape((len(matrix), len(parts), 1, -1, matrix.shape[2]))
        multiply(parts[0], matrix[:, 0], rows)
        for k, part in enumerate(parts[1:], 1):
            more = scratch(self.x, "more", rows.shape)
            multiply(part, matrix[:, k], more)
            rows += more

    def __call__(self, images: slice, lines: slice) -> list[Any]:
        """Those windows as rows for each group, in `parts`: (groups, stack, rows, kernel · C / groups / parts)."""
        windows, x = self.windows, self.reached(images, lines)
        groups, size, kernel = windows.groups, (lines.stop - lines.start, *windows.size[1:]), windows.kernel
        count, c = x.shape[0], x.shape[-1] // groups
        if math.prod(kernel) == 1 and x.shape[1:-1] == size:
            return [self.rows(x)]
        if self.parts > 1:
            size, kernel = (x.shape[1], *size[1:]), (1, *kernel[1:])
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
        width, dims = math.prod(kernel) * c, len(kernel)
        if kernel[-1] * c < 16 and self.parts == 1:
            # runs too short to copy one by one: copy along the rows of the image instead
            view = view.transpose((0, *range(2 + dims, 3 + 2 * dims), *range(1, 2 + dims)))
            return [self.copied(view).reshape((groups, 1, width, -1)).swapaxes(2, 3)]
        columns = self.copied(view)
        if self.parts == 1:
            return [columns.reshape((groups, 1, -1, width))]
        columns = columns.reshape((groups, count, size[0], -1, width))
        starts = [tap * windows.dilation[0] for tap in range(self.parts)]
        return [columns[:, :, i : i + lines.stop - lines.start].reshape((groups, count, -1, width)) for i in starts]

    def copied(self, view: Any) -> Any:
        """A contiguous copy."""
        columns = scratch(self.x, "columns", view.shape)
        columns[...] = view
        return columns
