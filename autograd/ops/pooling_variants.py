"""Pooling with a power mean, with windows drawn at random, and backwards."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from ..device import CPU, device_of, to_device
from ..dtypes import expect_real
from ..op import function, op
from ..random import rng
from ..tensor import Tensor, unwrap, wrap
from .activation import relu
from .convolution import each
from .pooling import avg_pool1d, avg_pool2d, avg_pool3d, batched, output_sizes, pick, picked

__all__: list[str] = []

# ---- power mean --------------------------------------------------------------------------------------------------


def _lp_pool(dims: int, average: Any) -> Any:
    name = f"lp_pool{dims}d"

    def pool(input, norm_type, kernel_size, stride=None, ceil_mode=False):
        taps = math.prod(each(kernel_size, dims, "kernel_size"))
        mean = average(input**norm_type, kernel_size, stride, 0, ceil_mode)
        return (np.sign(mean.detach()) * relu(abs(mean)) * taps) ** (1.0 / norm_type)

    pool.__name__ = pool.__qualname__ = name
    pool.__doc__ = f"""(Σ x^norm_type)^(1 / norm_type) of each window of (N, C, {"*" * dims}), or without N.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.{name}.html
    """
    return function(method=False)(pool)


lp_pool1d, lp_pool2d, lp_pool3d = _lp_pool(1, avg_pool1d), _lp_pool(2, avg_pool2d), _lp_pool(3, avg_pool3d)

# ---- random windows ----------------------------------------------------------------------------------------------


def random_starts(samples: Any, size: int, out: int, kernel: int) -> Any:
    """Where the windows of one dimension begin: (N, C, out), the last at the end (arXiv:1412.6071)."""
    last = np.full((*samples.shape, 1), size - kernel)
    if out == 1:
        return last
    alpha = (size - kernel) / (out - 1)
    i = np.arange(out - 1)
    starts = ((i + samples[..., None]) * alpha).astype(np.int64) - (samples[..., None] * alpha).astype(np.int64)
    return np.concatenate((starts, last), -1)


def random_argmax(x: Any, starts: list, kernel: tuple) -> Any:
    """The flat index of the maximum of each window that begins at `starts` (N, C, out) per dimension, on the CPU."""
    expect_real("fractional_max_pool", x)
    n, c, *sizes = x.shape
    dims = len(sizes)
    flat = np.zeros((1,) * (2 + 2 * dims), np.int64)
    for d, (start, k) in enumerate(zip(starts, kernel, strict=True)):
        at = start[..., None] + np.arange(k)  # (N, C, out, k)
        shape = [n, c] + [1] * (2 * dims)
        shape[2 + d], shape[2 + dims + d] = at.shape[2:]
        flat = flat * sizes[d] + at.reshape(shape)
    flat = to_device(flat.reshape((*flat.shape[: 2 + dims], -1)), device_of(x))
    values = np.take_along_axis(x.reshape((n, c, -1)), flat.reshape((n, c, -1)), -1).reshape(flat.shape)
    return np.take_along_axis(flat, values.argmax(-1)[..., None], -1)[..., 0]


def _fractional(dims: int) -> tuple:
    name = f"fractional_max_pool{dims}d"

    def with_indices(
        input, kernel_size, output_size=None, output_ratio: Any = None, return_indices=False, _random_samples=None
    ):
        if output_size is None and output_ratio is None:
            raise ValueError(f"{name} requires specifying either an output_size or an output_ratio")
        kernel = each(kernel_size, dims, "kernel_size")

        def body(x):
            sizes = tuple(x.shape[2:])
            if output_size is None:
                ratios = (output_ratio,) * dims if isinstance(output_ratio, float) else tuple(output_ratio)
                out = tuple(int(s * r) for s, r in zip(sizes, ratios, strict=True))
            else:
                out = output_sizes(output_size, sizes, dims)
            if any(o + k - 1 > s for o, k, s in zip(out, kernel, sizes, strict=True)):
                raise RuntimeError(
                    f"{name}: pool size {kernel} too large relative to input size {sizes} for output size {out}"
                )
            if _random_samples is None:
                samples = rng(None).random((*x.shape[:2], dims))
            else:
                samples = to_device(unwrap(_random_samples), CPU).reshape((-1, x.shape[1], dims))[: x.shape[0]]
            # PyTorch's samples for images have the width first, those for volumes the depth.
            order = range(dims - 1, -1, -1) if dims == 2 else range(dims)
            starts = [
                random_starts(samples[..., i], s, o, k) for i, s, o, k in zip(order, sizes, out, kernel, strict=True)
            ]
            return picked(x, random_argmax(unwrap(x), starts, kernel))

        return batched(body, input, dims, name)

    def pool(input, kernel_size, output_size=None, output_ratio=None, return_indices=False, _random_samples=None):
        values, indices = with_indices(input, kernel_size, output_size, output_ratio, False, _random_samples)
        return (values, indices) if return_indices else values

    for f, own_name in ((pool, name), (with_indices, f"{name}_with_indices")):
        f.__name__ = f.__qualname__ = own_name
        f.__doc__ = f"""The maxima of windows of (N, C, {"*" * dims}) whose steps are drawn at random (arXiv:1412.6071).

    Args:
        kernel_size: of the windows.
        output_size, output_ratio: how many windows, or their share of the input's size.
        return_indices: also return the flat index of each maximum.
    """
    return function(method=False)(pool), function(method=False)(with_indices)


fractional_max_pool2d, fractional_max_pool2d_with_indices = _fractional(2)
fractional_max_pool3d, fractional_max_pool3d_with_indices = _fractional(3)

# ---- backwards ---------------------------------------------------------------------------------------------------


@op("max_unpool", method=False, x=lambda g, indices: pick(g, indices))
def _unpool(x, indices, sizes):
    """Zeros of those spatial sizes with `x` written at flat indices."""
    n, c = x.shape[:2]
    out = np.zeros_like(x, shape=(n, c, math.prod(sizes)))
    np.put_along_axis(out, indices.reshape((n, c, -1)), x.reshape((n, c, -1)), axis=-1)
    return out.reshape((n, c, *sizes))


def _max_unpool(dims: int) -> Any:
    name = f"max_unpool{dims}d"

    def unpool(input, indices, kernel_size, stride=None, padding=0, output_size=None):
        kernel = each(kernel_size, dims, "kernel_size")
        steps = kernel if stride is None else each(stride, dims, "stride")
        pad = each(padding, dims, "padding")
        if tuple(indices.shape) != tuple(input.shape):
            raise RuntimeError(
                f"Expected shape of indices to be same as that of the input tensor ({tuple(input.shape)}) but got indices "
                f"tensor with shape: {tuple(indices.shape)}"
            )
        if input.ndim not in (dims + 1, dims + 2):
            raise RuntimeError(f"{name}: expected (N, C, *S) with {dims} spatial dimensions, got {tuple(input.shape)}")
        default = tuple(
            (n - 1) * t - 2 * p + k for n, t, p, k in zip(input.shape[-dims:], steps, pad, kernel, strict=True)
        )
        sizes = default
        if output_size is not None:
            sizes = tuple(map(operator.index, output_size))[-dims:]
            if any(not d - t < s < d + t for s, d, t in zip(sizes, default, steps, strict=True)):
                raise ValueError(
                    f"invalid output_size {output_size}: it must be within the stride {steps} of {default}"
                )
        index = unwrap(indices)
        if index.size and not (index.min() >= 0 and index.max() < math.prod(sizes)):
            raise RuntimeError(
                f"Found an invalid max index: {int(index.max())} (output volumes are of size {' x '.join(map(str, sizes))})"
            )
        places = wrap(index) if isinstance(input, Tensor) else index
        if input.ndim == dims + 1:
            return _unpool(input[None], places[None], sizes)[0]
        return _unpool(input, places, sizes)

    unpool.__name__ = unpool.__qualname__ = name
    unpool.__doc__ = f"""Zeros, with the values of `max_pool{dims}d` at the indices that it returned.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.{name}.html
    """
    return function(method=False)(unpool)


max_unpool1d, max_unpool2d, max_unpool3d = _max_unpool(1), _max_unpool(2), _max_unpool(3)
