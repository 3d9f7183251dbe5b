"""Convolution of any number of dimensions, and its adjoints.

Three ops, closed under differentiation: `convolution` (input ∗ weight), `convolution_input` (its adjoint in the input, which
is the transposed convolution) and `convolution_weight` (its adjoint in the weight).  Their rules call each other.

Inside, the channels are last: each thread takes some images, lays their windows out as rows (`windows`), and multiplies these
with the weight while they are in its cache.  Results are views in PyTorch's order of dimensions.
"""

from __future__ import annotations

import itertools
import math
import operator
from typing import Any

import numpy as np

from ..fast import convolution as loops
from ..fast.linalg import column_sums, matmul
from ..fast.threads import each_job
from ..memory import at_a_line, copied_to_a_line
from ..op import function, op
from . import depthwise
from .windows import (
    Columns,
    Ints,
    Pairs,
    Windows,
    batches,
    channels_first,
    channels_last,
    product_sum,
    summed,
)

__all__ = ["conv1d", "conv2d", "conv3d", "conv_tbc", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d"]

# ---- products ----------------------------------------------------------------------------------------------------


def weight_matrix(w: Any, groups: int) -> Any:
    """(O, C/groups, *K) as (groups, K·C/groups, O/groups), to multiply columns with."""
    w = w.reshape((groups, -1, *w.shape[1:]))
    return copied_to_a_line(w.transpose((0, *range(3, w.ndim), 2, 1))).reshape((groups, -1, w.shape[1]))


def flipped_matrix(w: Any, groups: int) -> Any:
    """The same for the way back: (groups, K·O/groups, C/groups), K in reverse."""
    w = w.reshape((groups, -1, *w.shape[1:]))[(Ellipsis, *(slice(None, None, -1),) * (w.ndim - 2))]
    return copied_to_a_line(w.transpose((0, *range(3, w.ndim), 1, 2))).reshape((groups, -1, w.shape[2]))


def correlate(x: Any, matrix: Any, bias: Any, windows: Windows) -> Any:
    """The windows of (N, C, *S) times a matrix for each group, plus the bias: (N, O, *size)."""
    outputs = matrix.shape[0] * matrix.shape[2]
    out = at_a_line(x, (x.shape[0], *windows.size, outputs))
    columns = Columns(windows, x, outputs)

    def work(chunk: tuple) -> None:
        columns.multiply(columns(*chunk), matrix, out[chunk])
        if bias is not None:
            repeats = 1
            while out[chunk].size % (2 * repeats * outputs) == 0 and repeats * outputs < 512:
                repeats *= 2  # longer rows, for NumPy's inner loop
            rows = out[chunk].reshape((-1, repeats * outputs))
            rows += np.concatenate((bias,) * repeats)

    each_job(work, windows.chunks(len(x), x.shape[1], outputs), x)
    return channels_first(out)


def input_gradient(g: Any, w: Any, windows: Windows) -> Any:
    """Every element of (N, O, *size) times the kernel, added up in the window it came from: (N, C, *S)."""
    back = windows.way_back() if w.shape[1] * windows.groups > 1 else None
    if back is not None:
        return correlate(g, flipped_matrix(w, windows.groups), None, back)
    if max(windows.stride) > 1 and set(windows.dilation) == {1}:
        return by_phases(g, w, windows)
    return scatter(g, weight_matrix(w, windows.groups).swapaxes(-1, -2), windows)


def by_phases(g: Any, w: Any, windows: Windows) -> Any:
    """The same where there is a stride: elements that lie a stride apart meet the same taps of the kernel, and no others."""
    out = at_a_line(g, (g.shape[0], *windows.sizes, w.shape[1] * windows.groups))
    stride, jobs = windows.stride, []
    for phase in itertools.product(*map(range, stride)):
        places = [(r + before, t) for r, (before, _), t in zip(phase, windows.padding, stride, strict=True)]
        part = out[(slice(None), *(slice(r, None, t) for r, t in zip(phase, stride, strict=True)))]
        jobs.append((part, w[(Ellipsis, *(slice(at % t, None, t) for at, t in places))], places))

    def work(job: tuple) -> None:
        part, taps, places = job
        if 0 in taps.shape:
            part[...] = 0
        elif part.size:
            around = tuple((at // t, 0) for at, t in places)
            kernel, ones = taps.shape[2:], (1,) * len(stride)
            apart = windows._replace(sizes=part.shape[1:-1], kernel=kernel, stride=ones, padding=around)
            channels_first(part)[...] = input_gradient(g, taps, apart)

    each_job(work, sorted(jobs, key=lambda job: -job[1].size), g)
    return channels_first(out)


def scatter(g: Any, matrix: Any, windows: Windows) -> Any:
    """Every element of (N, O, *size) times the kernel, added to the window it came from: (N, C, *S)."""
    groups, kernel = windows.groups, windows.kernel
    width = matrix.shape[2] // math.prod(kernel)
    out = at_a_line(g, (g.shape[0], *windows.sizes, groups, width))

    def work(images: slice) -> None:
        total, rows = out[images], channels_last(g[images]).reshape((-1, groups, matrix.shape[1]))
        total[...] = 0
        products = matmul(rows.swapaxes(0, 1), matrix).reshape((groups, len(total), *windows.size, *kernel, width))
        for tap, where, elements in windows.taps():
            total[(slice(None), *elements)] += np.moveaxis(products[(slice(None), slice(None), *where, *tap)], 0, -2)

    each_job(work, batches(g.shape[0], math.prod(windows.size) * groups * matrix.shape[2]), g)
    return channels_first(out.reshape((*out.shape[:-2], groups * width)))


def weight_sums(x: Any, g: Any, windows: Windows) -> Any:
    """The windows of (N, C, *S), transposed, times (N, O, *size): (groups, K·C/groups, O/groups)."""
    columns, groups = Columns(windows, x, g.shape[1]), windows.groups
    width = math.prod(windows.kernel) * x.shape[1] // groups

    def add(total: Any, chunk: tuple) -> None:
        images, lines = chunk
        rows = columns.rows(channels_last(g[images, :, lines]))
        for part, sums in zip(columns(*chunk), total, strict=True):
            sums += product_sum(part, rows)

    shape = (columns.parts, groups, width // columns.parts, g.shape[1] // groups)
    total = summed(add, x, windows.chunks(len(x), x.shape[1], g.shape[1]), shape)
    return total.swapaxes(0, 1).reshape((groups, width, -1))


def both_gradients(x: Any, g: Any, w: Any, back: Windows) -> tuple:
    """The gradients of input and weight from the windows of g, which are laid out once (see `Windows.way_back`)."""
    matrix, groups, c = flipped_matrix(w, back.groups), back.groups, x.shape[1]
    columns, out = Columns(back, g, c), at_a_line(g, (len(x), *back.size, c))

    def work(total: Any, chunk: tuple) -> None:
        images, lines = chunk
        these, rows = columns(*chunk), columns.rows(channels_last(x[images, :, lines]))
        columns.multiply(these, matrix, out[chunk])
        for part, sums in zip(these, total, strict=True):
            sums += product_sum(rows, part)

    shape = (columns.parts, groups, c // groups, matrix.shape[1] // columns.parts)
    gw = summed(work, g, back.chunks(len(g), g.shape[1], c), shape)
    # (parts, groups, C/groups, K·O/groups/parts), K in reverse, to (O, C/groups, *K)
    gw = gw.transpose((1, 2, 0, 3)).reshape((groups, c // groups, *back.kernel, -1))
    gw = gw[(slice(None), slice(None), *(slice(None, None, -1),) * len(back.kernel))]
    return channels_first(out), gw.transpose((0, gw.ndim - 1, *range(1, gw.ndim - 1))).reshape(w.shape)


# ---- the three ops -----------------------------------------------------------------------------------------------


def _bias_gradient(g: Any) -> Any:
    """The sums over images and places, in the order in which they lie in memory."""
    if isinstance(g, np.ndarray) and not g.flags.c_contiguous:
        return column_sums(g.transpose((0, *range(2, g.ndim), 1)).reshape((-1, g.shape[1])))
    return g.sum(axis=(0, *range(2, g.ndim)))


def _gradients(
    g: Any, needs: tuple, x: Any, weight: Any, stride: Ints, padding: Pairs, dilation: Ints, groups: int
) -> tuple:
    gb = _bias_gradient(g) if needs[2] else None
    if needs[0] and needs[1] and type(g) is np.ndarray and 1 < x.shape[1] >= g.shape[1]:
        size, kernel = g.shape[2:], weight.shape[2:]
        compiled = loops.ready(g, weight, x.shape[0] * math.prod(size) * weight.size)
        back = Windows(x.shape[2:], size, kernel, stride, padding, dilation, groups).way_back()
        if back is not None and not compiled and not depthwise.suits(weight.shape, groups):
            return *both_gradients(x, g, weight, back), gb
    gx = convolution_input(g, weight, tuple(x.shape), stride, padding, dilation, groups) if needs[0] else None
    gw = convolution_weight(x, g, tuple(weight.shape), stride, padding, dilation, groups) if needs[1] else None
    return gx, gw, gb


@op(method=False, joint=_gradients)
def convolution(x, weight, bias, size, stride, padding, dilation, groups):
    """(N, C, *S) and (O, C/groups, *K) to (N, O, *size)."""
    windows = Windows(x.shape[2:], size, weight.shape[2:], stride, padding, dilation, groups)
    if depthwise.suits(weight.shape, groups):
        return depthwise.convolution(x, weight, bias, windows)
    if loops.ready(x, weight, x.shape[0] * math.prod(size) * weight.size):
        return loops.convolution(x, weight, bias, size, stride, padding, dilation, groups)
    return correlate(x, weight_matrix(weight, groups), bias, windows)


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
    sizes, kernel, size = tuple(shape[2:]), w.shape[2:], g.shape[2:]
    windows = Windows(sizes, size, kernel, stride, padding, dilation, groups)
    if depthwise.suits(w.shape, groups):
        return depthwise.input_gradient(g, w, windows)
    few = max(stride) > 1 and w.shape[1] < 8  # channels of which a panel would be mostly empty, once for each phase
    if not few and loops.ready(g, w, shape[0] * math.prod(size) * w.size):
        return loops.input_gradient(g, w, tuple(shape), stride, padding, dilation, groups)
    return input_gradient(g, w, windows)


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
    windows = Windows(x.shape[2:], size, kernel, stride, padding, dilation, groups)
    if depthwise.suits(shape, groups):
        return depthwise.weight_gradient(x, g, windows)
    if loops.ready(x, g, x.shape[0] * math.prod(size) * math.prod(shape)):
        return loops.weight_gradient(x, g, tuple(shape), stride, padding, dilation, groups)
    out = weight_sums(x, g, windows).swapaxes(-1, -2).reshape((shape[0], *kernel, shape[1]))
    return channels_first(out)


# ---- what the user calls -----------------------------------------------------------------------------------------


def each(value: Any, count: int, what: str) -> Ints:
    """One int for all dimensions, or one for each."""
    if isinstance(value, (int, np.integer)):
        return (int(value),) * count
    values = tuple(map(operator.index, value))
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
