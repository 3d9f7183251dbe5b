"""Windows as columns (im2col) and back, and elements moved between channels and places."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from ..op import function, op
from .convolution import each
from .windows import Windows, channels_first, channels_last, strided

__all__ = ["channel_shuffle", "pixel_shuffle", "pixel_unshuffle"]


@op(
    "im2col",
    method=False,
    x=lambda g, x_shape, kernel, size, stride, padding, dilation: fold_columns(  # pyright: ignore[reportGeneralTypeIssues]
        g, x_shape, kernel, size, stride, padding, dilation
    ),
)
def unfold_columns(x, kernel, size, stride, padding, dilation):
    """(N, C, *S) to (N, C · kernel, size): each window a column."""
    x = np.ascontiguousarray(channels_first(channels_last(x, padding)), like=x)
    first, channel, *steps = x.strides
    windows = strided(
        x,
        (*x.shape[:2], *kernel, *size),
        (
            first,
            channel,
            *(a * b for a, b in zip(steps, dilation, strict=True)),
            *(a * b for a, b in zip(steps, stride, strict=True)),
        ),
    )
    return windows.reshape((x.shape[0], x.shape[1] * math.prod(kernel), math.prod(size)))


@op(
    "col2im",
    method=False,
    g=lambda g, kernel, size, stride, padding, dilation: unfold_columns(g, kernel, size, stride, padding, dilation),
)
def fold_columns(g, shape, kernel, size, stride, padding, dilation):
    """The adjoint of `unfold_columns` for an input of that shape: columns added where their windows were."""
    g = g.reshape((*shape[:2], *kernel, *size))
    out = np.zeros_like(g, shape=shape)
    windows = Windows(shape[2:], size, kernel, stride, padding, dilation, 1)
    for tap, where, elements in windows.taps():
        out[(slice(None), slice(None), *elements)] += g[(slice(None), slice(None), *tap, *where)]
    return out


def _geometry(sizes: Any, kernel_size: Any, dilation: Any, padding: Any, stride: Any) -> tuple:
    kernel, stride = each(kernel_size, 2, "kernel_size"), each(stride, 2, "stride")
    dilation, padding = each(dilation, 2, "dilation"), each(padding, 2, "padding")
    if min(kernel) < 1 or min(stride) < 1 or min(dilation) < 1 or min(padding) < 0:
        raise RuntimeError(
            f"kernel_size, stride and dilation should be greater than zero and padding not negative, got {kernel}, {stride}, "
            f"{dilation} and {padding}"
        )
    size = tuple(
        (n + 2 * p - d * (k - 1) - 1) // t + 1
        for n, p, d, k, t in zip(sizes, padding, dilation, kernel, stride, strict=True)
    )
    if min(size) < 1:
        raise RuntimeError(
            f"Given input with spatial size {tuple(sizes)}, kernel_size={kernel}, dilation={dilation}, padding={padding}, "
            f"stride={stride}, calculated shape of the array of sliding blocks as {size}, but its components must be at least "
            "one."
        )
    return kernel, size, stride, tuple((p, p) for p in padding), dilation


@function(method=False)
def unfold(input, kernel_size, dilation=1, padding=0, stride=1):
    """The windows of an image as columns: (N, C, H, W) to (N, C · kernel, windows).

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.unfold.html
    """
    if input.ndim not in (3, 4):
        raise RuntimeError(f"Expected 3D or 4D (batch mode) tensor for input, but got {tuple(input.shape)}")
    if input.ndim == 3:
        return unfold(input[None], kernel_size, dilation, padding, stride)[0]
    return unfold_columns(input, *_geometry(input.shape[2:], kernel_size, dilation, padding, stride))


@function(method=False)
def fold(input, output_size, kernel_size, dilation=1, padding=0, stride=1):
    """Columns added up to an image: (N, C · kernel, windows) to (N, C, *output_size), the adjoint of `unfold`.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.fold.html
    """
    if input.ndim not in (2, 3):
        raise RuntimeError(f"Expected 2D or 3D (batch mode) tensor for input, but got {tuple(input.shape)}")
    if input.ndim == 2:
        return fold(input[None], output_size, kernel_size, dilation, padding, stride)[0]
    sizes = each(output_size, 2, "output_size")
    geometry = _geometry(sizes, kernel_size, dilation, padding, stride)
    taps, windows = math.prod(geometry[0]), math.prod(geometry[1])
    if input.shape[1] % taps or input.shape[2] != windows:
        raise RuntimeError(
            f"fold: output_size {sizes} with kernel_size {geometry[0]} needs (N, C · {taps}, {windows}), got {tuple(input.shape)}"
        )
    return fold_columns(input, (input.shape[0], input.shape[1] // taps, *sizes), *geometry)


@function()
def pixel_shuffle(input, upscale_factor):
    """(..., C · r², H, W) to (..., C, H · r, W · r) (arXiv:1609.05158)."""
    r = operator.index(upscale_factor)
    if input.ndim < 3 or r < 1 or input.shape[-3] % (r * r):
        raise RuntimeError(
            f"pixel_shuffle expects (..., C · {r}², H, W), so its input's channels must be divisible by {r * r}, got "
            f"{tuple(input.shape)}"
        )
    *lead, c, h, w = input.shape
    n = len(lead)
    x = (input if r > 1 else input.clone()).reshape(*lead, c // (r * r), r, r, h, w)
    x = x.permute(*range(n), n, n + 3, n + 1, n + 4, n + 2)
    return x.reshape(*lead, c // (r * r), h * r, w * r)


@function()
def pixel_unshuffle(input, downscale_factor):
    """(..., C, H · r, W · r) to (..., C · r², H, W): undoes `pixel_shuffle`."""
    r = operator.index(downscale_factor)
    if input.ndim < 3 or r < 1 or input.shape[-1] % r or input.shape[-2] % r:
        raise RuntimeError(
            f"pixel_unshuffle expects height and width to be divisible by downscale_factor {r}, got {tuple(input.shape)}"
        )
    *lead, c, h, w = input.shape
    n = len(lead)
    x = (input if r > 1 else input.clone()).reshape(*lead, c, h // r, r, w // r, r)
    x = x.permute(*range(n), n, n + 2, n + 4, n + 1, n + 3)
    return x.reshape(*lead, c * r * r, h // r, w // r)


@function()
def channel_shuffle(input, groups):
    """(N, C, ...) with the channels of `groups` groups dealt out in turn (arXiv:1707.01083)."""
    if input.ndim < 3 or groups < 1 or input.shape[1] % groups:
        raise RuntimeError(
            f"channel_shuffle expects (N, C, ...) with C divisible by groups {groups}, got {tuple(input.shape)}"
        )
    n, c, *sizes = input.shape
    return input.reshape(n, groups, c // groups, *sizes).transpose(1, 2).reshape(n, c, *sizes)


native_channel_shuffle = channel_shuffle
