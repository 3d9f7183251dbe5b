"""Pooling: the maximum, average or power mean of windows.

Maxima and sums go one axis after the other, over strided slices of some images at a time, never window by window.
Where the place of the maximum is asked for, places are found first (`argmax`), and the values are picked there.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..dtypes import expect_real
from ..fast import pooling as loops
from ..fast.threads import each_job
from ..graph import changed_since, clock
from ..op import function, op
from ..tensor import Tensor, unwrap, wrap
from . import places
from .bands import mean_matrix, mix
from .convolution import each
from .places import steps
from .reduction import added
from .windows import Ints, Windows, batches

__all__ = [
    "adaptive_avg_pool1d", "avg_pool1d", "max_pool1d", "max_pool1d_with_indices", "max_pool2d", "max_pool3d",
]  # fmt: skip


def output_size(name: str, sizes: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints, ceil: bool) -> Ints:
    """How many windows fit in each dimension; with `ceil` also one that sticks out, if it starts inside."""
    if min(stride) < 1 or min(kernel) < 1 or min(dilation) < 1:
        raise RuntimeError(
            f"{name}: kernel_size, stride and dilation must be greater than zero, got {kernel}, {stride} and {dilation}"
        )
    out = []
    for s, k, t, p, d in zip(sizes, kernel, stride, padding, dilation, strict=True):
        if p < 0 or p > (d * (k - 1) + 1) // 2:
            raise RuntimeError(
                f"pad should be at most half of effective kernel size, but got pad={p}, kernel_size={k} and dilation={d}"
            )
        span = s + 2 * p - d * (k - 1) - 1
        n = (span + (t - 1 if ceil else 0)) // t + 1
        if ceil and (n - 1) * t >= s + p:
            n -= 1
        out.append(n)
    if min(out) < 1:
        raise RuntimeError(f"{name}: Given input size {sizes}, the calculated output size {tuple(out)} is too small")
    return tuple(out)


def padded(x: Any, sizes: Ints, before: Ints, value: float) -> Any:
    """(N, C, *S) with `value` around it, `before` elements in front, up to `sizes`."""
    if tuple(x.shape[2:]) == sizes:
        return x
    out = np.empty_like(x, shape=(*x.shape[:2], *sizes))  # keeps the order in memory
    out[...] = value
    inside = tuple(slice(b, b + s) for b, s in zip(before, x.shape[2:], strict=True))
    out[(slice(None), slice(None), *inside)] = x
    return out


def reach(x_shape: tuple, size: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints) -> Ints:
    """The padded sizes that the windows need; elements behind the last window are left in."""
    return tuple(
        max(s + p, (n - 1) * t + d * (k - 1) + 1)
        for s, n, k, t, p, d in zip(x_shape[2:], size, kernel, stride, padding, dilation, strict=True)
    )


def along(axis: int, tap: int, dilation: int, stride: int, count: int) -> tuple:
    """The index of element `tap` of all windows along an axis."""
    start = tap * dilation
    return (*(slice(None),) * axis, slice(start, start + stride * (count - 1) + 1, stride))


# ---- maximum -----------------------------------------------------------------------------------------------------


def _max_pool_gradient(g, x, size, kernel, stride, padding, dilation, memo):
    (kept,) = memo
    if not callable(kept) and isinstance(g, np.ndarray):
        return loops.max_pool_gradient(g, kept, x.shape)
    out = kept() if callable(kept) else None
    if out is None:
        out = max_pool(unwrap(x), size, kernel, stride, padding, dilation, [])
    return max_pool_gradient(g, x, out, size, kernel, stride, padding, dilation)


@op(method=False, x=_max_pool_gradient)
def max_pool(x, size, kernel, stride, padding, dilation, memo):
    """The maximum of each window.

    It leaves in the list `memo` what its gradient needs: the places of the maxima, found by compiled loops, or the maxima
    unless they are changed: programs may do that, ``relu_(max_pool2d(x, 2))``.
    """
    expect_real("max_pool", x)
    if loops.ready(x):
        out, found = loops.max_pool(x, size, kernel, stride, padding, dilation)
        memo.append(found)
        return out
    lowest = -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min
    sizes = reach(x.shape, size, kernel, stride, padding, dilation)
    out = np.empty_like(x, shape=(*x.shape[:2], *size))  # keeps the order in memory

    def work(images: slice) -> None:
        part = padded(x[images], sizes, padding, lowest)
        for axis, (n, k, t, d) in enumerate(zip(size, kernel, stride, dilation, strict=True), 2):
            best = part[along(axis, 0, d, t, n)]
            for tap in range(1, k):
                best = np.maximum(best, part[along(axis, tap, d, t, n)], out=best if tap > 1 else None)
            part = best
        out[images] = part

    each_job(work, batches(x.shape[0], math.prod(x.shape[1:])), x)
    now = clock()
    memo.append(lambda: None if changed_since(out, now) else out)
    return out


@op(
    method=False,
    g=lambda g, x, out, size, kernel, stride, padding, dilation: max_pool_gather(
        g, x, out, size, kernel, stride, padding, dilation
    ),
)
def max_pool_gradient(g, x, out, size, kernel, stride, padding, dilation):
    """`g` at the first maximum of each window (its last NaN), zeros elsewhere."""
    shape = x.shape
    if not np.isfinite(out).all():  # NaN equals nothing, -inf equals the padding
        indices = argmax(x, window_positions(shape[2:], size, kernel, stride, padding, dilation))
        n, c = shape[:2]
        return places.place(
            g.reshape((n, c, -1)), indices.reshape((n, c, -1)), (n, c, math.prod(shape[2:])), 2, True
        ).reshape(shape)
    windows = Windows(shape[2:], size, kernel, stride, tuple((p, p) for p in padding), dilation, 1)
    tiled = all(s == n * t and t == k for s, n, t, k in zip(shape[2:], size, stride, kernel, strict=True))
    total = np.empty_like(x)

    def work(images: slice) -> None:
        given, best, found = x[images], out[images], total[images]
        left = np.empty_like(best)
        left[...] = g[images]
        if not tiled:
            found[...] = 0
        for _, place, inside in windows.taps():
            where, elements = (..., *place), (..., *inside)
            hits = (given[elements] == best[where]).astype(left.dtype)
            hits *= left[where]
            if tiled:
                found[elements] = hits
            else:
                found[elements] += hits
            left[where] -= hits  # what has found its place is gone: the next maximum of the same window gets nothing

    each_job(work, batches(shape[0], math.prod(shape[1:])), x)
    return total


@op(
    method=False,
    v=lambda g, x, out, size, kernel, stride, padding, dilation: max_pool_gradient(  # pyright: ignore[reportGeneralTypeIssues]
        g, x, out, size, kernel, stride, padding, dilation
    ),
)
def max_pool_gather(v, x, out, size, kernel, stride, padding, dilation):
    """The elements of `v` where `x` has the first maximum of each window: the adjoint of `max_pool_gradient`."""
    if not np.isfinite(out).all():
        return pick(v, argmax(x, window_positions(x.shape[2:], size, kernel, stride, padding, dilation)))
    windows = Windows(x.shape[2:], size, kernel, stride, tuple((p, p) for p in padding), dilation, 1)
    found, free = np.zeros_like(out), np.ones_like(out)
    for _, place, inside in windows.taps():
        where, elements = (..., *place), (..., *inside)
        hit = free[where] * (x[elements] == out[where])
        found[where] += hit * v[elements]
        free[where] -= hit
    return found


# ---- the places of maxima ----------------------------------------------------------------------------------------


def pick(x: Any, indices: Any) -> Any:
    """The elements of (N, C, *S) at flat spatial indices, an array (N, C, *O)."""
    n, c = x.shape[:2]
    return places.pick(x.reshape((n, c, -1)), indices.reshape((n, c, -1)), 2, True).reshape(indices.shape)


def picked(x: Any, indices: Any) -> tuple:
    """The values at those places, and the places."""
    return pick(x, indices), wrap(indices) if isinstance(x, Tensor) else indices


def argmax(x: Any, positions: list) -> Any:
    """The flat index of the first maximum (the last NaN) in each window: per dimension, `positions` (size, kernel), −1 for
    none."""
    expect_real("max_pool", x)
    sizes, positions = x.shape[2:], [np.asarray(p, like=x) for p in positions]
    grid = np.ix_(*(p.reshape(-1) for p in positions))
    values = x[(slice(None), slice(None), *grid)]
    outside: Any = False
    for dim, p in enumerate(positions):
        outside = outside | (p < 0).reshape((1,) * (2 * dim) + p.shape + (1,) * (2 * (len(sizes) - dim - 1)))
    values = values.reshape((*x.shape[:2], *(n for p in positions for n in p.shape)))
    if outside.any():
        values = np.where(outside, -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min, values)
    dims = len(sizes)
    order = (*range(2, 2 + 2 * dims, 2), *range(3, 3 + 2 * dims, 2))
    values = values.transpose((0, 1, *order))
    kernel = values.shape[2 + dims :]
    values = values.reshape((*values.shape[: 2 + dims], -1))
    which = np.argmax(values, axis=-1)
    if x.dtype.kind == "f" and not np.isfinite(x).all():  # -inf may lie outside, and argmax takes the first NaN
        if outside is not False:
            inside = np.broadcast_to(~outside, tuple(n for p in positions for n in p.shape))
            inside = inside.transpose(tuple(i - 2 for i in order)).reshape(values.shape[2:])
            best = np.max(values, axis=-1, keepdims=True)
            which = np.where(np.isnan(best[..., 0]), which, np.argmax((values == best) & inside, axis=-1))
        nan = np.isnan(values)
        which = np.where(nan.any(axis=-1), values.shape[-1] - 1 - np.argmax(nan[..., ::-1], axis=-1), which)
    flat = 0
    for dim, (p, offset) in enumerate(zip(positions, np.unravel_index(which, kernel), strict=True)):
        row = steps(p.shape[0], p).reshape((-1, *(1,) * (dims - dim - 1)))
        flat = flat * sizes[dim] + p[row, offset]
    return flat


def window_positions(sizes: Ints, size: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints) -> list:
    """Per dimension, which elements each window holds; −1 in the padding."""
    out = []
    for s, n, k, t, p, d in zip(sizes, size, kernel, stride, padding, dilation, strict=True):
        at = np.arange(n)[:, None] * t - p + np.arange(k) * d
        out.append(np.where((at < 0) | (at >= s), -1, at))
    return out


def adaptive_positions(sizes: Ints, size: Ints) -> list:
    """Per dimension, which elements each of `size` windows of about equal length holds; −1 behind its end."""
    out = []
    for s, n in zip(sizes, size, strict=True):
        start, end = np.arange(n) * s // n, -((-np.arange(1, n + 1) * s) // n)
        at = start[:, None] + np.arange(max(int((end - start).max(initial=1)), 1))
        out.append(np.where(at < end[:, None], at, -1))
    return out


FEW = 64  # windows: so many are searched one by one


def adaptive_argmax(x: Any, size: Ints) -> Any:
    """The flat index of the maximum (the last NaN) in each of `size` windows of about equal length."""
    expect_real("adaptive_max_pool", x)
    sizes = x.shape[2:]
    if math.prod(size) > FEW:
        return argmax(x, adaptive_positions(sizes, size))
    out = np.empty_like(x, np.int64, shape=(*x.shape[:2], *size), order="C")

    def work(images: slice) -> None:
        for cell in np.ndindex(*size):
            start = [i * s // n for i, s, n in zip(cell, sizes, size, strict=True)]
            stop = [-(-(i + 1) * s // n) for i, s, n in zip(cell, sizes, size, strict=True)]
            window = x[(images, ..., *map(slice, start, stop))]
            places = np.unravel_index(_last_argmax(window.reshape((*window.shape[:2], -1))), window.shape[2:])
            flat: Any = 0
            for first, place, s in zip(start, places, sizes, strict=True):
                flat = flat * s + (first + place)
            out[(images, slice(None), *cell)] = flat

    each_job(work, batches(len(x), math.prod(x.shape[1:])), x)
    return out


def _last_argmax(values: Any) -> Any:
    """The index of the maximum along the last dimension: the first of equal ones, the last NaN."""
    which = np.argmax(values, axis=-1)
    if values.dtype.kind == "f":
        nan = np.isnan(np.take_along_axis(values, which[..., None], -1)[..., 0])
        if nan.any():
            last = values.shape[-1] - 1 - np.argmax(np.isnan(values)[..., ::-1], axis=-1)
            which = np.where(nan, last, which)
    return which


def batched(body: Any, input: Any, dims: int, name: str) -> Any:
    """Call `body` on (N, C, *S), whether there is an N or not."""
    if input.ndim not in (dims + 1, dims + 2):
        raise RuntimeError(
            f"{name}: Expected {dims + 1}D or {dims + 2}D (batch mode) tensor, but got shape {tuple(input.shape)}"
        )
    if any(n == 0 for n in input.shape[1:]) or (input.ndim == dims + 1 and 0 in input.shape):
        raise RuntimeError(
            f"{name}: expected a non-empty input (only the batch may be empty), got shape {tuple(input.shape)}"
        )
    if input.ndim == dims + 2:
        return body(input)
    out = body(input[None])
    return tuple(part[0] for part in out) if isinstance(out, tuple) else out[0]


def _max_pool(dims: int) -> tuple:
    name = f"max_pool{dims}d"

    def with_indices(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
        kernel, steps, pad, gaps = _windows(dims, kernel_size, stride, padding, dilation)

        def body(x):
            size = output_size(name, x.shape[2:], kernel, steps, pad, gaps, ceil_mode)
            return picked(x, argmax(unwrap(x), window_positions(x.shape[2:], size, kernel, steps, pad, gaps)))

        return batched(body, input, dims, name)

    def pool(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
        if return_indices:
            return with_indices(input, kernel_size, stride, padding, dilation, ceil_mode)
        kernel, steps, pad, gaps = _windows(dims, kernel_size, stride, padding, dilation)

        def body(x):
            size = output_size(name, x.shape[2:], kernel, steps, pad, gaps, ceil_mode)
            return max_pool(x, size, kernel, steps, pad, gaps, [])

        return batched(body, input, dims, name)

    for f, own_name in ((pool, name), (with_indices, f"{name}_with_indices")):
        f.__name__ = f.__qualname__ = own_name
        f.__doc__ = f"""The maximum of each window of (N, C, {"*" * dims}), or without N.

    Args:
        kernel_size, stride, padding, dilation: an int, or one for each dimension; the stride is the kernel's size unless given.
        ceil_mode: also windows that stick out at the end.
        return_indices: also return the flat index of each maximum, for `max_unpool{dims}d`.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.{name}.html
    """
    return function(method=False)(pool), function(method=False)(with_indices)


def _windows(dims: int, kernel: Any, stride: Any, padding: Any, dilation: Any) -> tuple:
    kernel = each(kernel, dims, "kernel_size")
    stride = kernel if stride is None or stride == () or stride == [] else each(stride, dims, "stride")
    return kernel, stride, each(padding, dims, "padding"), each(dilation, dims, "dilation")


max_pool1d, max_pool1d_with_indices = _max_pool(1)
max_pool2d, max_pool2d_with_indices = _max_pool(2)
max_pool3d, max_pool3d_with_indices = _max_pool(3)


def output_sizes(wanted: Any, sizes: Ints, dims: int) -> Ints:
    """An adaptive pool's output size: None keeps the input's."""
    wanted = (wanted,) * dims if wanted is None or isinstance(wanted, int) else tuple(wanted)
    if len(wanted) == 1:
        wanted *= dims
    if len(wanted) != dims:
        raise RuntimeError(f"expected an output_size of {dims} numbers, got {wanted}")
    return tuple(int(s if n is None else n) for n, s in zip(wanted, sizes, strict=True))


def _adaptive_max(dims: int) -> tuple:
    name = f"adaptive_max_pool{dims}d"

    def with_indices(input, output_size, return_indices=False):
        def body(x):
            return picked(x, adaptive_argmax(unwrap(x), output_sizes(output_size, x.shape[2:], dims)))

        return batched(body, input, dims, name)

    def pool(input, output_size, return_indices=False):
        values, indices = with_indices(input, output_size)
        return (values, indices) if return_indices else values

    for f, own_name in ((pool, name), (with_indices, f"{name}_with_indices")):
        f.__name__ = f.__qualname__ = own_name
        f.__doc__ = f"""The maxima of `output_size` windows of about equal length per dimension of (N, C, {"*" * dims}).

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.{name}.html
    """
    return function(method=False)(pool), function(method=False)(with_indices)


adaptive_max_pool1d, adaptive_max_pool1d_with_indices = _adaptive_max(1)
adaptive_max_pool2d, adaptive_max_pool2d_with_indices = _adaptive_max(2)
adaptive_max_pool3d, adaptive_max_pool3d_with_indices = _adaptive_max(3)


# ---- average -----------------------------------------------------------------------------------------------------


@op(
    method=False,
    x=lambda g, x_shape, scale, kernel, stride, padding: average_adjoint(g, scale, x_shape, kernel, stride, padding),  # pyright: ignore[reportGeneralTypeIssues]
)
def average(x, scale, size, kernel, stride, padding):
    """The sum of each window, times `scale` (a number, or one for each window)."""
    if covered(x.shape[2:], size, kernel):
        total = added(x, tuple(range(2, x.ndim)), True)
        return scaled(total, scale, x.dtype)
    sizes = reach(x.shape, size, kernel, stride, padding, (1,) * len(size))
    out = np.empty_like(x, shape=(*x.shape[:2], *size))  # keeps the order in memory

    def work(images: slice) -> None:
        part = padded(x[images], sizes, padding, 0)
        for axis, (n, k, t) in enumerate(zip(size, kernel, stride, strict=True), 2):
            total = part[along(axis, 0, 1, t, n)]
            for tap in range(1, k):
                total = np.add(total, part[along(axis, tap, 1, t, n)], out=total if tap > 1 else None)
            part = total
        out[images] = scaled(part, scale, x.dtype)

    each_job(work, batches(len(x), math.prod(x.shape[1:])), x)
    return out


def covered(sizes: Ints, size: Ints, kernel: Ints) -> bool:
    """Whether there is one window, on everything."""
    return set(size) == {1} and tuple(kernel) == tuple(sizes)


def scaled(total: Any, scale: Any, dtype: Any) -> Any:
    """`total` times `scale`: PyTorch divides whole numbers towards zero."""
    return np.trunc(total / np.rint(1 / scale)).astype(dtype) if dtype.kind in "iu" else total * scale


@op(
    method=False,
    g=lambda g, g_shape, scale, kernel, stride, padding: average(g, scale, g_shape[2:], kernel, stride, padding),
)
def average_adjoint(g, scale, shape, kernel, stride, padding):
    """Each element of `g`, times `scale`, added to all elements of its window."""
    size = g.shape[2:]
    if covered(shape[2:], size, kernel):
        return np.broadcast_to(g * scale, shape)
    sizes = reach(shape, size, kernel, stride, padding, (1,) * len(size))
    inside = tuple(slice(p, p + s) for p, s in zip(padding, shape[2:], strict=True))
    out = np.empty_like(g, shape=shape)

    def work(images: slice) -> None:
        part = g[images] * scale
        for axis, (n, k, t, s) in enumerate(zip(size, kernel, stride, sizes, strict=True), 2):
            total = np.empty_like(part, shape=(*part.shape[:axis], s, *part.shape[axis + 1 :]))
            if k == t and s == n * k:
                for tap in range(k):
                    total[along(axis, tap, 1, t, n)] = part
            else:
                total[...] = 0
                for tap in range(k):
                    total[along(axis, tap, 1, t, n)] += part
            part = total
        out[images] = part[(slice(None), slice(None), *inside)]

    each_job(work, batches(len(g), math.prod(shape[1:])), g)
    return out


def window_scale(x: Any, size: Ints, kernel: Ints, stride: Ints, padding: Ints, include: bool) -> Any:
    """1 / the number of elements in each window: a number where it is the same for all."""
    counts = []
    for s, n, k, t, p in zip(x.shape[2:], size, kernel, stride, padding, strict=True):
        start = np.arange(n) * t - p
        end = np.minimum(start + k, s + p)
        counts.append(end - start if include else np.minimum(end, s) - np.maximum(start, 0))
    if all((c == c[0]).all() for c in counts):
        return 1 / math.prod(int(c[0]) for c in counts)
    total = np.ones((), np.float64)
    for dim, c in enumerate(counts):
        total = total * c.reshape((-1, *(1,) * (len(counts) - dim - 1)))
    like = unwrap(x)
    kind = like.dtype if like.dtype.kind == "f" else np.dtype(float)
    return np.asarray(1 / total, kind, like=like)


def _avg_pool(dims: int) -> Any:
    name = f"avg_pool{dims}d"

    def pool(
        input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True, divisor_override=None
    ):
        kernel, steps, pad, ones = _windows(dims, kernel_size, stride, padding, 1)
        if divisor_override == 0:
            raise RuntimeError("divisor must be not zero")

        def body(x):
            size = output_size(name, x.shape[2:], kernel, steps, pad, ones, ceil_mode)
            if divisor_override is not None:
                scale = 1 / divisor_override
            else:
                scale = window_scale(x, size, kernel, steps, pad, count_include_pad)
            return average(x, scale, size, kernel, steps, pad)

        return batched(body, input, dims, name)

    pool.__name__ = pool.__qualname__ = name
    pool.__doc__ = f"""The mean of each window of (N, C, {"*" * dims}), or without N.

    Args:
        kernel_size, stride, padding: an int, or one for each dimension; the stride is the kernel's size unless given.
        ceil_mode: also windows that stick out at the end.
        count_include_pad: divide by the number of elements with the zeros of the padding.
        divisor_override: divide by this instead.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.{name}.html
    """
    return function(method=False)(pool)


avg_pool1d, avg_pool2d, avg_pool3d = _avg_pool(1), _avg_pool(2), _avg_pool(3)


def _adaptive_avg(dims: int) -> Any:
    name = f"adaptive_avg_pool{dims}d"

    def pool(input, output_size):
        def body(x):
            sizes = tuple(x.shape[2:])
            size = output_sizes(output_size, sizes, dims)
            if all(n and s % n == 0 for s, n in zip(sizes, size, strict=True)):
                kernel = tuple(s // n for s, n in zip(sizes, size, strict=True))
                return average(x, 1 / math.prod(kernel), size, kernel, kernel, (0,) * dims)
            for axis, (s, n) in enumerate(zip(sizes, size, strict=True), 2):
                x = mix(x, mean_matrix(s, n, x.dtype), axis)
            return x

        return batched(body, input, dims, name)

    pool.__name__ = pool.__qualname__ = name
    pool.__doc__ = f"""The means of `output_size` windows of about equal length per dimension of (N, C, {"*" * dims}).

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.{name}.html
    """
    return function(method=False)(pool)


adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d = _adaptive_avg(1), _adaptive_avg(2), _adaptive_avg(3)
