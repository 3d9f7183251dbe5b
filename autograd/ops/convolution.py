"""Convolution of any number of dimensions, and its adjoints.

Three ops, closed under differentiation: `convolution` (input ∗ weight), `convolution_input` (its adjoint in the input, which
is the transposed convolution) and `convolution_weight` (its adjoint in the weight).  Their rules call each other.

Inside, the channels are last: (N, C, H, W) is laid out (N, H, W, C), the windows are one strided view of that, copied once
into rows (N·H′·W′, kh·kw·C), and one GEMM does the rest.  Results are views in PyTorch's order of dimensions.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..device import cupy
from ..fast import convolution as loops
from ..fast.linalg import column_sums
from ..op import function, op

__all__ = ["conv1d", "conv2d", "conv3d", "conv_tbc", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d"]

Ints = tuple[int, ...]
Pairs = tuple[tuple[int, int], ...]

# ---- arrays: channels last, windows, groups ----------------------------------------------------------------------


def strided(x: Any, shape: tuple, strides: tuple) -> Any:
    """A view of a contiguous array with other strides (in bytes)."""
    if isinstance(x, np.ndarray):
        return np.ndarray(shape, x.dtype, x, 0, strides)  # as_strided without its overhead
    return cupy().lib.stride_tricks.as_strided(x, shape, strides)


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


CHUNK = 1 << 18  # elements of the columns that are made at once: they stay in the cache, and need little memory


def window_view(x: Any, kernel: Ints, size: Ints, stride: Ints, dilation: Ints) -> Any:
    """The windows of a padded (N, *S, C) as a view (N, *size, *kernel, C)."""
    first, *steps, item = x.strides
    return strided(
        x,
        (x.shape[0], *size, *kernel, x.shape[-1]),
        (
            first,
            *(a * b for a, b in zip(steps, stride, strict=True)),
            *(a * b for a, b in zip(steps, dilation, strict=True)),
            item,
        ),
    )


def column_chunks(
    x: Any, kernel: Ints, size: Ints, stride: Ints, padding: Pairs, dilation: Ints
) -> Iterator[tuple[slice, Any]]:
    """The windows of (N, C, *S) as rows (·, kernel·C), some images at a time, with their place among all rows (N·size)."""
    x = channels_last(x, padding)
    n, c = x.shape[0], x.shape[-1]
    rows, width = math.prod(size), math.prod(kernel) * c
    if width == c and x.shape[1:-1] == size:
        yield slice(None), x.reshape((n * rows, c))
        return
    windows = window_view(x, kernel, size, stride, dilation)
    short = kernel[-1] * c < 16  # runs too short to copy one by one: copy along the rows of the image instead
    if short:
        dims = len(size)
        windows = windows.transpose((*range(1 + dims, 2 + 2 * dims), *range(1 + dims)))
    step = max(CHUNK // (rows * width), 1)
    buffer = np.empty_like(x, shape=(min(step, n) * rows * width,))
    for start in range(0, n, step):
        count = min(step, n - start)
        part = (
            windows[(Ellipsis, slice(start, start + count), *(slice(None),) * dims)]
            if short
            else (windows[start : start + count])
        )
        columns = buffer[: count * rows * width]
        columns.reshape(part.shape)[...] = part
        columns = columns.reshape((width, -1)).T if short else columns.reshape((-1, width))
        yield slice(start * rows, (start + count) * rows), columns


def grouped_columns(x: Any, kernel: Ints, size: Ints, stride: Ints, padding: Pairs, dilation: Ints, groups: int) -> Any:
    """The windows of (N, C, *S) as rows for each group: (groups, N·size, kernel·C/groups)."""
    x = channels_last(x, padding)
    c = x.shape[-1]
    windows = window_view(x, kernel, size, stride, dilation)
    windows = windows.reshape((*windows.shape[:-1], groups, c // groups))
    windows = windows.transpose((windows.ndim - 2, *range(windows.ndim - 2), windows.ndim - 1))
    return np.ascontiguousarray(windows, like=x).reshape((groups, -1, math.prod(kernel) * (c // groups)))


def correlate(x: Any, w: Any, size: Ints, stride: Ints, padding: Pairs, dilation: Ints, groups: int) -> Any:
    """Windows times kernels: rows (N·size, O), or (groups, N·size, O/groups)."""
    kernel = w.shape[2:]
    w = weight_columns(w, groups).swapaxes(-1, -2)
    if groups > 1:
        return grouped_columns(x, kernel, size, stride, padding, dilation, groups) @ w
    out = np.empty_like(x, shape=(x.shape[0] * math.prod(size), w.shape[1]), order="C")
    for rows, columns in column_chunks(x, kernel, size, stride, padding, dilation):
        np.matmul(columns, w, out=out[rows])
    return out


def weight_columns(w: Any, groups: int) -> Any:
    """(O, C/groups, *K) as (O, K·C), or (groups, O/groups, K·C/groups), to multiply `columns` with."""
    last = w.transpose((0, *range(2, w.ndim), 1))
    return last.reshape((w.shape[0], -1) if groups == 1 else (groups, w.shape[0] // groups, -1))


def grouped_rows(g: Any, groups: int) -> Any:
    """(N, O, *S) as (N·S, O), or (groups, N·S, O/groups)."""
    last = channels_last(g)
    if groups == 1:
        return last.reshape((-1, g.shape[1]))
    return np.ascontiguousarray(last.reshape((-1, groups, g.shape[1] // groups)).transpose((1, 0, 2)), like=g)


def from_rows(rows: Any, n: int, size: Ints) -> Any:
    """(N·S, O) or (groups, N·S, O/groups) as (N, O, *S)."""
    if rows.ndim == 3:
        rows = rows.transpose((1, 0, 2)).reshape((rows.shape[1], -1))
    return channels_first(rows.reshape((n, *size, rows.shape[-1])))


def tap_slices(kernel: Ints, size: Ints, stride: Ints, dilation: Ints) -> Any:
    """For each place in the kernel: its index, and which elements of the padded spatial dimensions it meets."""
    for tap in itertools.product(*map(range, kernel)):
        yield (
            tap,
            tuple(
                slice(t * d, t * d + s * (n - 1) + 1, s) for t, d, s, n in zip(tap, dilation, stride, size, strict=True)
            ),
        )


def image_chunks(x: Any) -> Iterator[slice]:
    """Some images of a batch at a time, as many as stay in the cache."""
    step = max((CHUNK >> 3) // max(math.prod(x.shape[1:]), 1), 1)
    return (slice(start, start + step) for start in range(0, x.shape[0], step))


def is_depthwise(w_shape: tuple, groups: int) -> bool:
    """One input and one output channel in each group: nothing to multiply by GEMM."""
    return groups > 1 and w_shape[0] == groups and w_shape[1] == 1


# ---- the three ops -----------------------------------------------------------------------------------------------


def _bias_gradient(g: Any) -> Any:
    """The sums over images and places, in the order in which they lie in memory."""
    if isinstance(g, np.ndarray) and not g.flags.c_contiguous:
        return column_sums(g.transpose((0, *range(2, g.ndim), 1)).reshape((-1, g.shape[1])))
    return g.sum(axis=(0, *range(2, g.ndim)))


@op(
    method=False,
    x=lambda g, weight, x_shape, stride, padding, dilation, groups: convolution_input(  # pyright: ignore[reportGeneralTypeIssues]
        g, weight, x_shape, stride, padding, dilation, groups
    ),
    weight=lambda g, x, weight_shape, stride, padding, dilation, groups: convolution_weight(
        x, g, weight_shape, stride, padding, dilation, groups
    ),
    bias=_bias_gradient,
)
def convolution(x, weight, bias, size, stride, padding, dilation, groups):
    """(N, C, *S) and (O, C/groups, *K) to (N, O, *size)."""
    if loops.ready(x, weight, x.shape[0] * math.prod(size) * weight.size):
        return loops.convolution(x, weight, bias, size, stride, padding, dilation, groups)
    kernel = weight.shape[2:]
    if is_depthwise(weight.shape, groups):
        padded = channels_last(x, padding)
        out = np.zeros_like(x, shape=(x.shape[0], *size, x.shape[1]), order="C")
        for images in image_chunks(out):
            for tap, where in tap_slices(kernel, size, stride, dilation):
                out[images] += padded[(images, *where)] * weight[(slice(None), 0, *tap)]
        if bias is not None:
            out += bias
        return channels_first(out)
    rows = correlate(x, weight, size, stride, padding, dilation, groups)
    if bias is not None:
        rows += bias if groups == 1 else bias.reshape((groups, 1, -1))
    return from_rows(rows, x.shape[0], size)


@op(
    method=False,
    g=lambda g, w, g_shape, stride, padding, dilation, groups: convolution(
        g, w, None, g_shape[2:], stride, padding, dilation, groups
    ),
    w=lambda g_, g, w_shape, stride, padding, dilation, groups: convolution_weight(
        g_, g, w_shape, stride, padding, dilation, groups
    ),
)
def convolution_input(g, w, shape, stride, padding, dilation, groups):
    """The adjoint of `convolution` in its input of that shape: (N, O, *size) to (N, C, *S)."""
    n, c, *sizes = shape
    kernel, size = w.shape[2:], g.shape[2:]
    if loops.ready(g, w, n * math.prod(size) * w.size):
        return loops.input_gradient(g, w, tuple(shape), stride, padding, dilation, groups)
    if not is_depthwise(w.shape, groups) and set(stride) == {1}:
        around = tuple(
            (d * (k - 1) - before, s - m + before)
            for d, k, (before, _), s, m in zip(dilation, kernel, padding, sizes, size, strict=True)
        )
        if c > 1 and min(map(min, around)) >= 0:  # convolve with the flipped kernel: no windows to add up
            flipped = w[(slice(None), slice(None), *(slice(None, None, -1),) * len(kernel))]
            if groups == 1:
                flipped = flipped.swapaxes(0, 1)
            else:
                split = flipped.reshape((groups, -1, *flipped.shape[1:])).swapaxes(1, 2)
                flipped = split.reshape((c, -1, *kernel))
            rows = correlate(g, flipped, tuple(sizes), stride, around, dilation, groups)
            return from_rows(rows, n, tuple(sizes))
    # Every element of g, times the kernel, is added to the window it came from.
    padded = tuple(
        max(a + s + b, d * (k - 1) + t * (m - 1) + 1)
        for (a, b), s, d, k, t, m in zip(padding, sizes, dilation, kernel, stride, size, strict=True)
    )
    out = np.zeros_like(g, shape=(n, *padded, c), order="C")
    if is_depthwise(w.shape, groups):
        last = channels_last(g)
        for images in image_chunks(last):
            for tap, where in tap_slices(kernel, size, stride, dilation):
                out[(images, *where)] += last[images] * w[(slice(None), 0, *tap)]
    else:
        columns, rows = weight_columns(w, groups), grouped_rows(g, groups)
        per = math.prod(size)
        step = n if groups > 1 else max(CHUNK // (per * columns.shape[-1]), 1)
        everywhere = (slice(None),) * (1 + len(size))
        for start in range(0, n, step):
            count = min(step, n - start)
            parts = rows[..., start * per : (start + count) * per, :] @ columns
            if groups > 1:
                parts = np.moveaxis(parts.reshape((groups, count, *size, *kernel, -1)), 0, -2)
            parts = parts.reshape((count, *size, *kernel, c))
            for tap, where in tap_slices(kernel, size, stride, dilation):
                out[(slice(start, start + count), *where)] += parts[(*everywhere, *tap)]
    inside = tuple(slice(a, a + s) for (a, _), s in zip(padding, sizes, strict=True))
    return channels_first(out[(slice(None), *inside)])


@op(
    method=False,
    x=lambda g_, g, x_shape, stride, padding, dilation, groups: convolution_input(  # pyright: ignore[reportGeneralTypeIssues]
        g, g_, x_shape, stride, padding, dilation, groups
    ),
    g=lambda g_, x, g_shape, stride, padding, dilation, groups: convolution(  # pyright: ignore[reportGeneralTypeIssues]
        x, g_, None, g_shape[2:], stride, padding, dilation, groups
    ),
)
def convolution_weight(x, g, shape, stride, padding, dilation, groups):
    """The adjoint of `convolution` in its weight of that shape: (N, C, *S) and (N, O, *size) to (O, C/groups, *K)."""
    kernel, size = tuple(shape[2:]), g.shape[2:]
    if loops.ready(x, g, x.shape[0] * math.prod(size) * math.prod(shape)):
        return loops.weight_gradient(x, g, tuple(shape), stride, padding, dilation, groups)
    if is_depthwise(shape, groups):
        padded, last = channels_last(x, padding), channels_last(g)
        out = np.zeros_like(x, shape=shape)
        ones = np.ones_like(last, shape=(math.prod(size),))
        for images in image_chunks(last):
            for tap, where in tap_slices(kernel, size, stride, dilation):
                product = (padded[(images, *where)] * last[images]).reshape((-1, ones.size, shape[0]))
                out[(slice(None), 0, *tap)] += (ones @ product).sum(0)
        return out
    rows = grouped_rows(g, groups)
    if groups > 1:
        out = grouped_columns(x, kernel, size, stride, padding, dilation, groups).swapaxes(-1, -2) @ rows
    else:
        out = np.zeros_like(x, shape=(math.prod(shape[1:]), shape[0]), order="C")
        for where, columns in column_chunks(x, kernel, size, stride, padding, dilation):
            out += columns.T @ rows[where]
    out = out.swapaxes(-1, -2).reshape((shape[0], *kernel, shape[1]))  # from (groups, K·C, O/groups)
    return channels_first(out)


# ---- what the user calls -----------------------------------------------------------------------------------------


def each(value: Any, count: int, what: str) -> Ints:
    """One int for all dimensions, or one for each."""
    if isinstance(value, (int, np.integer)):
        return (int(value),) * count
    values = tuple(int(v) for v in value)
    if len(values) == 1:
        return values * count
    if len(values) != count:
        raise RuntimeError(f"expected {what} to be a single integer value or a list of {count} values, got {value}")
    return values


def same_padding(kernel: Ints, stride: Ints, dilation: Ints) -> Pairs:
    """What makes the output as large as the input: where it is odd, one more at the end."""
    if any(s != 1 for s in stride):
        raise RuntimeError("padding='same' is not supported for strided convolutions")
    totals = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
    return tuple((t // 2, t - t // 2) for t in totals)


def check(name: str, x: Any, weight: Any, bias: Any, dims: int, channels: int, outputs: int, groups: int) -> None:
    """Raise unless shapes and types fit together."""
    if weight.ndim != dims + 2:
        raise RuntimeError(
            f"{name}: expected a weight with {dims + 2} dimensions, (out, in, *kernel), got shape {tuple(weight.shape)}"
        )
    if x.ndim not in (dims + 1, dims + 2):
        raise RuntimeError(
            f"Expected {dims + 1}D (unbatched) or {dims + 2}D (batched) input to {name}, but got input of size: {list(x.shape)}"
        )
    if groups < 1 or weight.shape[0] % groups:
        raise RuntimeError(
            f"{name}: Given groups={groups}, expected weight to be divisible by {groups} at dimension 0, but got weight of "
            f"size {list(weight.shape)}"
        )
    if x.shape[-dims - 1] != channels:
        raise RuntimeError(
            f"{name}: Given groups={groups}, weight of size {list(weight.shape)}, expected input{list(x.shape)} to have "
            f"{channels} channels, but got {x.shape[-dims - 1]} channels instead"
        )
    if bias is not None and tuple(bias.shape) != (outputs,):
        raise RuntimeError(
            f"{name}: expected bias to be 1-dimensional with {outputs} elements, but got bias of size {list(bias.shape)}"
        )
    if x.dtype != weight.dtype or (bias is not None and bias.dtype != x.dtype):
        raise RuntimeError(
            f"{name}: expected input, weight and bias of one dtype, got {x.dtype}, {weight.dtype}"
            + ("" if bias is None else f" and {bias.dtype}")
            + "; convert with .to(dtype)"
        )


def _conv(dims: int, name: str) -> Any:
    def conv(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
        check(
            name, input, weight, bias, dims, weight.shape[1] * groups if weight.ndim > 1 else 0, weight.shape[0], groups
        )
        if input.ndim == dims + 1:
            return conv(input[None], weight, bias, stride, padding, dilation, groups)[0]
        kernel = tuple(weight.shape[2:])
        stride, dilation = each(stride, dims, "stride"), each(dilation, dims, "dilation")
        if min(stride) < 1 or min(dilation) < 1:
            raise RuntimeError(f"{name}: non-positive stride or dilation is not supported, got {stride} and {dilation}")
        if isinstance(padding, str):
            if padding not in ("same", "valid"):
                raise RuntimeError(f"Invalid padding string: {padding!r}; use 'same', 'valid' or numbers")
            pairs = same_padding(kernel, stride, dilation) if padding == "same" else ((0, 0),) * dims
        else:
            pairs = tuple((p, p) for p in each(padding, dims, "padding"))
            if any(p < 0 for p, _ in pairs):
                raise RuntimeError("negative padding is not supported")
        sizes = [s + a + b for s, (a, b) in zip(input.shape[2:], pairs, strict=True)]
        spans = [d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)]
        if any(s < span for s, span in zip(sizes, spans, strict=True)):
            raise RuntimeError(
                f"Calculated padded input size per channel: ({' x '.join(map(str, sizes))}). Kernel size: "
                f"({' x '.join(map(str, spans))}). Kernel size can't be greater than actual input size"
            )
        size = tuple((s - span) // t + 1 for s, span, t in zip(sizes, spans, stride, strict=True))
        return convolution(input, weight, bias, size, stride, pairs, dilation, groups)

    conv.__name__ = conv.__qualname__ = name
    conv.__doc__ = f"""Convolution (cross-correlation) over {dims} spatial dimension(s).

    Args:
        input: (N, C, {"*" * dims}) or without N: a batch of C-channel signals with {dims} spatial dimension(s).
        weight: (O, C / groups, *kernel).
        bias: (O,), or None.
        stride, dilation: an int, or one for each dimension.
        padding: zeros on both sides: an int, one for each dimension, "valid" (none) or "same" (the output as large as the
            input).
        groups: how many groups of channels have a convolution of their own.

    Returns:
        (N, O, *size), or without N.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.{name}.html
    """
    return function(method=False)(conv)


def _conv_transpose(dims: int, name: str) -> Any:
    def conv(input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
        outputs = weight.shape[1] * groups if weight.ndim > 1 else 0
        check(name, input, weight, bias, dims, weight.shape[0], outputs, groups)
        if input.ndim == dims + 1:
            return conv(input[None], weight, bias, stride, padding, output_padding, groups, dilation)[0]
        stride, dilation = each(stride, dims, "stride"), each(dilation, dims, "dilation")
        padding, extra = each(padding, dims, "padding"), each(output_padding, dims, "output_padding")
        if any(e < 0 or e >= max(s, d) for e, s, d in zip(extra, stride, dilation, strict=True)):
            raise RuntimeError(
                "output padding must be smaller than either stride or dilation, but got "
                f"output_padding {extra}, stride {stride}, dilation {dilation}"
            )
        size = tuple(
            (n - 1) * s - 2 * p + d * (k - 1) + e + 1
            for n, s, p, d, k, e in zip(
                input.shape[2:], stride, padding, dilation, weight.shape[2:], extra, strict=True
            )
        )
        if min(size) < 1:
            raise RuntimeError(
                f"Given input size per channel: {tuple(input.shape[2:])}. Calculated output size per channel: {size}. "
                "Output size is too small"
            )
        pairs = tuple((p, p) for p in padding)
        out = convolution_input(input, weight, (input.shape[0], outputs, *size), stride, pairs, dilation, groups)
        return out if bias is None else out + bias.reshape(-1, *(1,) * dims)

    conv.__name__ = conv.__qualname__ = name
    conv.__doc__ = f"""Transposed convolution over {dims} spatial dimension(s): the adjoint of `conv{dims}d`.

    Args:
        input: (N, C, *size), or without N.
        weight: (C, O / groups, *kernel).
        bias: (O,), or None.
        stride, padding, dilation: of the convolution this is the adjoint of.
        output_padding: added to one side of the output.
        groups: how many groups of channels have a convolution of their own.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.{name}.html
    """
    return function(method=False)(conv)


conv1d, conv2d, conv3d = _conv(1, "conv1d"), _conv(2, "conv2d"), _conv(3, "conv3d")
conv_transpose1d = _conv_transpose(1, "conv_transpose1d")
conv_transpose2d = _conv_transpose(2, "conv_transpose2d")
conv_transpose3d = _conv_transpose(3, "conv_transpose3d")


@function(method=False)
def conv_tbc(input, weight, bias, pad=0):
    """Convolution over time with dimensions (time, batch, channels); weight: (kernel, in, out)."""
    out = conv1d(input.permute(1, 2, 0), weight.permute(2, 1, 0), bias, padding=pad)
    return out.permute(2, 0, 1)
