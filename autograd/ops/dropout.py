"""Dropout: noise that multiplies, drawn anew at each call."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..device import device_of, to_device
from ..dtypes import expect_floating
from ..op import function, op
from ..random import Generator, rng
from ..tensor import Tensor, wrap

__all__ = ["alpha_dropout", "dropout", "feature_alpha_dropout", "feature_dropout"]


def kept(shape: tuple, p: float, generator: Generator | None) -> np.ndarray:
    """Which elements stay: True with probability 1 − p.  32 random bits each are twice as fast as a float each."""
    count = int(np.prod(shape))
    bits = rng(generator).bit_generator.random_raw((count + 1) // 2).view(np.uint32)[:count]
    return (bits >= np.uint32(min(int(p * 2**32), 2**32 - 1))).reshape(shape)


def acts(name: str, input: Tensor, p: float, training: bool) -> bool:
    """Does it change anything?  Raises unless `p` is a probability, and the input can be scaled."""
    if not 0 <= p <= 1:
        raise ValueError(f"{name}: dropout probability has to be between 0 and 1, but got {p}")
    if not training or p == 0 or input.numel() == 0:
        return False
    expect_floating(name, input)
    return True


@op("dropout", method=False, x=lambda g, noise: g * noise)
def _dropout(x, noise):
    return x * noise


def noise(input: Tensor, shape: tuple, p: float, generator: Generator | None) -> Any:
    """0 with probability p and 1 / (1 − p) otherwise, in the type and on the device of `input`."""
    if p == 1:
        return np.zeros_like(input.array, shape=shape)
    mask = kept(shape, p, generator) * input.dtype.type(1 / (1 - p))
    return to_device(mask, device_of(input.array))


@function()
def dropout(input, p=0.5, training=True, *, generator: Generator | None = None):
    """Each element 0 with probability `p`, and divided by 1 − p otherwise; `input` itself unless `training`.

    >>> import autograd as ag
    >>> ag.dropout(ag.ones(3), 0.5, training=False)
    tensor([1., 1., 1.])
    """
    if not acts("dropout", input, p, training):
        return input
    return _dropout(input, noise(input, tuple(input.shape), p, generator))


@function(method=False)
def feature_dropout(input, p=0.5, training=True, *, generator: Generator | None = None):
    """Whole channels 0 with probability `p`: (N, C, ...), one draw for each of N · C."""
    if input.ndim < 2:
        raise RuntimeError("Feature dropout requires at least 2 dimensions in the input")
    if not acts("feature_dropout", input, p, training):
        return input
    return _dropout(input, noise(input, (*input.shape[:2], *(1,) * (input.ndim - 2)), p, generator))


_SATURATION = -1.7580993408473766  # the value that SELU tends to, far below 0


def _alpha(input: Any, shape: tuple, p: float, generator: Generator | None) -> Any:
    """Dropped values become SELU's saturation; then scaled and shifted to keep mean and variance (arXiv:1706.02515)."""
    if p == 1:
        return input * 0
    scale = 1 / np.sqrt((_SATURATION**2 * p + 1) * (1 - p))
    stays = to_device(kept(shape, p, generator), device_of(input.array))
    kind = input.dtype.type
    shift = (~stays * kind(_SATURATION * scale)) + kind(-p * _SATURATION * scale)
    return _dropout(input, stays * kind(scale)) + wrap(shift)


@function(method=False)
def alpha_dropout(input, p=0.5, training=False, *, generator: Generator | None = None):
    """Dropout for SELU networks: it keeps mean and variance."""
    if not acts("alpha_dropout", input, p, training):
        return input
    return _alpha(input, tuple(input.shape), p, generator)


@function(method=False)
def feature_alpha_dropout(input, p=0.5, training=False, *, generator: Generator | None = None):
    """`alpha_dropout` of whole channels."""
    if not acts("feature_alpha_dropout", input, p, training):
        return input
    return _alpha(input, (*input.shape[:2], *(1,) * (input.ndim - 2)), p, generator)
